package dev.switchboard.data;

import dev.switchboard.engine.model.TableName;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The present {@link Catalog}. It is read again when PostgreSQL says that something was defined ({@code NOTIFY pgrst}, which an
 * event trigger sends where there is one), and when a request does not find what it asks for while the catalog's
 * fingerprint has changed: so no request fails for a stale catalog, also where nothing notifies. Thread-safe; reading is guarded by
 * {@code lock}.
 */
final class Catalogs implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Catalogs.class);
    private static final int WAIT_MILLIS = 2_000;
    /** How long a table is open before that is said. */
    private static final Duration OPEN_FOR = Duration.ofSeconds(5);

    private static final Duration RETRY = Duration.ofSeconds(1);

    private static final String FINGERPRINT = """
            select concat_ws(' ',
              (select count(*) || ':' || bit_xor(hashtextextended(oid || ' ' || xmin, 0)) from pg_class where relkind in ('r', 'p', 'v', 'm', 'f', 'i', 'I')),
              (select count(*) || ':' || sum(hashtextextended(attrelid || ' ' || attnum || ' ' || xmin, 0) % 1000000007) from pg_attribute where attrelid >= 16384 and attnum > 0),
              (select count(*) || ':' || bit_xor(hashtextextended(oid || ' ' || xmin, 0)) from pg_proc where oid >= 16384),
              (select count(*) || ':' || bit_xor(hashtextextended(oid || ' ' || xmin, 0)) from pg_constraint where oid >= 16384),
              (select count(*) || ':' || bit_xor(hashtextextended(oid || ' ' || xmin, 0)) from pg_type where oid >= 16384),
              (select count(*) || ':' || bit_xor(hashtextextended(oid || ' ' || xmin, 0)) from pg_namespace),
              (select count(*) || ':' || bit_xor(hashtextextended(oid || ' ' || xmin, 0)) from pg_rewrite where oid >= 16384),
              (select count(*) || ':' || bit_xor(hashtextextended(oid || ' ' || xmin, 0)) from pg_cast where oid >= 16384),
              (select count(*) || ':' || sum(xmin::text::bigint) from pg_auth_members))""";

    private final DataSource connections;
    private final DataSettings settings;
    private final ReentrantLock lock = new ReentrantLock();
    /** Owned by the listening thread, as is {@code openSince}. */
    private final Set<TableName> warned = new HashSet<>();

    private final Map<TableName, Long> openSince = new HashMap<>();
    private final LongAdder reads = new LongAdder();
    private final Thread listener;
    private volatile Catalog present;
    /** When it was last looked whether something changed, {@link System#nanoTime}; guarded by {@code lock}. */
    private long lastLook = System.nanoTime();

    private volatile boolean closed;

    /** Reads it, and listens from then on. */
    Catalogs(DataSource connections, DataSettings settings) {
        this.connections = connections;
        this.settings = settings;
        try (Connection connection = connections.getConnection()) {
            present = read(connection);
        } catch (SQLException failed) {
            throw new IllegalStateException("cannot read the catalog for the data API", failed);
        }
        listener = Thread.ofVirtual().name("catalog").start(this::listen);
    }

    /** How often everything was read. */
    long reads() {
        return reads.sum();
    }

    Catalog present() {
        return present;
    }

    /**
     * Has it read again if something was defined since.
     *
     * @param used what a request was answered from
     * @return whether there is a newer one now
     */
    boolean refresh(Catalog used) throws SQLException {
        long arrived = System.nanoTime();
        lock.lock();
        try {
            // a look that began after this request had failed tells it all it needs: many that fail together share one
            if (lastLook - arrived < 0) {
                lastLook = System.nanoTime();
                try (Connection connection = connections.getConnection()) {
                    reread(connection);
                }
            }
            return !present.fingerprint().equals(used.fingerprint());
        } finally {
            lock.unlock();
        }
    }

    private void reread(Connection connection) throws SQLException {
        lock.lock();
        try {
            if (!fingerprint(connection).equals(present.fingerprint())) {
                present = read(connection);
            }
        } finally {
            lock.unlock();
        }
    }

    /** The fingerprint first: what is defined while the rest is read makes it read once more. */
    private Catalog read(Connection connection) throws SQLException {
        reads.increment();
        String fingerprint = fingerprint(connection);
        return CatalogReader.read(connection, fingerprint, settings);
    }

    /** A migration makes tables, and their policies a little later: who is open only meanwhile is not warned of. */
    private void warnOfOpenTables() {
        Set<TableName> open = present.tables().values().stream()
                .filter(Catalog.Table::open)
                .map(Catalog.Table::name)
                .collect(Collectors.toSet());
        long now = System.nanoTime();
        openSince.keySet().retainAll(open);
        open.forEach(name -> openSince.putIfAbsent(name, now));
        List<String> due = openSince.entrySet().stream()
                .filter(entry -> now - entry.getValue() > OPEN_FOR.toNanos() && warned.add(entry.getKey()))
                .map(entry -> entry.getKey().toString())
                .sorted()
                .toList();
        if (!due.isEmpty()) {
            LOG.warn("Anybody who reaches the port reaches these tables, which have no row level security: {}", due);
        }
    }

    private static String fingerprint(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(FINGERPRINT)) {
            row.next();
            return row.getString(1);
        }
    }

    private void listen() {
        while (!closed) {
            try (Connection connection = connections.getConnection();
                    Statement statement = connection.createStatement()) {
                statement.execute("listen pgrst");
                reread(connection); // what was missed while nobody listened
                while (!closed) {
                    var notifications = connection.unwrap(PGConnection.class).getNotifications(WAIT_MILLIS);
                    if (notifications != null && notifications.length > 0) {
                        lock.lock();
                        try {
                            present = read(connection); // also what has no fingerprint, settings of roles
                        } finally {
                            lock.unlock();
                        }
                    }
                    // also where nothing notifies: an estimate of a table that hides rows now tells of them
                    reread(connection);
                    warnOfOpenTables();
                }
            } catch (SQLException | RuntimeException broken) {
                if (!closed) {
                    LOG.warn("Changes of the schema are not heard of at the moment: {}", broken.getMessage());
                    pause();
                }
            }
        }
    }

    private static void pause() {
        try {
            Thread.sleep(RETRY);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        closed = true;
        listener.interrupt();
    }
}
