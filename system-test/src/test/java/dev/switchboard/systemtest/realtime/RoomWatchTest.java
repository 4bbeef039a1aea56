package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.channel.RoomPolicies.Answer.Rights;
import dev.switchboard.engine.channel.RoomPolicies.Known;
import dev.switchboard.engine.channel.RoomPolicies.Verb;
import dev.switchboard.engine.decode.TransactionAssembler;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.pipeline.WalSource;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.PostgresRoomPolicies;
import dev.switchboard.engine.postgres.PostgresWalSource;
import dev.switchboard.engine.postgres.UnheardTables;
import dev.switchboard.systemtest.harness.TestServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** SPEC Y4: an answer about a private room holds until the stream tells of something that it hangs on, and never longer. */
class RoomWatchTest {
    private static final List<String> USERS =
            List.of("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222", "no uuid");
    private static final List<String> TOPICS = List.of("blue", "green", "org:7");

    private static final List<String> SCHEMA = List.of(
            "create table watch_member (room text, member uuid, part text, primary key (room, member))",
            "create table watch_flag (name text primary key, is_open boolean)",
            "create table watch_marker (id int primary key)",
            "create table watch_unheard (room text, member uuid, primary key (room, member))",
            "grant select on watch_member, watch_flag, watch_unheard to authenticated",
            "create function watch_speaks(wanted text) returns boolean language sql stable security definer begin atomic"
                    + " select exists (select from watch_member m where m.room = wanted and m.member = auth.uid()"
                    + " and m.part = 'speaker'); end",
            "create function watch_rooms() returns setof text language sql stable security definer set search_path = '' as"
                    + " 'select m.room from public.watch_member m where m.member = auth.uid()'",
            "alter publication switchboard_dependencies add table watch_member, watch_flag",
            "alter publication supabase_realtime add table watch_marker");

    /** Those whose answers hold. */
    private static final List<String> HELD = List.of(
            "exists (select 1 from watch_member m where m.room = (select realtime.topic()) and m.member = (select auth.uid()))",
            "exists (select from watch_member m where m.member = auth.uid() and m.room = topic and messages.extension = 'broadcast')",
            "watch_speaks(realtime.topic()) or extension = 'presence'",
            "realtime.topic() in (select watch_rooms())",
            "(select is_open from watch_flag where name = realtime.topic())",
            "exists (select from watch_flag f join watch_member m on m.room = f.name where f.is_open and m.member = auth.uid()"
                    + " and f.name = realtime.topic())",
            "realtime.topic() like 'org:%' and (auth.jwt() ->> 'level')::int > 2",
            "extension = 'presence' and (current_setting('request.headers', true)::json ->> 'x-desk') = '7'",
            "(select count(*) from watch_member m where m.room = realtime.topic()) > 1");

    /** Those that may be another each time, or of which the stream does not tell. */
    private static final List<String> UNHELD = List.of(
            "inserted_at < now() + interval '1 day'",
            "current_setting('app.mode', true) is null",
            "exists (select from watch_unheard u where u.room = realtime.topic() and u.member = auth.uid())");

    private final Random random = new Random(seed());
    private final TestServer server = TestServer.start();
    private Connection admin;
    private HikariDataSource pool;
    private PostgresWalSource source;
    private WalSource.Stream stream;
    private TransactionAssembler assembler;
    private PostgresRoomPolicies rooms;
    private Instant now = Instant.now();
    private int markers;

    private static long seed() {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("RoomWatchTest: -Dseed=" + seed);
        return seed;
    }

    @BeforeEach
    void start() throws Exception {
        Database database = server.server().database();
        admin = DriverManager.getConnection(database.url(), database.user(), database.password());
        for (String statement : SCHEMA) {
            run(statement);
        }
        pool = server.pool(2);
        rooms = new PostgresRoomPolicies(pool, pool, () -> now);
        source = PostgresWalSource.withDependencies(database, "room_watch", "supabase_realtime");
        stream = source.open(Lsn.NONE);
        assembler = new TransactionAssembler(Position.START);
        rooms.carried(stream.publications());
    }

    @AfterEach
    void stop() throws Exception {
        stream.close();
        source.close();
        pool.close();
        admin.close();
        server.close();
    }

    @Test
    void Y4_whatHoldsIsWhatSqlSaysAfterAnyCommits() throws Exception {
        model(180);
    }

    @Test
    @Tag("long")
    void Y4_theSameForLong() throws Exception {
        model(9_000);
    }

    private void model(int commits) throws Exception {
        var wrong = new ArrayList<String>();
        int answers = 0;
        int held = 0;
        int open = 0;
        for (int commit = 0; commit < commits; commit++) {
            if (commit % 20 == 0) {
                policy(HELD.get((commit / 20) % HELD.size()));
            }
            String what = change();
            marker();
            passTime();
            for (RoomPolicies.Question question : questions()) {
                for (Verb verb : Verb.values()) {
                    Rights right = RoomOracle.rights(admin, verb, question);
                    if (rooms.known(verb, question) instanceof Known.Holds(var rights, var _)) {
                        held++;
                        if (!rights.equals(right)) {
                            wrong.add("known " + rights + ", SQL " + right + " of " + verb + " " + question + " after "
                                    + what);
                        }
                    }
                    Rights said = (Rights) rooms.ask(verb, question);
                    answers++;
                    open += right.isNothing() ? 0 : 1;
                    // one that raises may do so while it is planned, which depends on the plan, and allows nothing
                    boolean raised = said.isNothing() && question.group().json().contains("no uuid");
                    if (!said.equals(right) && !raised) {
                        wrong.add(
                                "said " + said + ", SQL " + right + " of " + verb + " " + question + " after " + what);
                    }
                }
            }
        }
        System.out.printf(
                "RoomWatchTest: %d commits, %d answers, %d %% open, %d held, %d questions of PostgreSQL%n",
                commits, answers, 100 * open / answers, held, rooms.asked());
        assertThat(wrong).isEmpty();
        assertThat(open).isGreaterThan(answers / 10).isLessThan(answers * 9 / 10);
        assertThat(held).as("all but those of claims that raise").isGreaterThan(6 * answers / 10);
    }

    @Test
    void Y4_whatMayBeAnotherEachTimeIsAskedAgain() throws Exception {
        RoomPolicies.Question question = question(USERS.getFirst(), "blue");
        for (String expression : UNHELD) {
            policy(expression);
            rooms.ask(Verb.HEAR, question);
            assertThat(rooms.known(Verb.HEAR, question)).as(expression).isInstanceOf(Known.Nothing.class);
        }
        for (String expression : HELD) {
            policy(expression);
            rooms.ask(Verb.HEAR, question);
            assertThat(rooms.known(Verb.HEAR, question)).as(expression).isInstanceOf(Known.Holds.class);
        }
    }

    /** Who is to publish what says so: {@code doctor} and {@code prepare}. */
    @Test
    void Y4_tablesThatTheStreamDoesNotTellOfAreNamed() throws Exception {
        policy(UNHELD.getLast());

        List<UnheardTables.Unheard> unheard = UnheardTables.of(admin, "supabase_realtime");

        assertThat(unheard)
                .filteredOn(one -> one.table().table().equals("watch_unheard"))
                .singleElement()
                .satisfies(one -> {
                    assertThat(one.what())
                            .isEqualTo(
                                    "policies of realtime.messages read table public.watch_unheard, whose changes are not"
                                            + " heard of: PostgreSQL is asked about everybody in private rooms, every 5 s");
                    run(one.remedy());
                });
        assertThat(UnheardTables.of(admin, "supabase_realtime"))
                .noneMatch(one -> one.table().table().equals("watch_unheard"));
        RoomPolicies.Question question = question(USERS.getFirst(), "blue");
        now = now.plusSeconds(6);
        passTime();
        rooms.ask(Verb.HEAR, question);
        assertThat(rooms.known(Verb.HEAR, question)).isInstanceOf(Known.Holds.class);
    }

    /** A change of a membership is over for its own member alone. */
    @Test
    void Y4_onlyWhomAChangeConcernsIsAskedAgain() throws Exception {
        policy(HELD.getFirst());
        for (String user : USERS.subList(0, 2)) {
            assertThat(rooms.ask(Verb.HEAR, question(user, "blue"))).isEqualTo(Rights.NOTHING);
        }

        run("insert into watch_member values ('blue', '" + USERS.getFirst() + "', 'hearer')");
        marker();

        assertThat(rooms.known(Verb.HEAR, question(USERS.get(0), "blue"))).isInstanceOf(Known.Over.class);
        assertThat(rooms.known(Verb.HEAR, question(USERS.get(1), "blue"))).isInstanceOf(Known.Holds.class);
        assertThat(rooms.ask(Verb.HEAR, question(USERS.get(0), "blue"))).isEqualTo(new Rights(true, true));
    }

    @Test
    void Y4_aPolicyThatIsAlteredEndsWhatHeld() throws Exception {
        RoomPolicies.Question question = question(USERS.getFirst(), "blue");
        policy(HELD.get(4));
        run("insert into watch_flag values ('blue', true)");
        marker();
        assertThat(rooms.ask(Verb.HEAR, question)).isEqualTo(new Rights(true, true));
        assertThat(rooms.known(Verb.HEAR, question)).isInstanceOf(Known.Holds.class);

        run("create policy closed on realtime.messages as restrictive for select using (false)");
        passTime();
        assertThat(rooms.known(Verb.HEAR, question)).isNotInstanceOf(Known.Holds.class);
        assertThat(rooms.ask(Verb.HEAR, question)).isEqualTo(Rights.NOTHING);

        run("drop policy closed on realtime.messages");
        passTime();
        assertThat(rooms.ask(Verb.HEAR, question)).isEqualTo(new Rights(true, true));
        run("revoke select on watch_flag from authenticated");
        passTime();
        assertThat(rooms.known(Verb.HEAR, question)).isNotInstanceOf(Known.Holds.class);
        assertThat(rooms.ask(Verb.HEAR, question)).isEqualTo(Rights.NOTHING);
    }

    /** A stream that stands still, or begins anew, tells nothing. */
    @Test
    void Y4_withoutTheStreamNothingHolds() throws Exception {
        RoomPolicies.Question question = question(USERS.getFirst(), "blue");
        policy(HELD.getFirst());
        rooms.ask(Verb.HEAR, question);
        assertThat(rooms.known(Verb.HEAR, question)).isInstanceOf(Known.Holds.class);

        now = now.plusSeconds(10);
        rooms.look(false);
        assertThat(rooms.known(Verb.HEAR, question)).as("it stands still").isInstanceOf(Known.Stale.class);
        rooms.look(true);
        assertThat(rooms.known(Verb.HEAR, question)).as("it has caught up").isInstanceOf(Known.Holds.class);
        rooms.carried(List.of("supabase_realtime", "switchboard_dependencies"));
        assertThat(rooms.known(Verb.HEAR, question)).as("it begins anew").isInstanceOf(Known.Over.class);
        rooms.carried(List.of("supabase_realtime"));
        rooms.ask(Verb.HEAR, question);
        assertThat(rooms.known(Verb.HEAR, question))
                .as("it does not carry the table any more")
                .isInstanceOf(Known.Nothing.class);
    }

    /** A commit that waits for a standby is in the stream, and new snapshots do not see it yet: what they say does not hold. */
    @Test
    void Y4_whatDoesNotSeeAllThatWasToldDoesNotHold() throws Exception {
        RoomPolicies.Question question = question(USERS.getFirst(), "blue");
        policy(HELD.getFirst());
        run("insert into watch_member values ('blue', '" + USERS.getFirst() + "', 'hearer')");
        marker();
        run("set synchronous_commit = local");
        run("alter system set synchronous_standby_names = 'nobody'");
        run("select pg_reload_conf()");
        Database database = server.server().database();
        try (Connection waiting = DriverManager.getConnection(database.url(), database.user(), database.password());
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var committed = threads.submit(() -> waiting.createStatement().execute("delete from watch_member"));
            try {
                passUntil(change -> change instanceof Change.Delete);
                assertThat(rooms.ask(Verb.HEAR, question)).as("not visible").isEqualTo(new Rights(true, true));
                assertThat(rooms.known(Verb.HEAR, question)).isInstanceOf(Known.Nothing.class);
            } finally {
                run("alter system reset synchronous_standby_names");
                run("select pg_reload_conf()");
                committed.get();
            }
        }
        passTime();
        assertThat(rooms.ask(Verb.HEAR, question)).isEqualTo(Rights.NOTHING);
        assertThat(rooms.known(Verb.HEAR, question)).isInstanceOf(Known.Holds.class);
    }

    /** What had begun before a table was watched may have written to it unheard. */
    @Test
    void Y4_nothingHoldsBeforeWhatHadBegunHasEnded() throws Exception {
        RoomPolicies.Question question = question(USERS.getFirst(), "blue");
        Database database = server.server().database();
        try (Connection early = DriverManager.getConnection(database.url(), database.user(), database.password())) {
            early.setAutoCommit(false);
            early.createStatement().execute("insert into watch_marker values (" + ++markers + ")");
            policy(HELD.getFirst());
            rooms.ask(Verb.HEAR, question);
            assertThat(rooms.known(Verb.HEAR, question)).isInstanceOf(Known.Nothing.class);
            early.commit();
        }
        passTime();
        rooms.ask(Verb.HEAR, question);
        assertThat(rooms.known(Verb.HEAR, question)).isInstanceOf(Known.Holds.class);
    }

    private String change() throws SQLException {
        String user = USERS.get(random.nextInt(2));
        String topic = TOPICS.get(random.nextInt(TOPICS.size()));
        String part = random.nextBoolean() ? "speaker" : "hearer";
        String statement = switch (random.nextInt(8)) {
            case 0, 1, 2 ->
                "insert into watch_member values ('" + topic + "', '" + user + "', '" + part
                        + "') on conflict (room, member) do update set part = excluded.part";
            case 3, 4 -> "delete from watch_member where room = '" + topic + "' and member = '" + user + "'";
            case 5 ->
                "update watch_member set room = '" + topic + "' where member = '" + user
                        + "' and not exists (select from watch_member where room = '" + topic
                        + "') and room = (select min(room) from watch_member where member = '" + user + "')";
            case 6 ->
                "insert into watch_flag values ('" + topic + "', " + random.nextBoolean()
                        + ") on conflict (name) do update set is_open = not watch_flag.is_open";
            default ->
                random.nextInt(4) == 0
                        ? "truncate watch_member"
                        : "delete from watch_flag where name = '" + topic + "'";
        };
        run(statement);
        return statement;
    }

    private static List<RoomPolicies.Question> questions() {
        var questions = new ArrayList<RoomPolicies.Question>();
        for (String user : USERS) {
            for (String topic : TOPICS) {
                questions.add(question(user, topic));
            }
        }
        return questions;
    }

    private static RoomPolicies.Question question(String user, String topic) {
        int level = user.startsWith("1") ? 3 : 1;
        return new RoomPolicies.Question(
                new ClaimsGroup(
                        "authenticated",
                        "{\"level\":" + level + ",\"role\":\"authenticated\",\"sub\":\"" + user + "\"}"),
                Optional.of(user),
                topic,
                level == 3 ? Map.of("x-desk", "7") : Map.of());
    }

    private void policy(String expression) throws SQLException {
        run("drop policy if exists watched on realtime.messages");
        run("create policy watched on realtime.messages for all to authenticated using (" + expression + ")");
        passTime();
    }

    /** Until nothing counts any more that does not hold. */
    private void passTime() {
        now = now.plus(Duration.ofSeconds(2));
        rooms.look(true);
    }

    private void marker() throws Exception {
        int marker = ++markers;
        run("insert into watch_marker values (" + marker + ")");
        passUntil(change -> change instanceof Change.Insert(var relation, var row)
                && relation.name().table().equals("watch_marker")
                && row.text(0).equals(Integer.toString(marker)));
    }

    private void passUntil(Predicate<Change> last) throws Exception {
        boolean found = false;
        while (!found) {
            Optional<Batch> batch = stream.read().flatMap(assembler::take);
            if (batch.isPresent()) {
                rooms.passing(List.of(batch.get()));
                found = batch.get().changes().stream().anyMatch(last);
            }
        }
    }

    private void run(String statement) throws SQLException {
        try (Statement one = admin.createStatement()) {
            one.execute(statement);
        }
    }
}
