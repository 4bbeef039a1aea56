package dev.switchboard.engine.channel;

import dev.switchboard.engine.deliver.Outbound;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.Frame;
import dev.switchboard.engine.protocol.ServerMessage;
import java.util.List;
import java.util.Optional;

/** What one connection's client is told, in the wire version that it speaks. Owned by the connection's event loop. */
final class Replies {
    private final WireVersion version;
    private final Outbound outbound;

    Replies(WireVersion version, Outbound outbound) {
        this.version = version;
        this.outbound = outbound;
    }

    void say(ServerMessage message) {
        send(message.encode(version));
    }

    void send(Frame frame) {
        outbound.send(frame);
    }

    /** What others have said, for one channel, where its wire version has a form for it. */
    Optional<Frame> frame(Channel channel, BroadcastContent content) {
        return content.frame(version, channel.topic(), channel.joinRef());
    }

    /** Who wanted an answer gets one; a message without is told of as a system message, since silence would look like success. */
    void deny(Channel channel, ClientMessage message, ErrorCode code) {
        boolean answered = !(message instanceof ClientMessage.Broadcast)
                || channel.join().options().acknowledged();
        if (answered) {
            refuse(message, code, code.message());
        } else {
            systemError(channel, "broadcast", code.reason());
        }
    }

    /** Answers a message of the client. */
    void ok(Channel channel, ClientMessage message) {
        say(new ServerMessage.Ok(channel.joinRef(), message.ref(), message.topic()));
    }

    void refuse(ClientMessage message, ErrorCode code, String detail) {
        boolean join = message instanceof ClientMessage.Join;
        say(new ServerMessage.Refused(message.joinRef(), message.ref(), message.topic(), code.reason(detail), join));
    }

    void subscribed(Channel channel) {
        say(new ServerMessage.Notice(
                channel.joinRef(),
                channel.topic(),
                "postgres_changes",
                ServerMessage.Status.OK,
                "Subscribed to PostgreSQL"));
    }

    void refused(Channel channel, List<ChangeFeed.Refusal> refusals) {
        for (ChangeFeed.Refusal refusal : refusals) {
            systemError(channel, "postgres_changes", ErrorCode.SUBSCRIPTION_REFUSED.reason(refusal.message()));
        }
    }

    void systemNotice(Channel channel, String extension, String message) {
        say(new ServerMessage.Notice(channel.joinRef(), channel.topic(), extension, ServerMessage.Status.OK, message));
    }

    void systemError(Channel channel, String extension, String message) {
        say(new ServerMessage.Notice(
                channel.joinRef(), channel.topic(), extension, ServerMessage.Status.ERROR, message));
    }
}
