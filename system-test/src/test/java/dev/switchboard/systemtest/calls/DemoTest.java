package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.simulation.demo.DemoData;
import dev.switchboard.systemtest.harness.ServerProcess;
import java.time.Duration;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;

/** What somebody finds who has started the demo a minute ago. */
class DemoTest {
    private static final Duration A_MINUTE = Duration.ofSeconds(60);

    @Test
    void L25_aMinuteAfterItsStartTheBellRingsTheChartsHaveFourteenDaysAndYesterdayIsThere() {
        try (ServerProcess server = ServerProcess.start(ServerProcess.startCommand(), "--demo")) {
            Jdbi jdbi = server.database();
            UUID rhonda = DemoData.users().getFirst().id();
            await().atMost(A_MINUTE).untilAsserted(() -> {
                assertThat(as(jdbi, rhonda, "select count(*) from notifications"))
                        .as("the bell")
                        .isPositive();
                assertThat(as(jdbi, rhonda, """
                                select count(*) from user_roles r, jsonb_array_elements(
                                  interval_figures(r.organization_id, now() - interval '13 days', now() + interval '1 day', 'day')) d
                                 where r.user_id = auth.uid() and (d ->> 'offered')::int > 0""")).as("days with calls").isGreaterThanOrEqualTo(13);
                assertThat(as(jdbi, rhonda, """
                                select count(*) from calls c join organizations o on o.id = c.organization_id
                                 where (c.started_at at time zone o.timezone)::date = (now() at time zone o.timezone)::date - 1
                                   and c.status = 'analyzed' and c.score is not null and c.transcription is not null"""))
                        .as("yesterday's calls that were scored")
                        .isPositive();
            });

            assertThat(as(jdbi, rhonda, "select count(*) from calls where state = 'active'"))
                    .as("calls that are talked")
                    .isBetween(5L, 40L);
            assertThat(as(jdbi, rhonda, """
                            select count(*) from calls c where c.ended_at is null
                               and c.answered_at is not null and exists (select from transcript_segments s where s.call_id = c.id)"""))
                    .as("what is said in them is written down")
                    .isPositive();

            // what a bell says is of something that is there
            assertThat(as(jdbi, rhonda, """
                            select count(*) from notifications n where jsonb_exists(n.data, 'call_id')
                               and not exists (select from calls c where c.id = (n.data ->> 'call_id')::uuid)""")).isZero();
            assertThat(as(jdbi, rhonda, "select count(*) from admin_metrics where metric = 'service_level'"))
                    .as("figures are pushed")
                    .isPositive();
        }
    }

    private static long as(Jdbi jdbi, UUID user, String sql) {
        return jdbi.inTransaction(handle -> {
            handle.execute("select set_config('request.jwt.claims', ?, true)", "{\"sub\":\"%s\"}".formatted(user));
            handle.execute("set local role authenticated");
            return handle.createQuery(sql).mapTo(Long.class).one();
        });
    }
}
