package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Transaction;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;

/**
 * How far the pipeline is, and what it counted: written by its two threads, read by health, metrics and status
 * messages. Thread-safe; each figure is right by itself, not all at one moment.
 */
public final class Progress {
    private final AtomicReference<Lsn> received = new AtomicReference<>(Lsn.NONE);
    private final AtomicReference<Lsn> passed = new AtomicReference<>(Lsn.NONE);
    private final AtomicReference<Lsn> delivered = new AtomicReference<>(Lsn.NONE);
    private final AtomicReference<Instant> deliveredCommit = new AtomicReference<>(Instant.EPOCH);
    private final AtomicReference<Optional<String>> streamTrouble =
            new AtomicReference<>(Optional.of("the WAL stream has not started"));
    private final AtomicReference<Optional<String>> accessTrouble = new AtomicReference<>(Optional.empty());
    /** A stream that is further behind does not count as one that goes on. */
    private static final Duration CURRENT = Duration.ofSeconds(5);

    /** Of everything that does not wait for policies that take long. */
    private final Watermark watermark = new Watermark();

    private final Watermark ofAll = new Watermark();
    /** How many of a connection's channels wait. */
    private final Map<ConnectionId, Integer> waiting = new ConcurrentHashMap<>();

    private final RecentTransactions recentlySaid = new RecentTransactions();
    private final Vitals vitals = new Vitals();
    private final AtomicBoolean closing = new AtomicBoolean();
    private final AtomicInteger subscriptions = new AtomicInteger();
    private final AtomicInteger slot = new AtomicInteger();
    private final AtomicInteger aside = new AtomicInteger();
    private final LongAdder changesIn = new LongAdder();
    private final LongAdder deliveries = new LongAdder();
    private final LongAdder denied = new LongAdder();
    private final LongAdder broadcasts = new LongAdder();
    private final LongAdder refetches = new LongAdder();
    private final LongAdder resumes = new LongAdder();
    private final LongAdder resyncs = new LongAdder();
    private final LongAdder sightsChanged = new LongAdder();
    private final LongAdder replayed = new LongAdder();
    private final LongAdder streamBreaks = new LongAdder();
    private final LongAdder accessRetries = new LongAdder();

    /** Why no changes come in, if none do. */
    public Optional<String> streamTrouble() {
        return streamTrouble.get();
    }

    /** Why rows cannot be authorised, if they cannot. */
    public Optional<String> accessTrouble() {
        return accessTrouble.get();
    }

    /** Whether the threads live and move. */
    public Vitals vitals() {
        return vitals;
    }

    /** Bytes of WAL received and not yet delivered. */
    public long lagBytes() {
        return Math.max(0, received.get().value() - delivered.get().value());
    }

    /** Age of the newest delivered commit where there is a lag, else zero. Seconds. */
    public double lagSeconds(Instant now) {
        Instant commit = deliveredCommit.get();
        boolean behind = lagBytes() > 0 && commit.isAfter(Instant.EPOCH);
        return behind ? Math.max(0, now.toEpochMilli() - commit.toEpochMilli()) / 1000.0 : 0;
    }

    /** Live subscriptions to changes. */
    public int subscriptions() {
        return subscriptions.get();
    }

    /** Changes that are decided aside, since the policies of their tables take long. */
    public int aside() {
        return aside.get();
    }

    void aside(int changes) {
        aside.set(changes);
    }

    /** Changes decoded. */
    public long changesIn() {
        return changesIn.sum();
    }

    /** (change, channel) pairs handed to sockets. */
    public long deliveries() {
        return deliveries.sum();
    }

    /** (change, subscription) pairs that a policy or a grant withheld. */
    public long denied() {
        return denied.sum();
    }

    /** Broadcasts of the database. */
    public long databaseBroadcasts() {
        return broadcasts.sum();
    }

    /** Channels told to refetch. */
    public long refetches() {
        return refetches.sum();
    }

    /** Channels that went on where they were told everything before. */
    public long resumes() {
        return resumes.sum();
    }

    /** Channels that were to go on so, and could not: their clients read again. */
    public long resyncs() {
        return resyncs.sum();
    }

    /** How often a channel was told that it may see other rows. Any thread. */
    public long sightsChanged() {
        return sightsChanged.sum();
    }

    /** (change, channel) pairs that were told to channels which had missed them. */
    public long replayed() {
        return replayed.sum();
    }

    /** How often the WAL stream broke. */
    public long streamBreaks() {
        return streamBreaks.sum();
    }

    /** How often authorization had to be asked again. */
    public long accessRetries() {
        return accessRetries.sum();
    }

    /**
     * How long ago everything that had been committed is known to have been delivered, but for what waits for policies that take long;
     * empty as long as nobody has said where the log ends. Grows where the stream, the pipeline or PostgreSQL stands still.
     */
    public Optional<Duration> behind(Instant now) {
        return watermark.behind(now, passed.get());
    }

    /** The same for a connection: where a channel of its waits for policies that take long, everything counts. */
    public Optional<Duration> behind(Instant now, ConnectionId connection) {
        Optional<Duration> others = behind(now); // first: who begins to wait meanwhile has not passed
        return isWaiting(connection) ? ofAll.behind(now, delivered.get()) : others;
    }

    /** Whether a channel of the connection waits for policies that take long. */
    public boolean isWaiting(ConnectionId connection) {
        return waiting.containsKey(connection);
    }

    /**
     * All channels of the connection have been told, or are about to be, everything before it: what is handed to their event loop
     * from now on comes after that. Empty while one of them waits.
     */
    public Optional<Position> told(ConnectionId connection) {
        Lsn end = passed.get(); // first: who begins to wait meanwhile has not passed
        return end.equals(Lsn.NONE) || isWaiting(connection) ? Optional.empty() : Optional.of(Position.before(end));
    }

    void waits(ChannelRef channel) {
        waiting.merge(channel.connection(), 1, Integer::sum);
    }

    void waitsNoMore(ChannelRef channel) {
        waiting.computeIfPresent(channel.connection(), (_, channels) -> channels == 1 ? null : channels - 1);
    }

    /** A transaction that says something in a room. */
    void said(Transaction transaction) {
        recentlySaid.add(transaction.xid());
    }

    /** These are known to be visible to snapshots. */
    public void seen(Set<Integer> xids) {
        recentlySaid.remove(xids);
    }

    /** The last transactions that have said something in rooms and are not known to be visible, their low 32 bits; bounded. */
    public Set<Integer> recentlySaid() {
        return recentlySaid.all();
    }

    /** Whether what had been committed {@link #CURRENT} ago is known to have been delivered, and the stream goes on. */
    public boolean isStreaming(Instant now) {
        return streamTrouble().isEmpty()
                && watermark
                        .provenBehind(now, passed.get())
                        .filter(age -> age.compareTo(CURRENT) <= 0)
                        .isPresent();
    }

    /** PostgreSQL's log ended there when it was asked. */
    public void logEnded(Instant asked, Lsn end) {
        watermark.asked(asked, end, passed.get());
        ofAll.asked(asked, end, delivered.get());
    }

    void subscriptions(int live) {
        subscriptions.set(live);
    }

    Lsn delivered() {
        return delivered.get();
    }

    /** The pipeline is beyond it; some may wait for something from before. */
    void passed(Lsn end) {
        passed.accumulateAndGet(end, (a, b) -> b.isAfter(a) ? b : a);
    }

    /** Where nothing of what was handed over is under way, everything received, if only keepalives, counts as delivered. */
    void idle(Lsn handedOver, Lsn received) {
        if (!handedOver.isAfter(passed.get())) {
            passed(received);
        }
        if (!handedOver.isAfter(delivered.get())) {
            delivered(received);
        }
    }

    void delivered(Lsn end) {
        delivered.accumulateAndGet(end, (a, b) -> b.isAfter(a) ? b : a);
    }

    void deliveredCommit(Instant commit) {
        deliveredCommit.set(commit);
    }

    /** Another number for each slot: positions of one say nothing of the next. */
    int slot() {
        return slot.get();
    }

    /** A new slot has a position of its own. */
    void forgetPosition() {
        slot.incrementAndGet();
        passed.set(Lsn.NONE);
        delivered.set(Lsn.NONE);
    }

    void received(Lsn lsn) {
        received.set(lsn);
    }

    void streamOpened() {
        recentlySaid.clear(); // of another server perhaps, which has never had them
        streamTrouble.set(Optional.empty());
    }

    void streamBroke(Throwable cause) {
        streamBreaks.increment();
        streamTrouble.set(Optional.of(String.valueOf(cause.getMessage())));
    }

    void accessWorks() {
        accessTrouble.set(Optional.empty());
    }

    /** Asked in vain for what is asked once more at once. */
    void accessRetried() {
        accessRetries.increment();
    }

    void accessFails(Exception cause) {
        accessRetries.increment();
        accessTrouble.set(Optional.of(String.valueOf(cause.getMessage())));
    }

    void count(int changes) {
        changesIn.add(changes);
    }

    void countBroadcast() {
        broadcasts.increment();
    }

    void countDeliveries(int pairs) {
        deliveries.add(pairs);
    }

    void countDenied(int pairs) {
        denied.add(pairs);
    }

    void countResume() {
        resumes.increment();
    }

    void countSightsChanged(int channels) {
        sightsChanged.add(channels);
    }

    void countResync() {
        resyncs.increment();
    }

    void countReplayed(int pairs) {
        replayed.add(pairs);
    }

    void countRefetches(int channels) {
        refetches.add(channels);
    }

    boolean isClosing() {
        return closing.get();
    }

    void close() {
        closing.set(true);
    }
}
