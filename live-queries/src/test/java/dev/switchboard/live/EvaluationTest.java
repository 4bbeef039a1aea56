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
    private static final LiveQuery QUERY = new LiveQuery("public", "t", "order=id", List.of("id"), Duration.ZERO);
    private static final Duration REST = Duration.ofMillis(500);

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
                    .map(word -> new KeptRow(word.split("=", -1)[0], "\"" + word + "\""))
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
        open(epoch, QUERY);
    }

    private void open(int epoch, LiveQuery query) {
        var reader = new ClaimsGroup("anon", "{}");
        evaluations.open(
                channel(epoch), new Claims(reader, Optional.empty(), Instant.MAX), query, new LiveQueries.Listener() {
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

    /** What happens while one of them rests happens within its pause. */
    @Test
    void I6_whoRestsIsToldOfTheLastOfManyChangesAndAtOnceOfWhatComesAndGoes() {
        open(1, new LiveQuery("public", "t", "order=id", List.of("id"), REST));
        open(2);
        var rests = new ArrayDeque<Runnable>();
        rests.add(() -> {
            assertThat(take()).containsExactlyInAnyOrder(reset(1, "a"), reset(2, "a"));
            change("a=1");
            assertThat(take()).as("the one that rests is told later").containsExactly(update(2, "a=1"));
            change("a=2");
            assertThat(take()).containsExactly(update(2, "a=2"));
        });
        rests.add(() -> {
            assertThat(take()).as("the last of them").containsExactly(update(1, "a=2"));
            change("a=3");
            assertThat(take()).containsExactly(update(2, "a=3"));
            change("a=3", "b");
            assertThat(take())
                    .as("a row that comes is told of at once, with what was held back")
                    .containsExactlyInAnyOrder(
                            says(
                                    1,
                                    "[{\"op\":\"update\",\"at\":0,\"row\":\"a=3\"},{\"op\":\"insert\",\"at\":1,\"row\":\"b\"}]",
                                    false),
                            says(2, "[{\"op\":\"insert\",\"at\":1,\"row\":\"b\"}]", false));
            failures = 1;
            change("a=4", "b");
            assertThat(take())
                    .as("that they may be old, too, and that they are not")
                    .containsSubsequence(says(1, "[]", true), update(1, "a=4"));
        });
        whilePaused = () -> {
            if (pauses.getLast().equals(REST) && !rests.isEmpty()) {
                rests.remove().run();
            }
        };

        settle();
        assertThat(rests).isEmpty();
        assertThat(reads).as("each reading is for both").isEqualTo(7);
        assertThat(evaluations.size()).isEqualTo(1);
    }

    /** Each has the list of another reading, which stays in memory for it. */
    @Test
    void I6_whereManyRestWithListsOfTheirOwnNobodyDoes() {
        var query = new LiveQuery("public", "t", "order=id", List.of("id"), REST);
        var told = new ArrayList<String>();
        whilePaused = () -> {
            if (pauses.getLast().equals(REST)
                    && pauses.stream().filter(REST::equals).count() == 1) {
                for (int i = 1; i <= Follower.MOST_GENERATIONS + 1; i++) {
                    open(10 + i, query);
                    change("a=" + i);
                    told.addAll(take());
                }
                told.clear();
                change("a=last");
                told.addAll(take());
            }
        };
        open(1, query);
        settle();

        assertThat(told).hasSizeGreaterThan(Follower.MOST_GENERATIONS).allMatch(line -> line.contains("a=last"));
    }

    /** A sum has no key: it is told apart by what it holds. */
    @Test
    void I6_rowsWithoutAKeyRestAsLongAsThereAreAsMany() {
        var one = List.of(new KeptRow("{\"n\":1}", "{\"n\":1}"));
        var two = List.of(new KeptRow("{\"n\":2}", "{\"n\":2}"));

        assertThat(KeptRow.areTheSame(one, two)).isTrue();
        assertThat(KeptRow.areTheSame(one, List.of())).isFalse();
        assertThat(KeptRow.areTheSame(one, List.of(new KeptRow("1", "{\"n\":1}"))))
                .isFalse();
    }

    private static String reset(int epoch, String row) {
        return says(epoch, "[{\"op\":\"reset\",\"rows\":[\"" + row + "\"]}]", false);
    }

    private static String update(int epoch, String row) {
        return says(epoch, "[{\"op\":\"update\",\"at\":0,\"row\":\"" + row + "\"}]", false);
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
