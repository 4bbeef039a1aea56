package dev.switchboard.server;

import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Looks every two seconds whether files were changed by somebody, and has that taken over. Thread-safe. */
final class FileWatch {
    private static final Logger LOG = LoggerFactory.getLogger(FileWatch.class);
    private static final long EVERY_MILLIS = 2_000;

    private final Vertx vertx;
    private final Executor blocking;

    FileWatch(Vertx vertx, Executor blocking) {
        this.vertx = vertx;
        this.blocking = blocking;
    }

    /** @param takeOver runs after one of the files was changed; where it fails, what was before stays, and that is logged */
    void watch(List<Path> files, Runnable takeOver) {
        var seen = new AtomicReference<>(times(files));
        vertx.setPeriodic(
                EVERY_MILLIS,
                _ -> blocking.execute(() -> {
                    List<FileTime> now = times(files);
                    if (now.size() == files.size() && !seen.getAndSet(now).equals(now)) {
                        try {
                            takeOver.run();
                            LOG.info("Took over the change of {}", files);
                        } catch (RuntimeException failed) {
                            LOG.error(
                                    "The change of {} cannot be taken over, the former content stays: {}",
                                    files,
                                    failed.getMessage());
                        }
                    }
                }));
    }

    /** Fewer than files where one is not there at the moment. */
    private static List<FileTime> times(List<Path> files) {
        var times = new ArrayList<FileTime>();
        for (Path file : files) {
            try {
                times.add(Files.getLastModifiedTime(file));
            } catch (IOException beingReplaced) {
                return List.of();
            }
        }
        return times;
    }
}
