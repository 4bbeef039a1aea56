package dev.switchboard.server;

import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.pipeline.Progress;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks PostgreSQL where its log ends, so that clients can be told how current the server is (SPEC W7). A question that
 * fails proves nothing: the server looks older and older, which is what it is.
 */
final class LogEnd implements Runnable {
    static final Duration EVERY = Duration.ofSeconds(3);

    private static final Logger LOG = LoggerFactory.getLogger(LogEnd.class);

    private final DataSource connections;
    private final Progress progress;
    private final InstantSource clock;

    LogEnd(DataSource connections, Progress progress, InstantSource clock) {
        this.connections = connections;
        this.progress = progress;
        this.clock = clock;
    }

    @Override
    public void run() {
        Instant asked = clock.instant();
        try (Connection connection = connections.getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("select pg_current_wal_flush_lsn()::text")) {
            rows.next();
            progress.logEnded(asked, Lsn.parse(rows.getString(1)));
        } catch (SQLException failed) {
            LOG.debug("where the log ends is not known now: {}", failed.getMessage());
        }
    }
}
