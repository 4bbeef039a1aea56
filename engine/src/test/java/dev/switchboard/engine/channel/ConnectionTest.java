package dev.switchboard.engine.channel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.deliver.Member;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.memory.MemoryBudget;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Room;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.ClientCodec;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.Frame;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** The channel's states, without a socket: what is said to the connection and what it says. */
class ConnectionTest {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
    private static final String CALLS =
            "{\"config\":{\"postgres_changes\":[{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\"}]}";

    private final List<String> said = new ArrayList<>();
    private final List<ChangeFeed.Request> requests = new ArrayList<>();
    private final List<Consumer<ChangeFeed.Answer>> answers = new ArrayList<>();
    private final List<ChannelRef> closed = new ArrayList<>();
    private Instant now = START;

    private final ChangeFeed feed = new ChangeFeed() {
        @Override
        public void open(Request request, Consumer<Answer> answer, Consumer<Notice> notices) {
            requests.add(request);
            answers.add(answer);
        }

        @Override
        public void close(ChannelRef channel) {
            closed.add(channel);
        }
    };

    /** One loop, on which everything happens at once. */
    private final Sink sink = new Sink() {
        @Override
        public void deliver(int loop, Supplier<List<Recipients>> batch) {
            throw new IllegalStateException("changes are the pipeline's");
        }

        @Override
        public void cast(int loop, int bytes, Supplier<List<Recipients>> recipients) {
            casts.addAll(recipients.get());
        }

        @Override
        public void execute(int loop, Runnable task) {
            task.run();
        }
    };

    private final List<Recipients> casts = new ArrayList<>();
    private final AtomicLong refs = new AtomicLong();
    private final Hub hub = new Hub(sink, 1, () -> "ref-" + refs.incrementAndGet());

    private final LongAdder unknownEvents = new LongAdder();
    private final Attendance attendance = new Attendance();
    private final MemoryBudget memory = new MemoryBudget(64 << 20);
    private Optional<Duration> behind = Optional.empty();
    private Optional<Position> told = Optional.empty();
    private boolean streaming;
    private RoomPolicies.Answer roomAnswer = new RoomPolicies.Answer.Unsupported();
    private RoomPolicies policies = (_, _) -> roomAnswer;
    private Executor blocking = Runnable::run;
    private final Connection connection = new Connection(
            new ConnectionId(0, 1),
            WireVersion.V2,
            claims("anon", START.plusSeconds(10_000)),
            Map.of(),
            new ConnectionContext(
                    feed,
                    LiveQueries.NONE,
                    hub,
                    attendance,
                    ConnectionTest::verify,
                    new ChannelLimits(2, 5),
                    memory,
                    (InstantSource) () -> now,
                    new AtomicLong(),
                    unknownEvents,
                    new Journal(),
                    new PrivateRooms(
                            (verb, question) -> policies.ask(verb, question),
                            RoomHistory.NONE,
                            task -> blocking.execute(task),
                            sink,
                            Set::of,
                            _ -> {}),
                    _ -> new ConnectionContext.Currency(told, behind),
                    (task, loop) -> sink.execute(loop, task),
                    () -> streaming),
            this::keep);

    private void keep(Frame frame) {
        said.add(frame.toString());
    }

    private static Claims claims(String user, Instant expiresAt) {
        return new Claims(new ClaimsGroup("authenticated", "{\"sub\":\"" + user + "\"}"), Optional.of(user), expiresAt);
    }

    /** Tokens are "user/seconds", and "bad" is none. */
    private static TokenVerifier.Result verify(String token, Instant now) {
        if (token.equals("bad")) {
            return new TokenVerifier.Result.Invalid(ErrorCode.TOKEN_MALFORMED, ErrorCode.TOKEN_MALFORMED.message());
        }
        String[] parts = token.split("/", 2);
        return new TokenVerifier.Result.Valid(claims(parts[0], START.plusSeconds(Long.parseLong(parts[1]))));
    }

    private void receive(String frame) {
        ClientCodec.decode(WireVersion.V2, frame.getBytes(StandardCharsets.UTF_8))
                .ifPresent(connection::receive);
    }

    private void join(String ref, String topic) {
        join(ref, topic, "");
    }

    /** @param token empty for none */
    private void join(String ref, String topic, String token) {
        receive("[\"" + ref + "\",\"" + ref + "\",\"" + topic + "\",\"phx_join\"," + CALLS
                + (token.isEmpty() ? "" : ",\"access_token\":\"" + token + "\"") + "}]");
    }

    private void live() {
        answers.getLast().accept(new ChangeFeed.Answer.Live(List.of(), false));
    }

    private void refuse() {
        int id = requests.getLast().wanted().getFirst().id();
        answers.getLast()
                .accept(new ChangeFeed.Answer.Live(List.of(new ChangeFeed.Refusal(id, "no table calls")), false));
    }

    private void joinWithFilters(String ref, String topic, int filters, String value) {
        String binding =
                "{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\",\"filter\":\"a=in.(" + value + ")\"}";
        receive("[\"" + ref + "\",\"" + ref + "\",\"" + topic + "\",\"phx_join\",{\"config\":{\"postgres_changes\":["
                + String.join(",", Collections.nCopies(filters, binding)) + "]},\"access_token\":\"doug/100\"}]");
    }

    @Test
    void KF45_aJoinWhoseReplyWouldNotFitIsRefusedInsteadOfCutOff() {
        joinWithFilters("1", "realtime:a", 60, "x".repeat(8_000));
        assertThat(said.getLast()).contains("JoinTooLarge", "448 KiB");

        joinWithFilters("2", "realtime:a", 50, "x".repeat(8_000));
        assertThat(requests).as("one that fits").hasSize(1);

        joinWithFilters("3", "realtime:b", 70, "\\u0001".repeat(1_100));
        assertThat(said.getLast()).as("what is escaped counts as it is sent").contains("JoinTooLarge");
    }

    @Test
    void X4_aSecondSignOfLifeAcknowledgesWhatWasSentBeforeTheFirst() {
        for (String payload : List.of("{}", "{\"behind\":true}")) {
            String beat = "[null,\"9\",\"phoenix\",\"heartbeat\"," + payload + "]";
            now = now.plusSeconds(25);
            Instant first = now;
            receive(beat);
            assertThat(connection.status(_ -> true).acknowledged()).isNotEqualTo(Optional.of(first));
            now = now.plusSeconds(25);
            receive(beat);
            assertThat(connection.status(_ -> true).acknowledged()).contains(first);
        }
    }

    /** What waits is decided by the rights of who said it, whoever has the channel by then. */
    @Test
    void Y2_whatWasSaidBeforeAnotherUsersTokenIsItsSpeakers() {
        policies = (verb, question) -> new RoomPolicies.Answer.Rights(
                verb == RoomPolicies.Verb.HEAR || question.subject().equals(Optional.of("doug")), true);
        receive("[\"1\",\"1\",\"realtime:a\",\"phx_join\",{\"config\":{\"private\":true,\"broadcast\":{\"ack\":true}},"
                + "\"access_token\":\"doug/100\"}]");
        var questions = new ArrayDeque<Runnable>();
        blocking = questions::add;
        String broadcast = "\"realtime:a\",\"broadcast\",{\"type\":\"broadcast\",\"event\":\"e\",\"payload\":{}}]";

        receive("[\"1\",\"11\"," + broadcast);
        receive("[\"1\",\"2\",\"realtime:a\",\"access_token\",{\"access_token\":\"rhonda/100\"}]");
        receive("[\"1\",\"12\"," + broadcast);
        while (!questions.isEmpty()) {
            questions.remove().run();
        }

        assertThat(said).anySatisfy(text -> assertThat(text).contains("\"11\"", "\"ok\""));
        assertThat(said).anySatisfy(text -> assertThat(text).contains("\"12\"", "UnauthorizedToWrite"));
        receive("[\"1\",\"13\"," + broadcast);
        assertThat(questions).as("her own rights are known").isEmpty();
        assertThat(said.getLast()).contains("\"13\"", "UnauthorizedToWrite");
    }

    /** As the original words it, once, when the stream brings what the database says; with the end of the wait as the original's. */
    @Test
    void Z9_whoAsksForItIsToldThatTheStreamIsThere() {
        String join =
                "[\"1\",\"1\",\"realtime:a\",\"phx_join\",{\"config\":{\"broadcast\":{\"replication_ready\":true}}}]";
        receive(join);
        assertThat(said).noneMatch(text -> text.contains("Replication"));
        connection.expire();
        assertThat(said).noneMatch(text -> text.contains("Replication"));
        streaming = true;
        connection.expire();
        connection.expire();
        assertThat(said)
                .filteredOn(text -> text.contains("Replication"))
                .containsExactly("[\"1\",null,\"realtime:a\",\"system\",{\"extension\":\"system\",\"status\":\"ok\","
                        + "\"message\":\"Replication connection established\",\"channel\":\"a\"}]");

        said.clear();
        receive(join);
        assertThat(said).as("at once where it is there").anyMatch(text -> text.contains("connection established"));

        said.clear();
        streaming = false;
        receive(join);
        now = now.plusMillis(59_999);
        connection.expire();
        assertThat(said).noneMatch(text -> text.contains("not established"));
        now = now.plusMillis(1);
        connection.expire();
        assertThat(said).anyMatch(text -> text.contains("Replication connection was not established in time"));
        assertThat(said).last().asString().contains("phx_close");
    }

    /** Nothing is heard meanwhile, and not for ever. */
    @Test
    void Y5_whatCouldNotBeAskedAfterAnotherTokenIsAskedAgain() {
        roomAnswer = new RoomPolicies.Answer.Rights(true, false);
        receive(
                "[\"1\",\"1\",\"realtime:a\",\"phx_join\",{\"config\":{\"private\":true},\"access_token\":\"doug/100\"}]");
        hub.broadcast(
                new Room("realtime:a", true),
                BroadcastContent.of("e", "{}".getBytes(StandardCharsets.UTF_8), Optional.empty()),
                Optional.empty());
        var cast = (Recipients.Cast) casts.getLast();
        Member member = cast.members().getFirst();
        assertThat(member.hears(cast, now)).isTrue();

        roomAnswer = new RoomPolicies.Answer.Unavailable();
        receive("[\"1\",\"2\",\"realtime:a\",\"access_token\",{\"access_token\":\"rhonda/100\"}]");
        assertThat(connection.status(_ -> true).channels()).hasSize(1);
        roomAnswer = new RoomPolicies.Answer.Rights(true, false);
        now = now.plusSeconds(1);
        connection.expire();
        assertThat(member.hears(cast, now)).isTrue();

        roomAnswer = new RoomPolicies.Answer.Unavailable();
        receive("[\"1\",\"3\",\"realtime:a\",\"access_token\",{\"access_token\":\"doug/100\"}]");
        assertThat(member.hears(cast, now)).isFalse();
        roomAnswer = new RoomPolicies.Answer.Rights(true, false);
        now = now.plusSeconds(1);
        connection.expire();
        assertThat(said).as("a gap that it is told of").anyMatch(text -> text.contains("ClaimsChanged"));
    }

    @Test
    void KF35_joinsTakeMemoryForTheirFiltersAndGiveItBack() {
        now = START;
        joinWithFilters("1", "realtime:a", 30, "v,".repeat(900) + "v");
        assertThat(said.getLast()).contains("MemoryLimitReached");
        assertThat(memory.taken()).isZero();

        joinWithFilters("2", "realtime:a", 10, "v,".repeat(900) + "v");
        live();
        assertThat(memory.taken()).isBetween(1L << 20, 4L << 20);
        joinWithFilters("3", "realtime:b", 20, "v,".repeat(900) + "v");
        assertThat(said.getLast()).as("both together").contains("MemoryLimitReached");

        receive("[\"2\",\"4\",\"realtime:a\",\"phx_leave\",{}]");
        assertThat(memory.taken()).isZero();
    }

    @Test
    void KF35_presenceTakesMemoryUntilItIsOver() {
        join("1", "realtime:a", "doug/100");
        live();
        long joined = memory.taken();

        receive("[\"1\",\"2\",\"realtime:a\",\"presence\",{\"event\":\"track\",\"payload\":{\"x\":\""
                + "y".repeat(10_000) + "\"}}]");
        assertThat(memory.taken()).isGreaterThan(joined + 10_000);
        receive("[\"1\",\"3\",\"realtime:a\",\"presence\",{\"event\":\"track\",\"payload\":{\"x\":\"y\"}}]");
        assertThat(memory.taken()).as("in place of the former").isBetween(joined + 1, joined + 2_000);
        receive("[\"1\",\"4\",\"realtime:a\",\"presence\",{\"event\":\"untrack\"}]");
        assertThat(memory.taken()).isEqualTo(joined);
        connection.closed(Optional.empty());
        assertThat(memory.taken()).isZero();
    }

    @Test
    void KF35_aFullServerRefusesPresenceAndKeepsTheChannel() {
        join("1", "realtime:a", "doug/100");
        live();
        assertThat(memory.take((64 << 20) - memory.taken())).isTrue();

        receive("[\"1\",\"2\",\"realtime:a\",\"presence\",{\"event\":\"track\",\"payload\":{}}]");

        assertThat(said.getLast()).contains("MemoryLimitReached");
        assertThat(memory.refusals()).isEqualTo(1);
        assertThat(connection.channelCount()).isEqualTo(1);
    }

    @Test
    void J3_theReplyComesOnlyOnceTheSubscriptionIsLive() {
        join("1", "realtime:a", "doug/100");
        assertThat(said).isEmpty();

        live();

        assertThat(said.get(0)).startsWith("[\"1\",\"1\",\"realtime:a\",\"phx_reply\",{\"status\":\"ok\"");
        assertThat(said.get(1)).contains("\"system\"", "Subscribed to PostgreSQL", "\"channel\":\"a\"");
    }

    @Test
    void J4_aRefusedSubscriptionRefusesTheJoinWithItsCause() {
        join("1", "realtime:a", "doug/100");

        refuse();

        assertThat(said.getFirst())
                .contains("\"status\":\"error\"", "RealtimeDisabledForConfiguration: no table calls");
        assertThat(connection.channelCount()).isZero();
        assertThat(closed).containsExactly(requests.getFirst().channel());
    }

    /** One of two: the other goes on, unless the client waits for all. */
    @Test
    void J4_withWaitOneRefusedBindingRefusesTheJoin() {
        for (boolean waits : List.of(false, true)) {
            said.clear();
            receive(
                    "[\"1\",\"1\",\"realtime:a\",\"phx_join\",{\"access_token\":\"doug/100\",\"config\":{\"postgres_changes\":["
                            + "{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\"},{\"event\":\"*\",\"schema\":\"public\",\"table\":\"queues\"}],"
                            + "\"postgres_changes_options\":{\"wait\":" + waits + ",\"timeout\":15000}}}]");

            refuse();

            assertThat(said)
                    .filteredOn(frame -> frame.contains("phx_reply"))
                    .singleElement()
                    .asString()
                    .contains(waits ? "no table calls" : "\"status\":\"ok\"");
            assertThat(said.stream()
                            .anyMatch(frame -> frame.contains("\"system\"") && frame.contains("no table calls")))
                    .isEqualTo(!waits);
            assertThat(connection.channelCount()).isEqualTo(waits ? 0 : 1);
        }
    }

    @Test
    void J5_aSecondJoinOfATopicClosesTheFirst() {
        join("1", "realtime:a", "doug/100");
        live();
        join("2", "realtime:a", "doug/100");
        live();

        assertThat(said)
                .anySatisfy(frame -> assertThat(frame).isEqualTo("[\"1\",\"1\",\"realtime:a\",\"phx_close\",{}]"));
        assertThat(connection.admits(requests.get(0).channel(), now)).isFalse();
        assertThat(connection.admits(requests.get(1).channel(), now)).isTrue();
    }

    @Test
    void J6_aChannelLeftWhileItsSubscriptionIsMadeIsClosedWhenItComes() {
        join("1", "realtime:a", "doug/100");
        receive("[\"1\",\"2\",\"realtime:a\",\"phx_leave\",{}]");
        closed.clear();

        live();

        assertThat(closed).containsExactly(requests.getFirst().channel());
        assertThat(said).noneMatch(frame -> frame.contains("postgres_changes"));
    }

    @Test
    void J7_joinsBeyondTheLimitsAreRefusedWithTheirCode() {
        join("1", "realtime:a", "doug/100");
        join("2", "realtime:b", "doug/100");
        join("3", "realtime:c", "doug/100");
        assertThat(said.getLast()).contains("ChannelRateLimitReached: Too many channels");
        join("4", "realtime:a", "doug/100");
        join("5", "realtime:a", "doug/100");
        join("6", "realtime:a", "doug/100");
        assertThat(said.getLast()).contains("ClientJoinRateLimitReached: Too many joins per second");

        now = now.plusSeconds(1);
        join("7", "realtime:a", "doug/100");
        live();

        assertThat(said.get(said.size() - 2)).contains("\"status\":\"ok\"");
    }

    @Test
    void J7_topicsTokensAndPrivateChannelsAreCheckedBeforeAnythingIsAsked() {
        join("1", "elsewhere", "doug/100");
        join("2", "realtime:", "doug/100");
        join("3", "realtime:a", "bad");
        receive("[\"4\",\"4\",\"realtime:a\",\"phx_join\",{\"config\":{\"private\":true}}]");

        assertThat(said.get(0)).contains("\"reason\":\"unmatched topic\"");
        assertThat(said.get(1)).contains("TopicNameRequired: You must provide a topic name");
        assertThat(said.get(2)).contains("MalformedJWT: The token provided is not a valid JWT");
        assertThat(said.get(3)).contains("PrivateChannelsUnsupported");
        assertThat(requests).isEmpty();
    }

    @Test
    void J8_aFirstJoinWithoutATokenWaitsForItAndThenGoesLive() {
        join("1", "realtime:a");
        refuse();
        assertThat(said.getFirst()).contains("\"status\":\"ok\"");
        assertThat(said.getLast()).contains("\"system\"", "\"status\":\"error\"", "no table calls");

        receive("[\"1\",\"2\",\"realtime:a\",\"access_token\",{\"access_token\":\"doug/100\"}]");
        live();
        now = now.plusSeconds(60);
        connection.expire();

        assertThat(said.getLast()).contains("Subscribed to PostgreSQL");
        assertThat(connection.admits(requests.getLast().channel(), now)).isTrue();
    }

    @Test
    void J8_withoutATokenInTimeTheChannelFailsAndTheNextJoinIsRefused() {
        join("1", "realtime:a");
        refuse();
        now = now.plusSeconds(3);

        connection.expire();
        assertThat(said.getLast()).isEqualTo("[\"1\",\"1\",\"realtime:a\",\"phx_error\",{}]");
        join("2", "realtime:a");
        refuse();

        assertThat(said.getLast()).contains("\"status\":\"error\"", "no table calls");
    }

    private static final String DOUG = "00000000-0000-4000-8000-000000000001";
    private static final String DOUGS = "realtime:calls_changes_" + DOUG;

    private void enter(String ref, String topic, String token) {
        receive("[\"" + ref + "\",\"" + ref + "\",\"" + topic
                + "\",\"phx_join\",{\"config\":{\"presence\":{\"enabled\":true}}"
                + (token.isEmpty() ? "" : ",\"access_token\":\"" + token + "\"") + "}]");
    }

    @Test
    void J9_F003_02_aTopicThatNamesAUserIsThatUsers() {
        enter("1", DOUGS, "rhonda/100");
        enter("2", DOUGS + "#other", "rhonda/100");
        enter("3", DOUGS, DOUG + "/100");
        enter("4", "realtime:calls_changes_today", "rhonda/100");

        assertThat(said.get(0)).contains("\"status\":\"error\"", "ForeignTopic");
        assertThat(said.get(1)).contains("\"status\":\"error\"", "ForeignTopic");
        assertThat(said.get(2)).contains("\"status\":\"ok\"");
        assertThat(said.getLast()).contains("\"status\":\"ok\"");
        assertThat(hub.roomCount()).isEqualTo(2);
    }

    @Test
    void J9_beforeItsTokenHasComeAChannelHearsAndSaysNothing() {
        enter("1", DOUGS, "");
        int rooms = hub.roomCount();
        receive("[\"1\",\"2\",\"" + DOUGS + "\",\"presence\",{\"event\":\"track\",\"payload\":{}}]");
        String tracked = said.getLast();

        receive("[\"1\",\"3\",\"" + DOUGS + "\",\"access_token\",{\"access_token\":\"" + DOUG + "/100\"}]");
        now = now.plusSeconds(60);
        connection.expire();

        assertThat(rooms).isZero();
        assertThat(tracked).contains("\"status\":\"error\"", "ForeignTopic");
        assertThat(hub.roomCount()).isOne();
        assertThat(connection.channelCount()).isOne();
    }

    @Test
    void J9_withoutATokenInTimeOrWithAnothersItEnds() {
        enter("1", DOUGS, "");
        now = now.plusSeconds(3);
        connection.expire();
        String late = said.getLast();
        enter("2", DOUGS, "");
        String again = said.getLast();
        enter("3", DOUGS, DOUG + "/100");

        receive("[\"3\",\"4\",\"" + DOUGS + "\",\"access_token\",{\"access_token\":\"rhonda/100\"}]");

        assertThat(late).isEqualTo("[\"1\",\"1\",\"" + DOUGS + "\",\"phx_error\",{}]");
        assertThat(again).contains("\"status\":\"error\"", "ForeignTopic");
        assertThat(said.getLast()).contains("phx_close");
        assertThat(hub.roomCount()).isZero();
    }

    @Test
    void T1_aTokenOfTheSameUserChangesNothingButTheExpiry() {
        join("1", "realtime:a", "doug/100");
        live();

        receive("[\"1\",\"2\",\"realtime:a\",\"access_token\",{\"access_token\":\"doug/500\"}]");
        now = START.plusSeconds(200);
        connection.expire();

        assertThat(requests).hasSize(1);
        assertThat(connection.admits(requests.getFirst().channel(), now)).isTrue();
    }

    @Test
    void T2_anotherUsersTokenWithholdsWhatWasAuthorizedForTheFirst() {
        join("1", "realtime:a", "doug/100");
        live();
        receive("[\"1\",\"2\",\"realtime:a\",\"access_token\",{\"access_token\":\"rhonda/100\"}]");

        boolean admitted = connection.admits(requests.getFirst().channel(), now);
        live();

        assertThat(admitted).isFalse();
        assertThat(requests.getLast().replaces()).contains(requests.getFirst().channel());
        assertThat(said.get(said.size() - 2)).contains("ClaimsChanged");
        assertThat(said.getLast()).contains("phx_error");
    }

    @Test
    void T2_aFailureWhileTheTokenTakesOverIsToldToTheJoinedChannel() {
        join("1", "realtime:a", "doug/100");
        live();
        receive("[\"1\",\"2\",\"realtime:a\",\"access_token\",{\"access_token\":\"rhonda/100\"}]");
        now = START.plusSeconds(100);

        connection.expire();

        assertThat(said.getLast()).isEqualTo("[\"1\",\"1\",\"realtime:a\",\"phx_error\",{}]");
    }

    @Test
    void T3_aBadTokenClosesTheChannelWithItsMessage() {
        join("1", "realtime:a", "doug/100");
        live();

        receive("[\"1\",\"2\",\"realtime:a\",\"access_token\",{\"access_token\":\"bad\"}]");

        assertThat(said.get(said.size() - 2)).contains("\"system\"", "The token provided is not a valid JWT");
        assertThat(said.getLast()).contains("phx_close");
        assertThat(closed).containsExactly(requests.getFirst().channel());
    }

    @Test
    void T4_aRefreshThatComesAfterTheExpiryRefetchesWhatWasWithheld() {
        join("1", "realtime:a", "doug/100");
        live();
        now = START.plusSeconds(100);
        boolean admitted = connection.admits(requests.getFirst().channel(), now);

        receive("[\"1\",\"2\",\"realtime:a\",\"access_token\",{\"access_token\":\"doug/500\"}]");

        assertThat(admitted).isFalse();
        assertThat(said.getLast()).isEqualTo("[\"1\",\"1\",\"realtime:a\",\"phx_error\",{}]");
    }

    @Test
    void T4_nothingIsDeliveredAfterTheTokenExpiredAndTheClientRejoins() {
        join("1", "realtime:a", "doug/100");
        live();
        now = START.plusSeconds(100);

        assertThat(connection.admits(requests.getFirst().channel(), now)).isFalse();
        connection.expire();

        assertThat(said.get(said.size() - 2)).contains("Token has expired 0 seconds ago");
        assertThat(said.getLast()).contains("phx_error");
    }

    @Test
    void D5_refetchIsASystemErrorThenPhxError() {
        join("1", "realtime:a", "doug/100");
        live();

        connection.refetch(requests.getFirst().channel(), ErrorCode.TABLE_TRUNCATED);

        assertThat(said.get(said.size() - 2)).contains("TableTruncated: The table was truncated");
        assertThat(said.getLast()).isEqualTo("[\"1\",\"1\",\"realtime:a\",\"phx_error\",{}]");
        assertThat(connection.channelCount()).isZero();
    }

    @Test
    void W7_F000_06_aHeartbeatThatAsksHearsHowFarBehindTheServerIs() {
        behind = Optional.of(Duration.ofMillis(1_250));

        receive("[null,\"9\",\"phoenix\",\"heartbeat\",{}]");
        receive("[null,\"10\",\"phoenix\",\"heartbeat\",{\"behind\":true}]");

        assertThat(said.getFirst())
                .isEqualTo("[null,\"9\",\"phoenix\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]");
        assertThat(said.getLast())
                .isEqualTo(
                        "[null,\"10\",\"phoenix\",\"phx_reply\",{\"status\":\"ok\",\"response\":{\"behind_ms\":1250}}]");
    }

    @Test
    void W7_heartbeatsLeavesAndMessagesForUnknownTopicsAreAnswered() {
        receive("[null,\"10\",\"phoenix\",\"heartbeat\",{}]");
        receive("[\"1\",\"11\",\"realtime:gone\",\"phx_leave\",{}]");
        receive("[\"1\",\"12\",\"realtime:gone\",\"anything\",{}]");
        join("1", "realtime:a", "doug/100");
        live();

        assertThat(said.get(0))
                .isEqualTo("[null,\"10\",\"phoenix\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]");
        assertThat(said.get(1)).contains("\"11\"", "\"status\":\"ok\"");
        assertThat(said.get(2)).contains("\"12\"", "unmatched topic");
    }

    @Test
    void KF33_anUnknownEventIsLeftAloneAndCounted() {
        join("1", "realtime:a", "doug/100");
        live();
        int before = said.size();
        for (String event : List.of("anything", "untrack", "phx_error", "postgres_changes", "")) {
            receive("[\"1\",\"13\",\"realtime:a\",\"" + event + "\",{}]");
        }
        receive("[\"0\",\"14\",\"realtime:a\",\"anything\",{}]"); // an earlier join's is nobody's

        assertThat(said).hasSize(before);
        assertThat(unknownEvents.sum()).isEqualTo(5);
        receive("[\"1\",\"15\",\"realtime:a\",\"presence\",{\"type\":\"presence\",\"event\":\"untrack\"}]");
        assertThat(said.getLast()).as("the channel lives").contains("\"15\"", "\"ok\"");
    }

    private void liveAndHiding() {
        answers.getLast().accept(new ChangeFeed.Answer.Live(List.of(), true));
    }

    @Test
    void KF5_aFirstJoinWithoutATokenThatPoliciesMayHideFromIsAskedForOne() {
        now = START;
        join("1", "realtime:a");
        liveAndHiding();
        now = START.plusMillis(900);
        connection.expire();
        assertThat(said.getLast()).contains("Subscribed to PostgreSQL");

        now = START.plusMillis(1_000);
        connection.expire();

        assertThat(said).anyMatch(frame -> frame.contains("TokenAwaited"));
        assertThat(said.getLast()).contains("phx_error");
        // again without one: then there is none, and what it may see it gets
        join("2", "realtime:a");
        liveAndHiding();
        now = START.plusSeconds(60);
        connection.expire();
        assertThat(said.getLast()).contains("Subscribed to PostgreSQL");
    }

    @Test
    void KF5_aTokenInTimeIsAllThatWasWanted() {
        for (String token : List.of("doug/100", "anon/100")) {
            now = START;
            String topic = "realtime:" + token;
            join(token, topic);
            liveAndHiding();
            receive("[\"" + token + "\",\"9\",\"" + topic + "\",\"access_token\",{\"access_token\":\"" + token
                    + "\"}]");
            if (token.startsWith("doug")) {
                liveAndHiding(); // under the user's claims
            }
            now = START.plusSeconds(30);
            connection.expire();
            assertThat(said).as(token).noneMatch(frame -> frame.contains("TokenAwaited"));
        }
    }

    @Test
    void KF5_whoCameWithATokenOrSeesEverythingIsLeftInPeace() {
        now = START;
        join("1", "realtime:a", "doug/100");
        liveAndHiding();
        join("2", "realtime:b");
        live();
        now = START.plusSeconds(30);
        connection.expire();
        assertThat(said).noneMatch(frame -> frame.contains("phx_error"));
    }

    @Test
    void J6_aClosedSocketClosesItsChannels() {
        join("1", "realtime:a", "doug/100");
        live();

        connection.closed(Optional.empty());

        assertThat(closed).containsExactly(requests.getFirst().channel());
    }

    @Test
    void L16_aSubjectIsHereAsLongAsOneOfItsTokensHoldsAChannel() {
        join("1", "realtime:a", "doug/100");
        join("2", "realtime:b", "doug/100");
        assertThat(attendance.subjects()).containsExactly("doug");

        receive("[\"1\",\"3\",\"realtime:a\",\"phx_leave\",{}]");
        assertThat(attendance.subjects()).containsExactly("doug");

        live();
        receive("[\"2\",\"4\",\"realtime:b\",\"access_token\",{\"access_token\":\"rhonda/100\"}]");
        assertThat(attendance.subjects()).containsExactly("rhonda");

        join("5", "realtime:b", "doug/100"); // in place of the former
        assertThat(attendance.subjects()).containsExactly("doug");

        connection.closed(Optional.empty());
        assertThat(attendance.subjects()).isEmpty();
    }
}
