package dev.switchboard.webhooks;

import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.decode.TransactionAssembler;
import dev.switchboard.engine.encode.TypeCatalog.TypeCatalogUnavailableException;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.pipeline.SubscriptionCatalog.CatalogUnavailableException;
import dev.switchboard.engine.pipeline.Time;
import dev.switchboard.engine.pipeline.Trouble;
import dev.switchboard.engine.pipeline.WalSource;
import dev.switchboard.engine.pipeline.WalSource.SlotLostException;
import dev.switchboard.engine.pipeline.WalSource.WalUnavailableException;
import dev.switchboard.engine.postgres.PostgresWalSource;
import java.nio.ByteBuffer;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jdbi.v3.core.JdbiException;
import org.jspecify.annotations.Nullable;

/**
 * Reads the stream into the outbox: what is to be told is committed together with the position up to which the stream was read,
 * and the slot is confirmed only behind that. Receivers do not hold it up. One thread of its own.
 */
final class Feed implements AutoCloseable {
    private static final Duration PAUSE = Duration.ofSeconds(1);
    private static final Duration LOOK_EVERY = Duration.ofSeconds(1);
    private static final Duration STOP = Duration.ofSeconds(2);
    /** How long a slot is there for nobody. */
    private static final Duration SLOT_KEPT = Duration.ofMinutes(1);
    /** So many changes are decided and stored together. */
    private static final int ROUND_CHANGES = 500;
    /** The same by their size. */
    private static final long ROUND_BYTES = 4 << 20;
    /** After so long the rows of one who cannot be decided about hold up the others no more. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /** After so many failures by a fault of the server's own a round is told as a gap. */
    private static final int MOST_FAULTS = 10;

    private final Outbox outbox;
    private final WebhookSlot slot;
    private final Supplier<PostgresWalSource> sources;
    private final Interests interests;
    private final Narrator narrator;
    private final Consumer<List<UUID>> couriers;
    private final Time time;
    private final Trouble trouble;
    private final Thread thread;
    private volatile boolean closed;
    private volatile Optional<String> problem = Optional.empty();
    private volatile @Nullable WalSource source;
    private Instant looked = Instant.MIN;
    private Instant busy;

    /**
     * @param couriers are told whose messages there may be
     * @param trouble  is told once per trouble what went wrong
     */
    Feed(
            Outbox outbox,
            WebhookSlot slot,
            Supplier<PostgresWalSource> sources,
            Interests interests,
            Narrator narrator,
            Consumer<List<UUID>> couriers,
            Time time,
            Trouble trouble) {
        this.outbox = outbox;
        this.slot = slot;
        this.sources = sources;
        this.interests = interests;
        this.narrator = narrator;
        this.couriers = couriers;
        this.time = time;
        this.trouble = trouble;
        busy = time.instant();
        thread = Thread.ofPlatform().name("switchboard-webhooks").daemon().unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    boolean hasEnded() {
        return thread.getState() == Thread.State.TERMINATED;
    }

    /** Why nothing is read at present, if that is so. */
    Optional<String> problem() {
        return problem;
    }

    private void run() {
        while (!closed) {
            try {
                takeOverSlot();
                look();
                if (interests.isEmpty()) {
                    await();
                } else {
                    follow();
                }
            } catch (InterruptedException closing) {
                // the loop looks whether it was closed
            } catch (Exception | Error broken) {
                if (!closed) {
                    broke(broken);
                }
            }
        }
    }

    /** For somebody to tell; the slot may have been made for somebody who is just being added. */
    private void await() throws SQLException, InterruptedException {
        problem = Optional.empty();
        if (time.instant().isAfter(busy.plus(SLOT_KEPT))) {
            slot.locked(() -> {
                if (outbox.endpoints().isEmpty()) {
                    slot.drop();
                }
            });
            busy = time.instant();
        }
        time.pause(PAUSE);
    }

    private void broke(Throwable broken) {
        String why = String.valueOf(broken.getMessage());
        if (!problem.equals(Optional.of(why))) {
            trouble.report("webhooks cannot go on; trying again every second", broken);
        }
        problem = Optional.of(why);
        try {
            time.pause(PAUSE);
        } catch (InterruptedException closing) {
            // the loop looks whether it was closed
        }
    }

    /** A server that calls its slot another name leaves none behind. */
    private void takeOverSlot() throws SQLException {
        String before = outbox.slot();
        if (!before.equals(slot.name())) {
            new WebhookSlot(slot.database(), before).drop();
            outbox.slot(slot.name());
        }
    }

    /** Who is to be told, and whether they still can be. */
    private void look() throws CatalogUnavailableException {
        looked = time.instant();
        note(interests.follow(outbox.endpoints()));
        Set<ChannelRef> unheard = interests.unheard();
        if (!unheard.isEmpty()) {
            Instant now = time.instant();
            outbox.put(
                    unheard.stream()
                            .flatMap(channel -> interests.endpoint(channel).stream())
                            .map(endpoint -> Event.ofGap(
                                    endpoint.id(),
                                    "table " + now,
                                    Optional.empty(),
                                    "a table was dropped, renamed, unpublished, or lost or won rows with a partition",
                                    now))
                            .toList(),
                    now);
            note(interests.again(unheard));
        }
        couriers.accept(interests.ids());
    }

    /** What could not be told for a while is told of again: that there is a gap comes first. */
    private void note(List<Interests.Looked> looks) {
        narrator.fits(looks);
        for (Interests.Looked look : looks) {
            outbox.note(look.endpoint().id(), look.problem());
            if (look.healed()) {
                Instant now = time.instant();
                outbox.put(
                        List.of(Event.ofGap(
                                look.endpoint().id(),
                                "healed " + now,
                                Optional.empty(),
                                "some changes could not be told for a while",
                                now)),
                        now);
            }
        }
    }

    private void follow() throws Exception {
        if (!slot.exists()) {
            outbox.gapDue("the replication slot was dropped; it was made anew, and begins now", time.instant());
            slot.ensure();
        }
        outbox.tellGap(time.instant());
        narrator.begin();
        PostgresWalSource wal = sources.get();
        source = wal;
        try (WalSource.Stream stream = open(wal)) {
            problem = Optional.empty();
            read(stream);
        } finally {
            wal.close();
        }
    }

    private WalSource.Stream open(WalSource wal) throws WalUnavailableException, SlotLostException {
        try {
            return wal.open(Lsn.NONE);
        } catch (SlotLostException lost) {
            outbox.gapDue(lost.getMessage() + "; it was made anew, and begins now", time.instant());
            wal.renewSlot();
            outbox.tellGap(time.instant());
            return wal.open(Lsn.NONE);
        }
    }

    private void read(WalSource.Stream stream) throws Exception {
        var assembler = new TransactionAssembler(outbox.read());
        Lsn handled = Lsn.NONE;
        while (!closed && !interests.isEmpty()) {
            if (time.instant().isAfter(looked.plus(LOOK_EVERY))) {
                busy = time.instant();
                look();
            }
            List<Batch> round = gather(stream, assembler);
            if (round.isEmpty()) {
                if (!assembler.inTransaction() && stream.received().isAfter(handled)) {
                    handled = stream.received();
                }
            } else {
                store(round, assembler, stream, handled);
                for (Batch batch : round) {
                    handled = batch.end().orElse(handled);
                }
            }
            stream.confirm(handled);
        }
    }

    /** What there is, up to a bound; waits for the first of it for about a millisecond. */
    private static List<Batch> gather(WalSource.Stream stream, TransactionAssembler assembler)
            throws WalUnavailableException {
        var round = new ArrayList<Batch>();
        int changes = 0;
        long bytes = 0;
        while (changes < ROUND_CHANGES && bytes < ROUND_BYTES) {
            Optional<ByteBuffer> message = stream.read();
            if (message.isEmpty()) {
                break;
            }
            Optional<Batch> batch = assembler.take(message.get());
            if (batch.isPresent()) {
                round.add(batch.get());
                changes += Math.max(1, batch.get().changes().size());
                bytes += batch.get().bytes();
            }
        }
        return round;
    }

    /** Until it is stored: what cannot be decided or written now holds the stream, and nothing is left out. */
    private void store(List<Batch> round, TransactionAssembler assembler, WalSource.Stream stream, Lsn handled)
            throws Exception {
        if (round.stream().allMatch(batch -> batch.changes().isEmpty())) {
            return;
        }
        Instant began = time.instant();
        for (int faults = 0; !closed; ) {
            try {
                note(interests.follow(outbox.endpoints())); // who was there before these were committed is among them
                boolean alone = time.instant().isAfter(began.plus(PATIENCE));
                tell(alone ? narrator.ofEachAlone(round) : narrator.of(round), assembler);
                return;
            } catch (RowAccessUnavailableException
                    | TypeCatalogUnavailableException
                    | CatalogUnavailableException
                    | SQLException
                    | JdbiException unavailable) {
                broke(unavailable);
            } catch (RuntimeException fault) { // of ours: it would be the same for ever
                broke(fault);
                if (++faults == MOST_FAULTS) {
                    tell(unhandled(round.getFirst().transaction().finalLsn()), assembler);
                    return;
                }
            }
            stream.confirmAtOnce(handled); // PostgreSQL ends a stream that says nothing
        }
        throw new InterruptedException("closed before a round was stored, which comes again");
    }

    private void tell(List<Event> events, TransactionAssembler assembler) {
        outbox.put(events, assembler.last(), time.instant());
        problem = Optional.empty();
        couriers.accept(events.stream().map(Event::endpoint).distinct().toList());
    }

    private List<Event> unhandled(Lsn from) {
        return interests.ids().stream()
                .map(id -> Event.ofGap(
                        id, from + " fault", Optional.empty(), "changes could not be handled", time.instant()))
                .toList();
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
        WalSource open = source;
        if (open != null) {
            open.close();
        }
        try {
            thread.join(STOP);
        } catch (InterruptedException stillClosing) {
            Thread.currentThread().interrupt();
        }
    }
}
