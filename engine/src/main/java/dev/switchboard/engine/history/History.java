package dev.switchboard.engine.history;

import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Fence;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.Transaction;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What the stream has brought lately, in order, bounded by bytes, by time and by how far the slot may stay behind for it
 * ({@link #MOST_WAL}). PostgreSQL is told only that what is not kept here any more was received, so that the next start finds all of it again.
 * Thread-safe.
 */
public final class History {
    /** Of WAL, which PostgreSQL has to keep for what is kept here. */
    public static final long MOST_WAL = 512L << 20;

    private static final long BATCH_BYTES = 300;
    private static final long CHANGE_BYTES = 120;
    /** Of both images of a row: where its values lie. */
    private static final long COLUMN_BYTES = 16;

    private static final int MARKS = 64;

    private final Map<Integer, Position> lastByTable = new HashMap<>();
    private final long mostBytes;
    private final Duration longest;
    private final InstantSource clock;
    /** By their first changes. */
    private final TreeMap<Position, Kept> kept = new TreeMap<>();
    /** Where the transactions stand whose changes are kept; ids go round, and which comes first is told by their distance. */
    private final TreeMap<Integer, Lsn> byXid = new TreeMap<>((one, other) -> one - other);

    private long bytes;
    private long mostWal = MOST_WAL;
    /** All that came after it is kept; empty before the first stream has begun. */
    private Optional<Position> since = Optional.empty();
    /** All transactions that end before it have come. */
    private Lsn head = Lsn.NONE;

    private String origin = "";

    /** Where the stream was at some moments, the oldest of which PostgreSQL still keeps: who comes back may have been told nothing since. */
    private final ArrayDeque<Mark> marks = new ArrayDeque<>();

    private record Mark(Lsn delivered, Instant at) {}

    private record Kept(Batch batch, Instant at, long bytes) {
        Kept(Batch batch, Instant at) {
            this(batch, at, bytes(batch));
        }

        private static long bytes(Batch batch) {
            return BATCH_BYTES
                    + batch.bytes()
                    + batch.changes().stream()
                            .mapToLong(change -> CHANGE_BYTES
                                    + COLUMN_BYTES * change.relation().columns().size())
                            .sum();
        }

        Position last() {
            return new Position(
                    batch.transaction().finalLsn(),
                    batch.firstIndex() + batch.changes().size() - 1);
        }
    }

    public History(HistorySettings settings, InstantSource clock) {
        mostBytes = settings.bytes();
        longest = settings.longest();
        this.clock = clock;
    }

    /**
     * A stream begins.
     *
     * @param after   what stands after it comes; what was kept before is forgotten
     * @param origin  where positions are the same: the database, its timeline, and what the stream carries
     * @param mostWal of WAL that PostgreSQL can keep
     */
    public synchronized void begin(Position after, String origin, long mostWal) {
        kept.clear();
        byXid.clear();
        marks.clear();
        marks.add(new Mark(after.transaction(), clock.instant()));
        bytes = 0;
        since = Optional.of(after);
        head = after.transaction();
        continues(origin, mostWal);
    }

    /** Another stream goes on where the last one ended. */
    public synchronized void continues(String origin, long mostWal) {
        this.origin = origin;
        this.mostWal = Math.min(MOST_WAL, mostWal);
        notifyAll();
    }

    /** Where positions are the same; empty as long as no stream has begun. */
    public synchronized Optional<String> origin() {
        return since.map(_ -> origin);
    }

    /** Waits for the first stream, no longer than that; whether it has begun. */
    public synchronized boolean await(Duration patience) throws InterruptedException {
        Instant end = clock.instant().plus(patience);
        while (since.isEmpty() && clock.instant().isBefore(end)) {
            wait(Math.max(1, Duration.between(clock.instant(), end).toMillis()));
        }
        return since.isPresent();
    }

    /** What comes next in the stream. */
    public synchronized void add(Batch batch) {
        Lsn commit = batch.transaction().finalLsn();
        head = batch.end().orElse(commit);
        note(batch);
        if (batch.changes().isEmpty() || since.isEmpty()) {
            return;
        }
        var added = new Kept(batch, clock.instant());
        kept.put(new Position(commit, batch.firstIndex()), added);
        byXid.put(batch.transaction().xid(), commit);
        bytes += added.bytes();
        while (bytes > mostBytes) {
            forgetFirst();
        }
    }

    /** The last change of each table: of many in a row one is noted. */
    private void note(Batch batch) {
        List<Change> changes = batch.changes();
        for (int i = 0; i < changes.size(); i++) {
            Relation relation = changes.get(i).relation();
            if (i + 1 == changes.size() || changes.get(i + 1).relation().oid() != relation.oid()) {
                lastByTable.put(relation.oid(), new Position(batch.transaction().finalLsn(), batch.firstIndex() + i));
            }
        }
    }

    /** Whether a change of a table (pg_class.oid) has come, since the server started, of which nothing has been told by then. */
    public synchronized boolean hasChanged(int table, Fence since) {
        Position last = lastByTable.get(table);
        return last != null && last.compareTo(since.from()) > 0;
    }

    private void forgetFirst() {
        Kept first = kept.pollFirstEntry().getValue();
        Transaction transaction = first.batch().transaction();
        bytes -= first.bytes();
        since = Optional.of(first.last());
        if (kept.isEmpty() || !kept.firstKey().transaction().equals(transaction.finalLsn())) {
            byXid.remove(transaction.xid(), transaction.finalLsn());
        }
    }

    /** All transactions that end before it have come: to be asked before the snapshot is taken that a {@link #fence} is for. */
    public synchronized Lsn head() {
        return head;
    }

    /**
     * A snapshot with the place from which all that it does not see comes.
     *
     * @param before the {@link #head} of a moment before the snapshot
     */
    public synchronized Fence fence(Lsn before, StartingPoint snapshot) {
        // a commit is decoded before it has ended, which alone the snapshot goes by
        Lsn floor = Stream.concat(
                        snapshot.underWay().stream().flatMap(xid -> Optional.ofNullable(byXid.get(xid)).stream()),
                        byXid.tailMap(snapshot.next(), true).values().stream())
                .min(Comparator.naturalOrder())
                .filter(before::isAfter)
                .orElse(before);
        return new Fence(snapshot, floor);
    }

    /** Whether all that comes after it has been kept, or is still to come. */
    public synchronized boolean reaches(Position from) {
        return since.isPresent() && since.get().compareTo(from) <= 0;
    }

    /** Whether something is kept that was not there before a fence, and has not been told. */
    public synchronized boolean hasMoreThan(Fence fence) {
        return kept.tailMap(floor(fence.from()), true).values().stream().anyMatch(one -> {
            Transaction transaction = one.batch().transaction();
            return one.last().compareTo(fence.from()) > 0
                    && !fence.start().covers(transaction, one.last().index());
        });
    }

    /** The first batch that may hold what comes after it. */
    private Position floor(Position from) {
        return Optional.ofNullable(kept.floorKey(from)).orElse(from);
    }

    /**
     * What comes after a position, from the batch on in which the next change is.
     *
     * @param changes that are enough; with the batch in which they are reached
     * @return empty if some of it is not kept any more
     */
    public synchronized Optional<List<Batch>> after(Position from, int changes) {
        if (!reaches(from)) {
            return Optional.empty();
        }
        var found = new ArrayList<Batch>();
        int count = 0;
        for (Kept one : kept.tailMap(floor(from), true).values()) {
            if (one.last().compareTo(from) <= 0) {
                continue;
            }
            found.add(one.batch());
            count += one.batch().changes().size();
            if (count >= changes) {
                break;
            }
        }
        return Optional.of(found);
    }

    /** The last change that has come; before the first one, where the stream began. */
    public synchronized Position last() {
        return kept.isEmpty()
                ? since.orElse(Position.START)
                : kept.lastEntry().getValue().last();
    }

    /**
     * Forgets what is too old, or keeps PostgreSQL from forgetting too much.
     *
     * @param delivered everything before it has been
     * @param received  where the stream is
     * @return what PostgreSQL may forget: everything before that
     */
    public synchronized Lsn trim(Lsn delivered, Lsn received) {
        if (since.isEmpty()) {
            return delivered;
        }
        if (delivered.isAfter(head)) {
            head = delivered;
        }
        Instant oldest = clock.instant().minus(longest);
        while (!kept.isEmpty()
                && (kept.firstEntry().getValue().at().isBefore(oldest)
                        || received.value() - kept.firstKey().transaction().value() > mostWal)) {
            forgetFirst();
        }
        Lsn wanted = mark(delivered, received, oldest);
        if (!kept.isEmpty() && wanted.isAfter(kept.firstKey().transaction())) {
            wanted = kept.firstKey().transaction();
        }
        Lsn gone = since.get().transaction();
        Lsn from = gone.isAfter(wanted) ? gone : wanted;
        return from.isAfter(delivered) ? delivered : from;
    }

    /** Where the stream was {@link #longest} ago, or as far back as PostgreSQL can keep. */
    private Lsn mark(Lsn delivered, Lsn received, Instant oldest) {
        Instant now = clock.instant();
        Mark last = marks.getLast();
        boolean isDue = !now.isBefore(last.at().plus(longest.dividedBy(MARKS)))
                || received.value() - last.delivered().value() > mostWal / MARKS;
        if (isDue && delivered.isAfter(last.delivered())) { // while nothing is delivered there is nothing to mark
            marks.add(new Mark(delivered, now));
        }
        while (marks.size() > 1 && isTooOld(marks.peekFirst(), received, oldest)) {
            marks.removeFirst();
        }
        return marks.getFirst().delivered();
    }

    /** What comes next then is kept. */
    private boolean isTooOld(Mark mark, Lsn received, Instant oldest) {
        return mark.at().isBefore(oldest) || received.value() - mark.delivered().value() > mostWal;
    }

    /** Of heap, by estimate. */
    public synchronized long bytes() {
        return bytes;
    }

    /** How many moments are kept. */
    synchronized int marks() {
        return marks.size();
    }

    /** How many batches are kept. */
    public synchronized int size() {
        return kept.size();
    }
}
