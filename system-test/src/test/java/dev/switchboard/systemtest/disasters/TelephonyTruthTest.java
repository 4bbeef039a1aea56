package dev.switchboard.systemtest.disasters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.systemtest.harness.PhoneLine;
import dev.switchboard.systemtest.harness.ServerProcess;
import dev.switchboard.telephony.fake.FakeTwilio;
import dev.switchboard.telephony.fake.Noise;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A provider whose messages come twice, late or never, which dies as the server does: the books end as the provider's. SPEC L20. */
class TelephonyTruthTest {
    private static final int AGENTS = 30;
    private static final int MOST_LIVE = 60;

    /** SPEC L25: intervals of queues that differ from their visits, and of agents that differ from their segments. */
    private static final String QUEUES_DIFFER = """
            with kept as (
              select s.queue_id, s.quarter, sum((s.sums).answered) as answered, sum((s.sums).in_time) as in_time, sum((s.sums).abandoned) as abandoned,
                     sum((s.sums).missed) as missed, round(sum((s.sums).answered_wait_s), 3) as waited
                from app.interval_sums s where s.agent_id is null group by 1, 2
              having sum((s.sums).answered + (s.sums).abandoned + (s.sums).missed + (s.sums).flowed_out) > 0
            ), counted as (
              select v.queue_id, app.quarter(v.exited_at), count(*) filter (where v.outcome = 'answered'), count(*) filter (where v.in_time),
                     count(*) filter (where v.outcome = 'abandoned'), count(*) filter (where v.outcome = 'missed'),
                     round(coalesce(sum(v.wait_s) filter (where v.outcome = 'answered'), 0), 3)
                from queue_visits v where v.exited_at is not null group by 1, 2
            ) select d::text from ((table kept except table counted) union all (table counted except table kept)) d""";

    private static final String AGENTS_DIFFER = """
            with kept as (
              select s.agent_id, s.quarter, sum((s.sums).handled) as handled, round(sum((s.sums).talk_s), 3) as talked, round(sum((s.sums).ring_s), 3) as rung
                from app.interval_sums s where s.agent_id is not null group by 1, 2
              having sum((s.sums).handled) > 0 or sum((s.sums).talk_s + (s.sums).ring_s + (s.sums).hold_s + (s.sums).wrap_up_s) > 0
            ), counted as (
              select s.agent_id, app.quarter(s.to_at), count(*) filter (where s.kind = 'talk' and s.first_talk),
                     round(coalesce(sum(extract(epoch from s.to_at - s.from_at)) filter (where s.kind = 'talk'), 0), 3),
                     round(coalesce(sum(extract(epoch from s.to_at - s.from_at)) filter (where s.kind = 'ring'), 0), 3)
                from call_segments s where s.to_at is not null and s.kind <> 'consult' group by 1, 2
              having sum(extract(epoch from s.to_at - s.from_at)) > 0 or count(*) filter (where s.kind = 'talk' and s.first_talk) > 0
            ) select d::text from ((table kept except table counted) union all (table counted except table kept)) d""";

    /** What the books say of a call. */
    private record Booked(String state, String answeredBy) {}

    @Test
    void L20_twoThousandCallsEndAsTheProviderSaysThoughBothDieFiveTimes() {
        run(2_000, 5, Long.getLong("seed", 17));
    }

    @Test
    @Tag("long")
    void L20_twentyThousandCalls() {
        run(20_000, 5, Long.getLong("seed", new Random().nextLong()));
    }

    private static void run(int calls, int deaths, long seed) {
        System.out.println("TelephonyTruthTest: seed " + seed);
        ScheduledExecutorService people = Executors.newScheduledThreadPool(2);
        try (ServerProcess server = ServerProcess.start(ServerProcess.startCommand())) {
            var world = new CallCentreWorld(server.database(), AGENTS);
            server.database().useHandle(handle -> {
                handle.execute(
                        "update queues set strategy = 'longest_idle', missed_limit = 0, ring_s = 5 where id = ?",
                        world.queue());
                handle.execute("update queues set max_wait_s = 60 where id = ?", world.queue());
            });
            var noise = new Noise(0.05, 0.05, 0.005, Duration.ofMillis(300), seed);
            try (var line = new PhoneLine(server.database(), server.url(), server.directory(), world, noise, 1)) {
                var workload = new Workload(line.provider(), world, people, new Random(seed));
                for (UUID agent : world.agents()) {
                    workload.staff(line.identity(agent));
                }
                for (int death = 0; death <= deaths; death++) {
                    workload.place(calls / (deaths + 1) + (death == 0 ? calls % (deaths + 1) : 0));
                    if (death < deaths) {
                        line.provider().crash();
                        workload.place(5); // nobody reaches them
                        line.provider().restart();
                        workload.place(20);
                        server.process().destroyForcibly();
                        workload.place(5);
                        server.startAgain();
                    }
                }
                await("callers gone")
                        .atMost(Duration.ofSeconds(30))
                        .until(() -> line.provider().living().isEmpty());
                // what was lost at the very end is found at the next start
                server.process().destroyForcibly();
                server.startAgain();
                Jdbi books = server.database();
                await("everything is over")
                        .atMost(Duration.ofSeconds(60))
                        .until(() -> open(books), "0 0 0 0 0 0"::equals);
                compare(books, line.provider(), world);
            }
        } finally {
            people.shutdownNow();
        }
    }

    /** Calls, cards, slots, segments, visits and legs that are still open, and agents who are not free. */
    private static String open(Jdbi books) {
        return books.withHandle(handle -> handle.createQuery(
                        "select concat_ws(' ',"
                                + " (select count(*) from calls where provider = 'twilio' and ended_at is null),"
                                + " (select count(*) from active_calls), (select count(*) from parked_calls),"
                                + " (select count(*) from call_segments s where s.to_at is null and s.kind <> 'wrap_up'),"
                                + " (select count(*) from queue_visits where exited_at is null),"
                                + " (select count(*) from voip_users where client_identity like 'u\\_%' and work_state <> 'available'))")
                .mapTo(String.class)
                .one());
    }

    private static void compare(Jdbi books, FakeTwilio provider, CallCentreWorld world) {
        Map<String, Booked> booked = new HashMap<>();
        books.useHandle(handle -> handle.createQuery(
                        "select c.provider_call_sid, c.state, coalesce(v.client_identity, '-') as who"
                                + " from calls c left join voip_users v on v.organization_id = c.organization_id and v.user_id = c.answered_by"
                                + " where c.provider = 'twilio' and (c.answered_at is null) = (c.answered_by is null)")
                .map((row, _) -> booked.put(
                        row.getString("provider_call_sid"), new Booked(row.getString("state"), row.getString("who"))))
                .list());
        int answered = 0;
        var wrong = new ArrayList<String>();
        List<FakeTwilio.CallTruth> truths = provider.truths();
        for (FakeTwilio.CallTruth truth : truths) {
            String who = truth.answeredBy().orElse("-");
            answered += truth.answeredBy().isPresent() ? 1 : 0;
            Booked here = booked.remove(truth.sid());
            boolean neverHeardOf = here == null && who.equals("-");
            boolean same = here != null
                    && here.answeredBy().equals(who)
                    && here.state().equals("completed") == truth.answeredBy().isPresent();
            if (!neverHeardOf && !same) {
                wrong.add(truth + " is " + here + (wrong.size() < 3 ? story(books, truth.sid()) : ""));
            }
        }
        System.out.println("TelephonyTruthTest: " + truths.size() + " calls, " + answered + " answered, "
                + provider.sent() + " messages");
        assertThat(wrong)
                .as("calls of which the books say otherwise than the provider")
                .isEmpty();
        assertThat(booked).as("calls that the provider never had").isEmpty();
        assertThat(answered).as("there was something to see").isGreaterThan(truths.size() / 4);

        String figures = books.withHandle(handle -> handle.createQuery(
                        "select concat_ws(' ', count(*) = count(*) filter (where outcome = 'answered')"
                                + " + count(*) filter (where outcome = 'abandoned') + count(*) filter (where outcome = 'flowed_out')"
                                + " + count(*) filter (where outcome = 'missed'), count(*) filter (where outcome = 'answered')) from queue_visits")
                .mapTo(String.class)
                .one());
        assertThat(figures).as("offered is the sum of its ends").isEqualTo("t " + answered);
        assertThat(world.agents()).hasSize(AGENTS);
        for (String difference : List.of(QUEUES_DIFFER, AGENTS_DIFFER)) {
            List<String> different = books.withHandle(
                    handle -> handle.createQuery(difference).mapTo(String.class).list());
            assertThat(different)
                    .as("intervals, kept over the deaths of the server, that are not what counting says")
                    .isEmpty();
        }
    }

    /** How it came, for who reads a failure. */
    private static String story(Jdbi books, String sid) {
        return books.withHandle(handle -> String.join(
                "\n  ",
                handle.createQuery(
                                "select line from ("
                                        + "select e.received_at as at, e.received_at || ' ' || split_part(e.dedup_key, ':', 1) || ' ' || (e.body ->> 'CallSid')"
                                        + "  || ' ' || coalesce(e.body ->> 'CallStatus', '') || ' ' || coalesce(e.body ->> 'DialCallStatus', '') || ' ' || coalesce(e.result, '-') as line"
                                        + " from provider_events e where e.body ->> 'CallSid' = :sid or e.body ->> 'ParentCallSid' = :sid"
                                        + " union all select v.at_server, v.at_server || ' ' || v.kind || ' ' || coalesce(v.to_state, '') from call_events v"
                                        + "  join calls c on c.organization_id = v.organization_id and c.id = v.call_id where c.provider_call_sid = :sid"
                                        + " union all select l.created_at, l.created_at || ' leg ' || l.provider_leg_sid || ' ' || l.role || ' ' || l.status || ' ' || coalesce(l.ended_at::text, '')"
                                        + "  from call_legs l join calls c on c.organization_id = l.organization_id and c.id = l.call_id where c.provider_call_sid = :sid) t order by at")
                        .bind("sid", sid)
                        .mapTo(String.class)
                        .list()));
    }

    /** Callers and agents with their dice. */
    private static final class Workload {
        private final FakeTwilio provider;
        private final CallCentreWorld world;
        private final ScheduledExecutorService people;
        private final Random random;

        Workload(FakeTwilio provider, CallCentreWorld world, ScheduledExecutorService people, Random random) {
            this.provider = provider;
            this.world = world;
            this.people = people;
            this.random = random;
        }

        private void in(int least, int most, Runnable work) {
            long wait;
            synchronized (random) {
                wait = random.nextLong(least, most);
            }
            people.schedule(work, wait, TimeUnit.MILLISECONDS);
        }

        private int dice() {
            synchronized (random) {
                return random.nextInt(100);
            }
        }

        /** An agent takes most of what rings, hangs up on some and is hung up on by others, and lets a few ring. */
        void staff(String identity) {
            var own = new String[1]; // of the provider's thread
            provider.register(identity, (leg, _) -> {
                int dice = dice();
                boolean talks = own[0] != null && provider.isAliveNow(own[0]);
                if (talks) {
                    provider.decline(leg);
                    return;
                }
                own[0] = leg;
                if (dice < 5) {
                    in(10, 200, () -> provider.decline(leg));
                } else if (dice < 95) {
                    in(10, 200, () -> provider.answer(leg));
                    in(300, 900, () -> (dice < 50 ? List.of(leg) : provider.hears(leg)).forEach(provider::hangUp));
                }
            });
        }

        /** So many people call, as fast as there is room for them. */
        void place(int calls) {
            for (int i = 0; i < calls; i++) {
                await("room")
                        .pollInterval(Duration.ofMillis(5))
                        .atMost(Duration.ofSeconds(60))
                        .until(() -> provider.living().size() < MOST_LIVE);
                String caller = provider.call("+1415555%04d".formatted(i % 10_000), world.number());
                boolean impatient = dice() < 15;
                in(impatient ? 300 : 6_000, impatient ? 1_500 : 12_000, () -> provider.hangUp(caller));
            }
        }
    }
}
