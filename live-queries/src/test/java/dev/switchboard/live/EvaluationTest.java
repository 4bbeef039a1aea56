package dev.switchboard.live;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.channel.ChangeFeed;
import dev.switchboard.engine.channel.LiveQueries;
import dev.switchboard.engine.deliver.Receipt;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.pipeline.Time;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.Frame;
import dev.switchboard.engine.protocol.LiveQuery;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** SPEC I: what becomes of readings, without a database. */
class EvaluationTest {
    private static final LiveQuery QUERY = new LiveQuery("public", "t", "order=id", List.of("id"));

    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();
    private final List<String> told = new ArrayList<>();
    private final List<ChannelRef> opened = new ArrayList<>();
    private final List<ChannelRef> closed = new ArrayList<>();
    private final List<Duration> pauses = new ArrayList<>();
    private List<String> answer = List.of("a");
    private int failures;
    private boolean behind;
    private boolean withheld;
    private Runnable whilePaused = () -> {};
    private int reads;

    private final Sink sockets = new Sink() {
        @Override
        public void deliver(int loop, Supplier<List<Recipients>> recipients) {}

        @Override
        public void cast(int loop, int bytes, Supplier<List<Recipients>> recipients) {}

        @Override
        public boolean isBehind(ChannelRef channel) {
            return behind;
        }

        @Override
        public void execute(int loop, Runnable task) {
            task.run();
        }
    };

    private final Time time = new Time() {
        @Override
        public void pause(Duration duration) {
            pauses.add(duration);
            whilePaused.run();
            if (pauses.size() > 100) {
                behind = false;
                withheld = false;
            }
        }

        @Override
        public double random() {
            return 0;
        }

        @Override
        public Instant instant() {
            return Instant.EPOCH;
        }
    };

    private final ChangeFeed feed = new ChangeFeed() {
        @Override
        public void open(Request request, Consumer<Answer> answered, Consumer<Notice> notices) {
            opened.add(request.channel());
            answered.accept(new Answer.Live(List.of(), false));
        }

        @Override
        public void close(ChannelRef channel) {
            closed.add(channel);
        }
    };

    private final QuerySource source = new QuerySource() {
        @Override
        public List<Binding> changes(LiveQuery query, ClaimsGroup reader) {
            return List.of();
        }

        @Override
        public List<KeptRow> read(LiveQuery query, ClaimsGroup reader) throws UnavailableException {
            reads++;
            if (failures > 0) {
                failures--;
                throw new UnavailableException("gone");
            }
            return answer.stream()
                    .map(word -> new KeptRow(word, "\"" + word + "\""))
                    .toList();
        }
    };

    private final Evaluations evaluations =
            new Evaluations(sockets, new Evaluations.Surroundings(tasks::add, time, (_, _) -> {}));

    @BeforeEach
    void begin() {
        evaluations.begin(feed, source);
    }

    private static ChannelRef channel(int epoch) {
        return new ChannelRef(new ConnectionId(0, epoch), epoch, "realtime:x", WireVersion.V2);
    }

    private void open(int epoch) {
        var reader = new ClaimsGroup("anon", "{}");
        evaluations.open(
                channel(epoch), new Claims(reader, Optional.empty(), Instant.MAX), QUERY, new LiveQueries.Listener() {
                    @Override
                    public boolean says(String payload, boolean hiding) {
                        if (!withheld) {
                            told.add(epoch + " " + payload);
                        }
                        return !withheld;
                    }

                    @Override
                    public void refused(String why) {
                        told.add(epoch + " refused: " + why);
                    }

                    @Override
                    public void failed(ErrorCode code) {
                        told.add(epoch + " " + code);
                    }
                });
    }

    private void settle() {
        while (!tasks.isEmpty()) {
            tasks.remove().run();
        }
    }

    private List<String> take() {
        settle();
        List<String> taken = List.copyOf(told);
        told.clear();
        return taken;
    }

    /** The feed tells of a row that the answer may hang on. */
    private void change(String... rows) {
        answer = List.of(rows);
        evaluations
                .around()
                .deliver(
                        -1,
                        List.of(new Recipients.Send(
                                Frame.text(new byte[0]), Optional.empty(), new Receipt(List.of(opened.getLast()), 0))));
    }

    private static String says(int epoch, String operations, boolean stale) {
        return epoch + " {\"ops\":" + operations + ",\"stale\":" + stale + ",\"polled\":false}";
    }

    @Test
    void I2_whatCannotBeReadIsMarkedAndReadAgain() {
        open(1);
        assertThat(take()).containsExactly(says(1, "[{\"op\":\"reset\",\"rows\":[\"a\"]}]", false));

        failures = 2;
        change("a", "b");
        assertThat(take())
                .containsExactly(says(1, "[]", true), says(1, "[{\"op\":\"insert\",\"at\":1,\"row\":\"b\"}]", false));
        assertThat(pauses).contains(Duration.ofSeconds(1));
    }

    @Test
    void I4_whoIsBehindIsToldAllAtOnceLater() {
        open(1);
        take();
        pauses.clear();
        behind = true;
        change("b");
        change("c");

        assertThat(take()).containsExactly(says(1, "[{\"op\":\"reset\",\"rows\":[\"c\"]}]", false));
        assertThat(pauses.size()).as("it was asked about all the while").isGreaterThan(100);
    }

    /** Also while changes go on, so that there is always something to read. */
    @Test
    void I4_whoWasBehindIsToldWhileChangesGoOn() {
        open(1);
        take();
        pauses.clear();
        behind = true;
        whilePaused = () -> {
            behind &= pauses.size() < 5;
            if (told.isEmpty()) {
                assertThat(pauses.size()).isLessThan(50);
                change("c" + pauses.size());
            }
        };
        change("b");

        assertThat(take().getFirst()).contains("reset");
    }

    /** A token that has run out for a moment: what was not said is not believed to be known. */
    @Test
    void I2_whatWasWithheldIsToldAsAWhole() {
        open(1);
        take();
        pauses.clear();
        withheld = true;
        change("b");
        assertThat(take()).containsExactly(says(1, "[{\"op\":\"reset\",\"rows\":[\"b\"]}]", false));
    }

    @Test
    void I4_oneReadingIsForAllWhoAskForTheSame() {
        open(1);
        open(2);
        assertThat(take()).hasSize(2);
        assertThat(reads).isEqualTo(1);

        change("b");
        assertThat(take()).hasSize(2);
        open(3);
        assertThat(take()).containsExactly(says(3, "[{\"op\":\"reset\",\"rows\":[\"b\"]}]", false));
        assertThat(reads).isEqualTo(3);
        assertThat(evaluations.size()).isEqualTo(1);

        for (int i = 1; i <= 3; i++) {
            evaluations.close(channel(i));
        }
        assertThat(evaluations.size()).isZero();
        assertThat(evaluations.bytes()).isZero();
        assertThat(closed).isEqualTo(opened);
    }

    /** What was missed while there was no subscription is found by reading again. */
    @Test
    void I3_aSubscriptionThatEndsIsMadeAnewAndTheQueryReadAgain() {
        open(1);
        take();
        answer = List.of("z");
        evaluations
                .around()
                .deliver(-1, List.of(new Recipients.Refetch(ErrorCode.RIGHTS_CHANGED, List.of(opened.getLast()))));

        assertThat(take()).singleElement().asString().contains("\"z\"");
        assertThat(opened).hasSize(2);
        assertThat(closed).containsExactly(opened.getFirst());
    }

    /** What it was told of before is not known to be the answer that it would get. */
    @Test
    void I5_moreThanFitsIsRefused() {
        answer = List.of("x".repeat((int) Evaluations.MOST_BYTES / 2));
        open(1);

        assertThat(take()).containsExactly("1 " + ErrorCode.MEMORY_LIMIT);
        assertThat(evaluations.bytes()).isZero();
        assertThat(evaluations.size()).isZero();
    }
}
