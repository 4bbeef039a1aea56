package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.decode.TransactionAssembler;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.protocol.ErrorCode;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The body of the WAL thread: opens the stream, reads, decodes, hands batches to the inbox, confirms what was delivered.
 * A broken stream is opened again after a pause, at the last delivered transaction; what comes twice is dropped by
 * position. One that breaks again as soon as it was opened (a full disk lets it begin, and no more) is not taken for one that
 * works: its trouble is told of, and the pauses grow. A lost slot is renewed and every subscriber told to refetch.
 */
final class WalReader implements Runnable {
    /** A stream that has lasted so long, or brought changes, works. */
    private static final Duration SOUND = Duration.ofSeconds(1);

    private static final Duration FULL_INBOX_PAUSE = Duration.ofMillis(1);

    private final WalSource source;
    private final Inbox inbox;
    private final History history;
    private final Progress progress;
    private final Time time;
    private final Trouble trouble;
    private final Backoff backoff = new Backoff(Duration.ofMillis(50), Duration.ofSeconds(5));
    private Position last = Position.START;
    private Lsn handedOver = Lsn.NONE;
    /** What the last stream brought, and whether it ended within a transaction that was handed over in part. */
    private List<String> carried = List.of();

    private boolean inParts;
    /** Whether changes may be missing before the next stream begins; so before the first one, whose slot may be new. */
    private boolean gap = true;
    /** Whether the last stream worked; the first one has the benefit of the doubt. */
    private boolean sound = true;
    /** Whether this stream has brought changes that no other had. */
    private boolean brought;

    WalReader(WalSource source, Inbox inbox, History history, Progress progress, Time time, Trouble trouble) {
        this.source = source;
        this.inbox = inbox;
        this.history = history;
        this.progress = progress;
        this.time = time;
        this.trouble = trouble;
    }

    @Override
    public void run() {
        while (!progress.isClosing() && !Thread.currentThread().isInterrupted()) {
            beat();
            try {
                session();
            } catch (WalSource.SlotLostException lost) {
                renew(lost);
            } catch (WalSource.WalUnavailableException | RuntimeException | Error broken) {
                broke("the WAL stream broke; it is opened again at " + progress.delivered(), broken);
                pause();
            }
        }
    }

    private void session() throws WalSource.WalUnavailableException, WalSource.SlotLostException {
        try (WalSource.Stream stream = source.open(progress.delivered())) {
            Instant opened = time.instant();
            brought = false;
            if (sound) {
                progress.streamOpened();
                sound = false;
            }
            inbox.put(new Inbox.Item.Carried(stream.publications()));
            if (inParts && !stream.publications().equals(carried)) {
                // a transaction of which a part was handed over is counted otherwise from here on
                gap = true;
            }
            carried = stream.publications();
            if (gap) {
                // only now is it certain that what commits from here on will come
                inbox.put(new Inbox.Item.RefetchAll(ErrorCode.WAL_LOST));
                inbox.put(new Inbox.Item.Begin(since(stream), stream.origin(), stream.mostBehind()));
                gap = false;
            } else {
                history.continues(stream.origin(), stream.mostBehind());
            }
            var assembler = new TransactionAssembler(last);
            while (!progress.isClosing() && !Thread.currentThread().isInterrupted()) {
                if (!sound && (brought || !time.instant().isBefore(opened.plus(SOUND)))) {
                    sound = true;
                    backoff.reset();
                    progress.streamOpened();
                }
                boolean withinRows = false;
                if (inbox.hasRoom()) {
                    Optional<ByteBuffer> message = stream.read();
                    Optional<Batch> batch = message.flatMap(assembler::take);
                    batch.ifPresent(this::handOver);
                    withinRows = message.isPresent() && batch.isEmpty();
                    last = assembler.last();
                    if (message.isEmpty()) {
                        beat();
                    }
                    if (message.isEmpty() && !assembler.inTransaction()) {
                        progress.idle(handedOver, stream.received());
                    }
                } else {
                    beat();
                    pause(FULL_INBOX_PAUSE);
                }
                progress.received(stream.received());
                if (!withinRows) { // not for every row
                    stream.keepFrom(history.trim(progress.delivered(), stream.received()));
                }
            }
        }
    }

    /** What comes after it will be kept; nothing is missing there. */
    private Position since(WalSource.Stream stream) {
        Lsn from = progress.delivered().isAfter(stream.from()) ? progress.delivered() : stream.from();
        return last.compareTo(Position.before(from)) > 0 ? last : Position.before(from);
    }

    private void beat() {
        progress.vitals().beat(Pipeline.WAL_THREAD, time.instant());
    }

    private void handOver(Batch batch) {
        beat();
        brought = true;
        inParts = batch.end().isEmpty();
        batch.end().ifPresent(end -> handedOver = end);
        inbox.put(new Inbox.Item.Changes(batch));
    }

    private void renew(WalSource.SlotLostException lost) {
        gap = true;
        broke("the replication slot was lost; a new one begins now, and every subscriber refetches", lost);
        try {
            source.renewSlot();
            progress.forgetPosition();
            handedOver = Lsn.NONE;
            last = Position.START; // the new slot may be of a server whose log is shorter
            inParts = false;
        } catch (WalSource.WalUnavailableException unavailable) {
            broke("no new replication slot now; trying again", unavailable);
            pause();
        }
    }

    private void broke(String what, Throwable cause) {
        if (!progress.isClosing()) {
            progress.streamBroke(cause);
            trouble.report(what, cause);
        }
    }

    private void pause() {
        pause(backoff.next(time.random()));
    }

    private void pause(Duration duration) {
        try {
            time.pause(duration);
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        }
    }
}
