package dev.switchboard.server.command;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.channel.Rooms;
import dev.switchboard.engine.deliver.OutboxLimit;
import dev.switchboard.engine.deliver.OverflowRule;
import dev.switchboard.gateway.GatewaySettings;
import java.time.Duration;
import picocli.CommandLine.Option;

/** Options of {@code start} about sockets and their channels. */
final class GatewayOptions {
    @Option(names = "--max-connections", description = "WebSockets at the same time.", defaultValue = "16384")
    private int maxConnections;

    @Option(names = "--max-channels", description = "Channels of one connection.", defaultValue = "100")
    private int maxChannels;

    @Option(names = "--max-joins-per-second", description = "Joins of one connection.", defaultValue = "100")
    private int maxJoinsPerSecond;

    @Option(
            names = "--rooms",
            description =
                    "Who may be in public rooms, for broadcast and presence: open (everybody with the anon key), signed-in, or private (nobody: there are private rooms alone).",
            defaultValue = "open")
    private String rooms = "";

    @Option(names = "--max-frame-bytes", description = "Size of a client's message.", defaultValue = "5000000")
    private int maxFrameBytes;

    @Option(
            names = "--outbox-bytes",
            description = "What may wait for one slow client; beyond it, the client is disconnected.",
            defaultValue = "262144")
    private int outboxBytes;

    @Option(
            names = "--send-buffer-bytes",
            description = "Kernel send buffer of one connection (Linux doubles it).",
            defaultValue = "65536")
    private int sendBufferBytes;

    @Option(names = "--idle-seconds", description = "Silence after which a client is closed.", defaultValue = "60")
    private int idleSeconds;

    @Option(
            names = "--drain-seconds",
            description =
                    "Over how long clients are sent away when the server is told to stop, so that not all come to the next one at once; 0: at once.",
            defaultValue = "0")
    private int drainSeconds;

    @Option(
            names = "--no-compression",
            description = "Messages are not compressed, also for clients that offer it (permessage-deflate).")
    private boolean noCompression;

    /** Refuses a value that is not between two others. */
    interface Bounds {
        void between(String name, int value, int least, int most);
    }

    void check(Bounds bounds) {
        bounds.between("--max-connections", maxConnections, 1, 10_000_000);
        bounds.between("--max-channels", maxChannels, 1, 100_000);
        bounds.between("--max-joins-per-second", maxJoinsPerSecond, 1, 1_000_000);
        bounds.between("--max-frame-bytes", maxFrameBytes, 1024, 1 << 30);
        bounds.between("--outbox-bytes", outboxBytes, 16 * 1024, 1 << 30);
        bounds.between("--send-buffer-bytes", sendBufferBytes, 4 * 1024, 1 << 26);
        bounds.between("--idle-seconds", idleSeconds, 5, 86_400);
        bounds.between("--drain-seconds", drainSeconds, 0, 3_600);
    }

    ChannelLimits limits() {
        return new ChannelLimits(maxChannels, maxJoinsPerSecond, rooms());
    }

    private Rooms rooms() {
        return switch (rooms) {
            case "open" -> Rooms.OPEN;
            case "signed-in" -> Rooms.SIGNED_IN;
            case "private" -> Rooms.PRIVATE;
            default ->
                throw new InvalidSettingException(
                        "Invalid value for option '--rooms': " + rooms + " is none of open, signed-in and private");
        };
    }

    GatewaySettings settings() {
        return new GatewaySettings(
                maxConnections,
                maxFrameBytes,
                new OutboxLimit(outboxBytes, OverflowRule.DISCONNECT),
                sendBufferBytes,
                Duration.ofSeconds(idleSeconds),
                Duration.ofSeconds(drainSeconds),
                !noCompression);
    }
}
