package dev.switchboard.engine.channel;

import dev.switchboard.engine.protocol.ErrorCode;
import java.time.Duration;
import java.time.InstantSource;
import java.util.function.BooleanSupplier;

/**
 * Tells a connection's channels that ask for it ({@code broadcast.replication_ready}) once what the database says reaches them, or that
 * it does not. Owned by the connection's event loop.
 */
final class Readiness {
    /** So long is waited for the stream, as the original does. */
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Replies replies;
    private final BooleanSupplier streaming;
    private final PrivateGuard.Ends ends;
    private final InstantSource clock;

    Readiness(Replies replies, BooleanSupplier streaming, PrivateGuard.Ends ends, InstantSource clock) {
        this.replies = replies;
        this.streaming = streaming;
        this.ends = ends;
        this.clock = clock;
    }

    /** Called when a channel enters its room, and about once a second. */
    void tick(Channel channel) {
        channel.awaitsReplicationSince().ifPresent(since -> {
            if (streaming.getAsBoolean()) {
                channel.replicationReady();
                replies.systemNotice(channel, "system", "Replication connection established");
            } else if (!clock.instant().isBefore(since.plus(PATIENCE))) {
                ends.close(channel, ErrorCode.REPLICATION_LATE, ErrorCode.REPLICATION_LATE.message());
            }
        });
    }
}
