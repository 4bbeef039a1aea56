package dev.switchboard.engine.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.decode.Wal;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.history.HistorySettings;
import dev.switchboard.engine.model.Lsn;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What becomes of streams that break: a source by script, a clock that its pauses and reads move. */
class WalReaderTest {
    private static final Duration READ = Duration.ofMillis(100);

    private final Progress progress = new Progress();
    private final List<Duration> pauses = new ArrayList<>();
    /** Per stream whether trouble was told of at its first read and at its last. */
    private final List<List<Boolean>> troubles = new ArrayList<>();

    private Instant now = Instant.EPOCH;
    /** Whether the pipeline delivers meanwhile what waited for it. */
    private boolean backlog;

    private final Time time = new Time() {
        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public void pause(Duration duration) {
            pauses.add(duration);
            now = now.plus(duration);
        }

        @Override
        public double random() {
            return 1; // the longest pause
        }
    };

    /** Streams that open and break after so many reads; the reader is told to close after the last. */
    private void run(Integer... reads) {
        Iterator<Integer> script = List.of(reads).iterator();
        WalSource source = new WalSource() {
            @Override
            public Stream open(Lsn start) {
                return new Scripted(script.next(), !script.hasNext());
            }

            @Override
            public void renewSlot() {
                throw new AssertionError("no slot was lost");
            }

            @Override
            public void close() {}
        };
        new WalReader(source, new Inbox(), new History(HistorySettings.NONE, time), progress, time, (_, _) -> {}).run();
    }

    /** Of one publication; confirms nothing. */
    private abstract static class Silent implements WalSource.Stream {
        @Override
        public List<String> publications() {
            return List.of("published");
        }

        @Override
        public Lsn received() {
            return Lsn.NONE;
        }

        @Override
        public void confirm(Lsn delivered) {}

        @Override
        public void confirmAtOnce(Lsn delivered) {}

        @Override
        public void keepFrom(Lsn kept) {}

        @Override
        public Lsn from() {
            return Lsn.NONE;
        }

        @Override
        public String origin() {
            return "here";
        }

        @Override
        public long mostBehind() {
            return Long.MAX_VALUE;
        }

        @Override
        public void close() {}
    }

    private final class Scripted extends Silent {
        private final boolean last;
        private int left;

        Scripted(int reads, boolean last) {
            this.left = reads;
            this.last = last;
            troubles.add(new ArrayList<>());
        }

        @Override
        public Optional<ByteBuffer> read() throws WalSource.WalUnavailableException {
            List<Boolean> seen = troubles.getLast();
            boolean trouble = progress.streamTrouble().isPresent();
            if (seen.size() < 2) {
                seen.add(trouble);
            } else {
                seen.set(1, trouble);
            }
            if (backlog) {
                progress.delivered(new Lsn(progress.delivered().value() + 1));
            }
            if (left-- > 0) {
                now = now.plus(READ);
                return Optional.empty();
            }
            if (last) {
                progress.close();
            }
            throw new WalSource.WalUnavailableException("no space left", new IOException("no space left"));
        }
    }

    @Test
    void KF44_aStreamThatOpensAndBreaksAtOnceIsTroubleUntilOneLasts() {
        run(20, 1, 1, 1, 9, 20, 1);

        assertThat(troubles)
                .containsExactly(
                        List.of(false, false),
                        List.of(false, false), // after one that worked
                        List.of(true, true),
                        List.of(true, true),
                        List.of(true, true), // 900 ms are not enough
                        List.of(true, false),
                        List.of(false, false));
    }

    @Test
    void KF44_whatAnEarlierStreamBroughtProvesNothingOfThisOne() {
        backlog = true;

        run(20, 1, 1, 1);

        assertThat(troubles)
                .containsExactly(
                        List.of(false, false), List.of(false, false), List.of(true, true), List.of(true, true));
    }

    @Test
    void KF44_thePausesBetweenStreamsThatBreakAtOnceGrowAndBeginAnewAfterOneThatLasted() {
        run(20, 1, 1, 1, 20, 1);

        assertThat(pauses)
                .containsExactly(
                        Duration.ofMillis(50),
                        Duration.ofMillis(100),
                        Duration.ofMillis(200),
                        Duration.ofMillis(400),
                        Duration.ofMillis(50),
                        Duration.ofMillis(100));
    }

    /** D3: the server that has taken over has a shorter log, and no slot: what it commits counts, wherever it stands. */
    @Test
    void D3_positionsOfALostSlotSayNothingOfTheNext() throws Exception {
        var inbox = new Inbox();
        var streams = List.of(transaction(1_000), transaction(100)).iterator();
        WalSource source = new WalSource() {
            private boolean lost;

            @Override
            public Stream open(Lsn start) throws SlotLostException {
                if (lost) {
                    throw new SlotLostException("no such slot");
                }
                List<ByteBuffer> messages = streams.next();
                return new Bringing(messages, !streams.hasNext(), () -> lost = true);
            }

            @Override
            public void renewSlot() {
                lost = false;
            }

            @Override
            public void close() {}
        };

        new WalReader(source, inbox, new History(HistorySettings.NONE, time), progress, time, (_, _) -> {}).run();

        assertThat(inbox.take(Duration.ZERO).stream()
                        .filter(Inbox.Item.Changes.class::isInstance)
                        .map(item -> ((Inbox.Item.Changes) item).batch())
                        .flatMap(batch -> batch.changes().stream()
                                .map(_ -> batch.transaction().finalLsn())))
                .containsExactly(new Lsn(1_000), new Lsn(100));
    }

    /** Brings messages and breaks; the reader is told to close after the last stream. */
    private final class Bringing extends Silent {
        private final Iterator<ByteBuffer> messages;
        private final boolean last;
        private final Runnable end;

        Bringing(List<ByteBuffer> messages, boolean last, Runnable end) {
            this.messages = messages.iterator();
            this.last = last;
            this.end = end;
        }

        @Override
        public Optional<ByteBuffer> read() throws WalSource.WalUnavailableException {
            now = now.plus(READ);
            if (messages.hasNext()) {
                return Optional.of(messages.next());
            }
            if (last) {
                progress.close();
            }
            end.run();
            throw new WalSource.WalUnavailableException("the server is gone", new IOException("gone"));
        }
    }

    private static List<ByteBuffer> transaction(long finalLsn) {
        return List.of(
                Wal.begin(finalLsn, 7), Wal.relation('f'), Wal.insert("x", "y"), Wal.commit(finalLsn, finalLsn + 20));
    }
}
