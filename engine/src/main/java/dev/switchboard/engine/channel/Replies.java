package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.ServerMessage;
import java.util.List;

/** What one connection's client is told, in the wire version that it speaks. Owned by the connection's event loop. */
final class Replies {
    private final WireVersion version;
    private final Outbound outbound;

    Replies(WireVersion version, Outbound outbound) {
        this.version = version;
        this.outbound = outbound;
    }

    void say(ServerMessage message) {
        outbound.send(message.encode(version));
    }

    /** Answers a message of the client. */
    void ok(Channel channel, ClientMessage message) {
        say(new ServerMessage.Ok(channel.joinRef(), message.ref(), message.topic()));
    }

    void refuse(ClientMessage message, ErrorCode code, String detail) {
        say(new ServerMessage.Refused(message.joinRef(), message.ref(), message.topic(), code.reason(detail)));
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

    void systemError(Channel channel, String extension, String message) {
        say(new ServerMessage.Notice(
                channel.joinRef(), channel.topic(), extension, ServerMessage.Status.ERROR, message));
    }
}
