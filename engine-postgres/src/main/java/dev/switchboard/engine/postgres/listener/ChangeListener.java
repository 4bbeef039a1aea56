package dev.switchboard.engine.postgres.listener;

import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.decode.TransactionAssembler;
import dev.switchboard.engine.encode.TypeCatalog;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.pipeline.SubscriptionCatalog;
import dev.switchboard.engine.pipeline.Time;
import dev.switchboard.engine.pipeline.Trouble;
import dev.switchboard.engine.pipeline.WalSource;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.PostgresRowAccess;
import dev.switchboard.engine.postgres.PostgresSubscriptionCatalog;
import dev.switchboard.engine.postgres.PostgresTypeCatalog;
import dev.switchboard.engine.postgres.PostgresWalSource;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Hands the committed changes of one table to a handler: in commit order, after the commit, each at least once. It has a
 * replication slot of its own, which is confirmed after the handler: what was not confirmed when the process ended comes again
 * at the next start, which is how a change comes twice. Closed, that is at most the transaction under way;
 * killed, also those of the last second. Of several with one name, in however many processes,
 * one works and the others wait for it to end, or for its connection to break: then the transaction under way comes to the next. One
 * thread of its own, and a virtual one that keeps the connection alive.
 */
public final class ChangeListener implements AutoCloseable {
    /** Between attempts at a stream that breaks, or that another one has. */
    private static final Duration PAUSE = Duration.ofSeconds(1);

    /** How often it is looked whether the table is still the one that is published. */
    private static final Duration LOOK_EVERY = Duration.ofSeconds(5);

    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);
    private static final Duration STOP = Duration.ofSeconds(5);
    /** How long it is waited for that PostgreSQL has noted what was handled, when the listener ends. */
    private static final Duration NOTED = Duration.ofSeconds(1);

    private final Database database;
    private final ListenerSettings settings;
    private final ChangeHandler handler;
    private final DeadLetters deadLetters;
    private final Time time;
    private final Trouble trouble;
    private final Thread thread;
    private volatile boolean closed;
    /** Guarded by {@code this}: whether the handler is at work, which is not interrupted at once. */
    private boolean handling;

    private volatile Status status = new Status.Starting();
    private volatile @Nullable WalSource source;
    private @Nullable SignsOfLife life;
    private Position last = Position.START;
    private Lsn handled = Lsn.NONE;

    /** How it is at present. */
    public sealed interface Status {
        /** It has not reached its slot yet. */
        record Starting() implements Status {}

        /** It hears of changes. */
        record Listening() implements Status {}

        /** Another one of its name has the slot. */
        record Waiting() implements Status {}

        /** It tries again, and cannot go on until then. */
        record Troubled(String why) implements Status {}
    }

    private ChangeListener(
            Database database,
            ListenerSettings settings,
            ChangeHandler handler,
            DeadLetters deadLetters,
            Time time,
            Trouble trouble) {
        this.database = database;
        this.settings = settings;
        this.handler = handler;
        this.deadLetters = deadLetters;
        this.time = time;
        this.trouble = trouble;
        thread = Thread.ofPlatform()
                .name("switchboard-listener-" + settings.name())
                .daemon()
                .unstarted(this::run);
    }

    /**
     * Starts it; from the moment that {@link #status} is {@link Status.Listening} for the first time, nothing is missed.
     *
     * @param database of a user with REPLICATION who owns the table
     * @param trouble  is told once per trouble what went wrong and how it goes on
     */
    public static ChangeListener start(
            Database database,
            ListenerSettings settings,
            ChangeHandler handler,
            DeadLetters deadLetters,
            Time time,
            Trouble trouble) {
        var listener = new ChangeListener(database, settings, handler, deadLetters, time, trouble);
        listener.thread.start();
        return listener;
    }

    /** Takes slot and publication of a listener away that is not to come back; it must not run. */
    public static void forget(Database database, ListenerSettings settings) throws SQLException {
        ListenerSlot.of(database, settings).drop(database);
    }

    public Status status() {
        return status;
    }

    public String name() {
        return settings.name();
    }

    /** Waits for the change that is being handled, five seconds at most; what is not confirmed then comes again. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            if (!handling) {
                thread.interrupt();
            }
        }
        try {
            thread.join(STOP);
            thread.interrupt();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        WalSource open = source;
        if (open != null) {
            open.close();
        }
    }

    private void run() {
        while (!closed) {
            try {
                listen();
            } catch (Exception | Error broken) { // an interruption too: who closes has said so
                if (!closed) {
                    broke(broken);
                    sleep(PAUSE);
                }
            }
        }
    }

    private void broke(Throwable broken) {
        String why = String.valueOf(broken.getMessage());
        boolean taken = isTaken(broken);
        Status next = taken ? new Status.Waiting() : new Status.Troubled(why);
        if (!next.equals(status)) {
            trouble.report(
                    taken
                            ? "listener " + settings.name() + ": another process has its slot; waiting for it"
                            : "listener " + settings.name() + " cannot go on; trying again every second",
                    broken);
        }
        status = next;
    }

    private static boolean isTaken(Throwable broken) {
        return broken.getCause() instanceof SQLException raised && ListenerSlot.isInUse(raised);
    }

    private void sleep(Duration duration) {
        try {
            time.pause(duration);
        } catch (InterruptedException closing) {
            // the loop looks whether it was closed
        }
    }

    private void listen() throws Exception {
        ListenerSlot slot = ListenerSlot.of(database, settings);
        if (slot.ensurePublication(database)) {
            beginAnew();
        }
        DataSource connections = connections();
        var types = new PostgresTypeCatalog(connections);
        var wal = new PostgresWalSource(database, slot.name(), slot.name());
        source = wal;
        try (var access = new PostgresRowAccess(database, trouble)) {
            var changes = new RowChanges(
                    settings,
                    new PostgresSubscriptionCatalog(connections, types, slot.name()),
                    access,
                    types,
                    database.user());
            changes.resolve();
            try (WalSource.Stream stream = open(wal, slot);
                    var signs = new SignsOfLife(stream, time, settings.name(), this::brokeAtWork)) {
                life = signs;
                tellOpenGap(slot);
                status = new Status.Listening();
                follow(stream, changes, slot);
            }
        } finally {
            wal.close();
        }
    }

    /** A new slot begins where it is made, perhaps on another server, whose positions may be smaller. */
    private void beginAnew() {
        handled = Lsn.NONE;
        last = Position.START;
    }

    /** A slot that PostgreSQL has invalidated is made anew; that there is a gap is noted before. */
    private WalSource.Stream open(WalSource wal, ListenerSlot slot)
            throws WalSource.WalUnavailableException, WalSource.SlotLostException, SQLException {
        try {
            return wal.open(handled);
        } catch (WalSource.SlotLostException lost) {
            slot.note(database, new ListenerSlot.State.Gap(lost.getMessage() + "; it was made anew, and begins now"));
            wal.renewSlot();
            beginAnew();
            return wal.open(handled);
        }
    }

    /**
     * A gap is told until a handler has taken it, by whichever process; another one that is noted meanwhile is told as well.
     *
     * @throws GapUntoldException if the handler fails at it: it is told again
     */
    private void tellOpenGap(ListenerSlot slot)
            throws SQLException, InterruptedException, WalSource.WalUnavailableException, GapUntoldException {
        ListenerSlot.State state = slot.state(database);
        while (!(state instanceof ListenerSlot.State.Following)) {
            if (state instanceof ListenerSlot.State.Gap(String why)) {
                tell(why);
            }
            slot.replace(database, state, new ListenerSlot.State.Following());
            state = slot.state(database);
        }
    }

    private void tell(String why) throws InterruptedException, WalSource.WalUnavailableException, GapUntoldException {
        enter();
        try {
            handler.onGap(why);
        } catch (RuntimeException | AssertionError | LinkageError failed) {
            throw new GapUntoldException(
                    "the handler could not be told that changes may be missing: " + failed, failed);
        } finally {
            leave();
        }
        if (closed) { // it may have been interrupted, and have given up for that
            throw new InterruptedException("closed while a gap was told");
        }
    }

    /** A gap that the handler does not know of yet. */
    private static final class GapUntoldException extends Exception {
        private static final long serialVersionUID = 1L;

        GapUntoldException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    private void follow(WalSource.Stream stream, RowChanges changes, ListenerSlot slot) throws Exception {
        var assembler = new TransactionAssembler(last);
        Instant looked = time.instant();
        try {
            while (!closed) {
                Optional<ByteBuffer> message = stream.read();
                Optional<Batch> batch = message.flatMap(assembler::take);
                if (batch.isPresent()) {
                    boolean emptied = handle(batch.get(), changes, slot);
                    last = assembler.last();
                    if (emptied) {
                        tellOpenGap(slot);
                    }
                }
                if (message.isEmpty()
                        && !assembler.inTransaction()
                        && stream.received().isAfter(handled)) {
                    handled = stream.received();
                }
                stream.confirm(handled);
                if (message.isEmpty() && time.instant().isAfter(looked.plus(LOOK_EVERY))) {
                    looked = time.instant();
                    slot.ensurePublished(database);
                }
            }
            settle(stream);
        } catch (InterruptedException closing) {
            settle(stream);
            throw closing;
        }
    }

    /** So that whole transactions that were handled do not come again. */
    private void settle(WalSource.Stream stream) throws Exception {
        if (handled.isAfter(Lsn.NONE)) {
            Thread.interrupted(); // it told the loop to end; what follows may take its second
            stream.confirmAtOnce(handled);
            awaitNoted();
        }
    }

    /** The stream is cut at its end: what was still on its way to PostgreSQL would be lost, and handled twice. */
    private void awaitNoted() throws SQLException, InterruptedException {
        long start = System.nanoTime();
        try (Connection connection = connections().getConnection();
                PreparedStatement query = connection.prepareStatement(
                        "select confirmed_flush_lsn >= ?::pg_lsn from pg_replication_slots where slot_name = ?")) {
            query.setString(1, handled.toString());
            query.setString(2, ListenerSlot.of(database, settings).name());
            boolean noted = false;
            while (!noted && System.nanoTime() - start < NOTED.toNanos()) {
                try (ResultSet row = query.executeQuery()) {
                    noted = !row.next() || row.getBoolean(1);
                }
                if (!noted) {
                    time.pause(Duration.ofMillis(10));
                }
            }
        }
    }

    /** @return whether the table was emptied, which is noted as a gap */
    private boolean handle(Batch batch, RowChanges changes, ListenerSlot slot)
            throws InterruptedException, RowAccessUnavailableException, SubscriptionCatalog.CatalogUnavailableException,
                    TypeCatalog.TypeCatalogUnavailableException, WalSource.WalUnavailableException, SQLException {
        RowChanges.Heard heard = changes.of(batch);
        for (RowChange change : heard.changes()) {
            handle(change);
            last = change.position(); // whatever happens now, this process does not handle it again
        }
        if (heard.emptied()) {
            slot.note(
                    database,
                    new ListenerSlot.State.Gap("table " + settings.table()
                            + " was emptied by TRUNCATE; which rows are gone is not known"));
        }
        batch.end().ifPresent(end -> handled = end);
        return heard.emptied();
    }

    /** Until it is handled, or kept as a dead letter. */
    private void handle(RowChange change) throws InterruptedException, WalSource.WalUnavailableException {
        Duration pause = settings.pause();
        for (int attempt = 1; ; attempt++) {
            Optional<Exception> failure = attempt(change);
            if (failure.isEmpty() || (attempt >= settings.attempts() && isKept(change, failure.get()))) {
                if (!signs().isBroken()) {
                    status = new Status.Listening();
                }
                return;
            }
            if (closed) {
                throw new InterruptedException("closed while a change could not be handled");
            }
            pauseAtWork(pause);
            Duration doubled = pause.multipliedBy(2);
            pause = doubled.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : doubled;
        }
    }

    private void pauseAtWork(Duration pause) throws InterruptedException, WalSource.WalUnavailableException {
        signs().handlerBegins(handled);
        try {
            time.pause(pause);
        } finally {
            signs().handlerEnds();
        }
    }

    private SignsOfLife signs() {
        return Objects.requireNonNull(life, "a change is handled while a stream is open");
    }

    /** Another one may have the slot now: this process goes on to no other change. */
    private void brokeAtWork(WalSource.WalUnavailableException broken) {
        if (!closed) {
            broke(broken);
        }
    }

    private Optional<Exception> attempt(RowChange change)
            throws InterruptedException, WalSource.WalUnavailableException {
        enter();
        try {
            handler.handle(change);
            return Optional.empty();
        } catch (Exception failed) {
            if (closed && failed instanceof InterruptedException closing) {
                throw closing;
            }
            return Optional.of(failed);
        } catch (AssertionError | LinkageError broken) { // of the handler's code: no attempt at it goes better
            return Optional.of(new IllegalStateException(broken.toString(), broken));
        } finally {
            leave();
            if (!closed) {
                Thread.interrupted(); // the handler's own; it must not end the listener
            }
        }
    }

    /** The application's code is at work from here on: PostgreSQL is told that this lives, and closing waits for it. */
    private void enter() throws InterruptedException, WalSource.WalUnavailableException {
        signs().handlerBegins(handled);
        try {
            begin();
        } catch (InterruptedException closing) {
            signs().handlerEnds();
            throw closing;
        }
    }

    private void leave() {
        signs().handlerEnds();
        end();
    }

    private synchronized void begin() throws InterruptedException {
        if (closed) {
            throw new InterruptedException("closed");
        }
        handling = true;
    }

    private synchronized void end() {
        handling = false;
    }

    private void keep(RowChange change, Exception failed) throws Exception {
        enter();
        try {
            deadLetters.keep(settings.name(), change, failed);
        } finally {
            leave();
        }
    }

    private boolean isKept(RowChange change, Exception failed)
            throws InterruptedException, WalSource.WalUnavailableException {
        try {
            keep(change, failed);
            trouble.report(
                    "listener " + settings.name() + " could not handle " + change.type() + " at " + change.position()
                            + " in " + settings.attempts() + " attempts; it is kept as a dead letter",
                    failed);
            return true;
        } catch (WalSource.WalUnavailableException broken) {
            throw broken;
        } catch (InterruptedException interrupted) {
            if (closed) {
                throw interrupted;
            }
            return false;
        } catch (Exception unkept) {
            status = new Status.Troubled(
                    "a change can neither be handled nor kept as a dead letter: " + unkept.getMessage());
            trouble.report(
                    "listener " + settings.name() + " can neither handle " + change.position()
                            + " nor keep it as a dead letter; trying again",
                    unkept);
            return false;
        }
    }

    private DataSource connections() {
        var connections = new PGSimpleDataSource();
        connections.setURL(database.url());
        connections.setUser(database.user());
        connections.setPassword(database.password());
        return connections;
    }
}
