package dev.switchboard.server.command;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.history.HistorySettings;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of {@code start} about what is kept of the stream for those who come back. */
final class HistoryOptions {
    @Option(
            names = "--history-bytes",
            description =
                    "Memory for changes that are kept, so that clients which come back are told what they missed; 0: none; default: an eighth of the heap, at most 64 MiB. PostgreSQL keeps their WAL too, at most 512 MiB.")
    private @Nullable Long historyBytes;

    @Option(names = "--history-seconds", description = "How long changes are kept.", defaultValue = "300")
    private int historySeconds;

    void check(GatewayOptions.Bounds bounds) {
        bounds.between("--history-seconds", historySeconds, 1, 86_400);
    }

    HistorySettings settings() {
        long heap = Runtime.getRuntime().maxMemory();
        if (historyBytes != null && (historyBytes < 0 || historyBytes > heap / 2)) {
            throw new InvalidSettingException("Invalid value for option '--history-bytes': " + historyBytes
                    + " is not between 0 and " + heap / 2 + ", half of the heap (SWITCHBOARD_HEAP)");
        }
        long bytes = historyBytes == null ? HistorySettings.defaults().bytes() : historyBytes;
        return bytes == 0 ? HistorySettings.NONE : new HistorySettings(bytes, Duration.ofSeconds(historySeconds));
    }
}
