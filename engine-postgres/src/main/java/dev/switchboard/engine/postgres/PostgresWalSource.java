package dev.switchboard.engine.postgres;

import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.pipeline.WalSource;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGProperty;
import org.postgresql.replication.LogSequenceNumber;
import org.postgresql.replication.PGReplicationStream;

/**
 * The stream of a permanent logical slot: pgoutput, protocol version 1, text, no streaming of open transactions. Used by
 * the WAL thread; {@link #close} by any. Ends a stream by aborting its connection: nothing else is safe while another
 * thread may be reading.
 */
public final class PostgresWalSource implements WalSource {
    private static final long STATUS_EVERY_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    /** After so long a stream without all publications is opened anew with them. */
    private static final long AGAIN_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final Database database;
    private final String slot;
    private final List<String> publications;
    private final AtomicBoolean closed = new AtomicBoolean();
    private final AtomicReference<@Nullable Connection> running = new AtomicReference<>();
    /** Whether PostgreSQL refused a stream of all publications: one that was made after where the slot stands, for example. */
    private final AtomicBoolean refused = new AtomicBoolean();

    private boolean opened;

    /** @param database a user with the REPLICATION attribute */
    public PostgresWalSource(Database database, String slot, String publication) {
        this(database, slot, List.of(publication));
    }

    /** One that brings the changes of tables that policies read too, where these are published. */
    public static PostgresWalSource withDependencies(Database database, String slot, String publication) {
        return new PostgresWalSource(
                database, slot, List.of(publication, Publications.DEPENDENCIES, Publications.MESSAGES));
    }

    /** @param publications the first has to be there; the others are carried where they are, and where PostgreSQL can */
    private PostgresWalSource(Database database, String slot, List<String> publications) {
        this.database = database;
        this.slot = slot;
        this.publications = List.copyOf(publications);
    }

    @Override
    public Stream open(Lsn start) throws WalUnavailableException, SlotLostException {
        if (closed.get()) {
            throw new WalUnavailableException("the WAL source is closed", new IllegalStateException("closed"));
        }
        try {
            boolean wasRefused = refused.get();
            Slot ensured = ensureSlot();
            Connection connection = connect(true);
            running.set(connection);
            String origin = system(connection) + "/" + String.join(",", ensured.carried());
            PGReplicationStream stream = start(connection, start, ensured.carried());
            opened = true;
            // what was not confirmed comes again, and is known by its position
            return new PgStream(
                    connection,
                    stream,
                    ensured,
                    origin,
                    ShutdownWatch.start(database, () -> abort(connection)),
                    refused,
                    wasRefused);
        } catch (SQLException failed) {
            abort();
            // a slot that was invalidated meanwhile is found out by the next attempt
            throw new WalUnavailableException("slot " + slot + ": " + failed.getMessage(), failed);
        }
    }

    /**
     * The slot as it is.
     *
     * @param carried    the publications that a stream can carry
     * @param from       where a stream of it begins
     * @param mostBehind of WAL that PostgreSQL can keep for it
     */
    private record Slot(List<String> carried, Lsn from, long mostBehind) {}

    /** Which database it is, on which timeline. */
    private static String system(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("IDENTIFY_SYSTEM")) {
            row.next();
            return row.getString("systemid") + "/" + row.getString("timeline") + "/" + row.getString("dbname");
        }
    }

    private PGReplicationStream start(Connection connection, Lsn start, List<String> carried) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            for (String setting : SessionSettings.statements()) {
                statement.execute(setting);
            }
        }
        return connection
                .unwrap(PGConnection.class)
                .getReplicationAPI()
                .replicationStream()
                .logical()
                .withSlotName(slot)
                .withStartPosition(LogSequenceNumber.valueOf(start.value()))
                .withSlotOption("proto_version", 1)
                .withSlotOption("publication_names", String.join(",", carried))
                .withStatusInterval(1, TimeUnit.SECONDS)
                .withAutomaticFlush(false)
                .start();
    }

    /** The slot is made once; one that was there for this process and is no more is lost. */
    private Slot ensureSlot() throws SQLException, SlotLostException {
        try (Connection connection = connect(false)) {
            running.set(connection); // making a slot waits for transactions under way, prepared ones too
            switch (slotState(connection)) {
                case FINE -> {}
                case MISSING -> {
                    if (opened) {
                        throw new SlotLostException("slot " + slot + " does not exist any more");
                    }
                    createSlot(connection);
                }
                case LOST -> throw new SlotLostException("slot " + slot + " was invalidated: its WAL is gone");
            }
            return slot(connection, carried(connection));
        }
    }

    private Slot slot(Connection connection, List<String> carried) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement("""
                select confirmed_flush_lsn::text, case k.keep when '-1' then null else pg_size_bytes(k.keep) end
                  from pg_replication_slots, current_setting('max_slot_wal_keep_size') k(keep) where slot_name = ?""")) {
            query.setString(1, slot);
            try (ResultSet row = query.executeQuery()) {
                row.next();
                long most = row.getLong(2);
                return new Slot(carried, Lsn.parse(row.getString(1)), row.wasNull() ? Long.MAX_VALUE : most / 2);
            }
        }
    }

    private List<String> carried(Connection connection) throws SQLException {
        var carried = new ArrayList<>(publications.subList(0, 1));
        if (refused.getAndSet(false)) {
            return carried; // the next stream tries again
        }
        try (PreparedStatement query = connection.prepareStatement("select from pg_publication where pubname = ?")) {
            for (String other : publications.subList(1, publications.size())) {
                query.setString(1, other);
                try (ResultSet rows = query.executeQuery()) {
                    if (rows.next()) {
                        carried.add(other);
                    }
                }
            }
        }
        return carried;
    }

    private enum SlotState {
        FINE,
        MISSING,
        LOST
    }

    private SlotState slotState(Connection connection) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(
                "select wal_status = 'lost' from pg_replication_slots where slot_name = ?")) {
            query.setString(1, slot);
            try (ResultSet rows = query.executeQuery()) {
                if (!rows.next()) {
                    return SlotState.MISSING;
                }
                return rows.getBoolean(1) ? SlotState.LOST : SlotState.FINE;
            }
        }
    }

    private void createSlot(Connection connection) throws SQLException {
        try (PreparedStatement create =
                connection.prepareStatement("select pg_create_logical_replication_slot(?, 'pgoutput')")) {
            create.setString(1, slot);
            create.execute();
        }
    }

    @Override
    public void renewSlot() throws WalUnavailableException {
        try (Connection connection = connect(false)) {
            running.set(connection);
            try (PreparedStatement drop = connection.prepareStatement(
                    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ?")) {
                drop.setString(1, slot);
                drop.execute();
            }
            createSlot(connection);
        } catch (SQLException failed) {
            throw new WalUnavailableException("slot " + slot + ": " + failed.getMessage(), failed);
        }
    }

    private Connection connect(boolean replication) throws SQLException {
        var properties = new Properties();
        PGProperty.USER.set(properties, database.user());
        PGProperty.PASSWORD.set(properties, database.password());
        PGProperty.APPLICATION_NAME.set(properties, "switchboard-wal");
        PGProperty.CONNECT_TIMEOUT.set(properties, 5);
        PGProperty.TCP_KEEP_ALIVE.set(properties, true);
        if (replication) {
            PGProperty.ASSUME_MIN_SERVER_VERSION.set(properties, "14");
            PGProperty.REPLICATION.set(properties, "database");
            PGProperty.PREFER_QUERY_MODE.set(properties, "simple");
        }
        return DriverManager.getConnection(database.url(), properties);
    }

    @Override
    public void close() {
        closed.set(true);
        abort();
    }

    private void abort() {
        Connection connection = running.getAndSet(null);
        if (connection != null) {
            abort(connection);
        }
    }

    private static void abort(Connection connection) {
        try {
            connection.abort(Runnable::run);
        } catch (SQLException alreadyGone) {
            // an aborted connection is what was wanted
        }
    }

    /** One running stream over one connection. */
    private static final class PgStream implements Stream {
        private final Connection connection;
        private final PGReplicationStream stream;
        private final Slot slot;
        private final String origin;
        private final ShutdownWatch shutdown;
        private final AtomicBoolean refused;
        private final boolean withoutAll;
        private final long openedAt = System.nanoTime();
        private Lsn confirmed = Lsn.NONE;
        private long lastStatus = System.nanoTime();

        PgStream(
                Connection connection,
                PGReplicationStream stream,
                Slot slot,
                String origin,
                ShutdownWatch shutdown,
                AtomicBoolean refused,
                boolean withoutAll) {
            this.connection = connection;
            this.stream = stream;
            this.slot = slot;
            this.origin = origin;
            this.shutdown = shutdown;
            this.refused = refused;
            this.withoutAll = withoutAll;
        }

        @Override
        public Optional<ByteBuffer> read() throws WalUnavailableException {
            if (withoutAll && System.nanoTime() - openedAt > AGAIN_NANOS) {
                throw new WalUnavailableException(
                        "a publication was refused; the stream is opened again with all of them",
                        new IllegalStateException("opened without all publications"));
            }
            try {
                return Optional.ofNullable(stream.readPending());
            } catch (SQLException broken) {
                if (slot.carried().size() > 1 && SqlState.isRefusal(broken)) {
                    refused.set(true);
                }
                throw new WalUnavailableException("the replication stream broke: " + broken.getMessage(), broken);
            }
        }

        @Override
        public List<String> publications() {
            return slot.carried();
        }

        @Override
        public Lsn from() {
            return slot.from();
        }

        @Override
        public String origin() {
            return origin;
        }

        @Override
        public long mostBehind() {
            return slot.mostBehind();
        }

        @Override
        public Lsn received() {
            return new Lsn(stream.getLastReceiveLSN().asLong());
        }

        @Override
        public void confirm(Lsn delivered) throws WalUnavailableException {
            if (isDue(delivered)) {
                confirmAtOnce(delivered);
            }
        }

        private boolean isDue(Lsn position) {
            return position.isAfter(confirmed) && System.nanoTime() - lastStatus >= STATUS_EVERY_NANOS;
        }

        @Override
        public void confirmAtOnce(Lsn delivered) throws WalUnavailableException {
            confirmed = delivered;
            lastStatus = System.nanoTime();
            status(delivered);
        }

        /**
         * Without a flushed position a walsender that is to end goes by what was received; with one that is behind it would wait for
         * ever. No position leaves the slot where it is.
         */
        @Override
        public void keepFrom(Lsn kept) throws WalUnavailableException {
            if (isDue(kept)) {
                confirmAtOnce(kept);
                status(Lsn.NONE);
            }
        }

        private void status(Lsn flushed) throws WalUnavailableException {
            LogSequenceNumber position = LogSequenceNumber.valueOf(flushed.value());
            stream.setFlushedLSN(position);
            stream.setAppliedLSN(position);
            try {
                stream.forceUpdateStatus();
            } catch (SQLException broken) {
                throw new WalUnavailableException("the replication stream broke: " + broken.getMessage(), broken);
            }
        }

        @Override
        public void close() {
            shutdown.close();
            abort(connection);
        }
    }
}
