package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.simulation.demo.DemoData;
import dev.switchboard.simulation.demo.DemoHistory;
import dev.switchboard.systemtest.harness.TestServer;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What the demo knows of the last 14 days: as it could have been, and written once. */
class DemoHistoryTest {
    private static final Instant NOW = Instant.parse("2026-06-18T17:00:00Z");

    private static TestServer server;
    private static Jdbi jdbi;
    private static int written;

    @BeforeAll
    static void start() throws Exception {
        server = TestServer.with().withoutCallCentre().start();
        jdbi = server.database();
        DemoData.insert(jdbi);
        written = DemoHistory.write(jdbi, 1, NOW);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void L25_theChartsHaveFourteenDays() {
        UUID northwind = number("select id from organizations where slug = 'northwind'", UUID.class);
        String days = jdbi.inTransaction(handle -> {
            handle.execute(
                    "select set_config('request.jwt.claims', ?, true)",
                    "{\"sub\":\"" + DemoData.users().getFirst().id() + "\"}");
            return handle.createQuery(
                            "select string_agg((d ->> 'offered') || ' ' || (d ->> 'service_level'), ',' order by d ->> 'from')"
                                    + " from jsonb_array_elements(interval_figures(:org, :from::timestamptz, :to::timestamptz, 'day')) d")
                    .bind("org", northwind)
                    .bind("from", "2026-06-05T04:00:00Z")
                    .bind("to", "2026-06-19T04:00:00Z")
                    .mapTo(String.class)
                    .one();
        });
        List<String> each = List.of(days.split(",", -1));
        assertThat(each).hasSize(14);
        assertThat(each).allSatisfy(day -> {
            assertThat(Integer.parseInt(day.split(" ", 2)[0])).isBetween(10, 300);
            assertThat(Double.parseDouble(day.split(" ", 2)[1])).isBetween(0.5, 1.0);
        });
    }

    @Test
    void L25_nobodyIsInTwoCallsAtOnce() {
        String overlap =
                "select count(*) from %s a join %s b on a.id < b.id and a.organization_id = b.organization_id and a.%s = b.%s and (%s) overlaps (%s)";
        assertThat(number(
                        overlap.formatted(
                                "call_segments",
                                "call_segments",
                                "agent_id",
                                "agent_id",
                                "a.from_at, a.to_at",
                                "b.from_at, b.to_at"),
                        Integer.class))
                .as("agents")
                .isZero();
        assertThat(number(
                        overlap.formatted(
                                "calls",
                                "calls",
                                "from_number",
                                "from_number",
                                "a.started_at, a.ended_at",
                                "b.started_at, b.ended_at"),
                        Integer.class))
                .as("callers")
                .isZero();
    }

    @Test
    void L25_aReviewerFindsYesterdaysCallWithWhatWasSaid() {
        assertThat(number("""
                        select count(*) from calls c where c.state = 'completed' and c.started_at between '2026-06-17 04:00+00' and '2026-06-18 04:00+00'
                           and c.score is not null and c.ai_status = 'analyzed' and c.insights ->> 'summary' is not null
                           and exists (select from recordings r where r.call_id = c.id and r.status = 'ready')
                           and (select count(*) from transcript_segments s where s.call_id = c.id and s.final) >= 6""", Integer.class)).isGreaterThan(20);
    }

    @Test
    void L25_itIsWrittenOnceRaisesNothingAndEndsBeforeNow() throws Exception {
        assertThat(written).isBetween(1_000, 4_000);
        assertThat(DemoHistory.write(jdbi, 1, NOW)).isZero();
        assertThat(number("select count(*) from notifications", Integer.class)).isZero();
        assertThat(number(
                        "select count(*) from calls where ended_at is null or ended_at > '2026-06-18 17:00+00'",
                        Integer.class))
                .isZero();
        assertThat(number("select count(distinct state) from calls", Integer.class))
                .as("answered and given up")
                .isEqualTo(2);
    }

    private static <T> T number(String sql, Class<T> type) {
        return jdbi.withHandle(handle -> handle.createQuery(sql).mapTo(type).one());
    }
}
