package dev.switchboard.engine.channel;

import dev.switchboard.engine.protocol.ErrorCode;
import java.time.InstantSource;

/** What becomes of one connection's private channels once it is known what they may. Owned by the connection's event loop. */
final class PrivateEnds implements PrivateGuard.Ends {
    private final Connection connection;
    private final Admission admission;
    private final Replies replies;
    private final InstantSource clock;

    PrivateEnds(Connection connection, Admission admission, Replies replies, InstantSource clock) {
        this.connection = connection;
        this.admission = admission;
        this.replies = replies;
        this.clock = clock;
    }

    @Override
    public void refuse(Channel channel, ErrorCode code, String message, Runnable goOn) {
        if (!channel.isHeld() && !admission.mayStillSignIn(channel)) {
            connection.drop(channel, code, message);
            return;
        }
        channel.hold();
        channel.awaitToken(clock.instant().plus(Admission.SIGN_IN_GRACE), code.reason(message));
        goOn.run();
    }

    @Override
    public void drop(Channel channel, ErrorCode code) {
        connection.drop(channel, code, code.message());
    }

    @Override
    public void enter(Channel channel) {
        channel.release();
        connection.enter(channel);
    }

    @Override
    public void vanish(Channel channel) {
        connection.vanish(channel);
    }

    @Override
    public void close(Channel channel, ErrorCode code, String message) {
        replies.systemError(channel, "system", message);
        connection.close(channel, code, message);
    }

    @Override
    public void fail(Channel channel, ErrorCode code) {
        connection.fail(channel, code, code.reason());
    }
}
