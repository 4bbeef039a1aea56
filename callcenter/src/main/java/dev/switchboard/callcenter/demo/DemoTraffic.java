package dev.switchboard.callcenter.demo;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.JdbiException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls that ring, are answered, held and ended, a step about every second and never more than a few at a time. One
 * thread of its own; closed once. The same seed makes the same decisions.
 */
public final class DemoTraffic implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DemoTraffic.class);
    private static final int MOST_LIVE = 4;
    private static final List<String> COMPANIES =
            List.of("Acme Tools", "Blue Fjord", "Casa Verde", "Delta Freight", "Elm & Co", "Foxglove");

    private final Jdbi jdbi;
    private final Random random;
    private final List<LiveCall> live = new ArrayList<>();
    private final Thread thread;

    private record LiveCall(UUID id, UUID organization, String state) {
        LiveCall in(String next) {
            return new LiveCall(id, organization, next);
        }
    }

    private DemoTraffic(Jdbi jdbi, Random random) {
        this.jdbi = jdbi;
        this.random = random;
        this.thread = Thread.ofVirtual().name("demo-traffic").unstarted(this::run);
    }

    /** Ends the calls that an earlier process left, then begins. */
    public static DemoTraffic start(Jdbi jdbi, Random random) {
        jdbi.useHandle(handle -> handle.execute("update calls set state = 'completed', ended_at = now(),"
                + " end_reason = 'demo restarted', updated_at = now() where provider = 'demo' and ended_at is null"));
        var traffic = new DemoTraffic(jdbi, random);
        traffic.thread.start();
        return traffic;
    }

    private void run() {
        while (!Thread.currentThread().isInterrupted()) {
            try {
                Thread.sleep(Duration.ofMillis(500 + random.nextInt(1_000)));
                jdbi.useTransaction(this::step);
            } catch (InterruptedException closing) {
                return;
            } catch (JdbiException failed) {
                LOG.warn("A step of the demo failed; the next is tried: {}", failed.getMessage());
            }
        }
    }

    private void step(Handle handle) {
        if (live.isEmpty() || (live.size() < MOST_LIVE && random.nextInt(3) == 0)) {
            live.add(ring(handle));
            return;
        }
        int index = random.nextInt(live.size());
        LiveCall call = live.remove(index);
        LiveCall next = advance(handle, call);
        if (!next.state().equals("ended")) {
            live.add(next);
        }
    }

    private LiveCall ring(Handle handle) {
        List<UUID> organizations = DemoData.organizations();
        UUID organization = organizations.get(random.nextInt(organizations.size()));
        UUID id = handle.createQuery("insert into calls (organization_id, provider_call_sid, direction, from_number,"
                        + " to_number, company_name, state, first_ring_at) values (?,"
                        + " 'CA' || replace(gen_random_uuid()::text, '-', ''), 'inbound', ?, '+18005550100', ?,"
                        + " 'ringing', now()) returning id")
                .bind(0, organization)
                .bind(1, "+1415555%04d".formatted(random.nextInt(10_000)))
                .bind(2, COMPANIES.get(random.nextInt(COMPANIES.size())))
                .mapTo(UUID.class)
                .one();
        return new LiveCall(id, organization, "ringing");
    }

    private LiveCall advance(Handle handle, LiveCall call) {
        int dice = random.nextInt(10);
        return switch (call.state()) {
            case "ringing" -> dice < 8 ? answer(handle, call) : end(handle, call, "abandoned", "caller_hangup");
            case "active" -> dice < 3 ? hold(handle, call) : end(handle, call, "completed", "ended");
            default -> resume(handle, call);
        };
    }

    private LiveCall answer(Handle handle, LiveCall call) {
        List<UUID> agents = DemoData.agents(call.organization());
        UUID agent = agents.get(random.nextInt(agents.size()));
        handle.execute(
                "update calls set state = 'active', answered_at = now(), answered_by = ?, claimed_by = ?,"
                        + " wait_s = extract(epoch from now() - started_at)::int, version = version + 1,"
                        + " last_event_at = now(), updated_at = now() where id = ?",
                agent,
                agent,
                call.id());
        handle.execute(
                "update voip_users set work_state = 'on_call', state_since = now(), current_call_id = c.id,"
                        + " current_call_phone_number = c.from_number, current_call_answered_at = now(),"
                        + " version = voip_users.version + 1, updated_at = now()"
                        + " from calls c where c.id = ? and voip_users.user_id = ?"
                        + " and voip_users.organization_id = c.organization_id",
                call.id(),
                agent);
        return call.in("active");
    }

    private LiveCall hold(Handle handle, LiveCall call) {
        setState(handle, call, "held");
        return call.in("held");
    }

    private LiveCall resume(Handle handle, LiveCall call) {
        setState(handle, call, "active");
        return call.in("active");
    }

    private static void setState(Handle handle, LiveCall call, String state) {
        handle.execute(
                "update calls set state = ?, version = version + 1, last_event_at = now(), updated_at = now()"
                        + " where id = ?",
                state,
                call.id());
    }

    private static LiveCall end(Handle handle, LiveCall call, String state, String reason) {
        handle.execute(
                "update calls set state = ?, end_reason = ?, ended_at = now(),"
                        + " talk_s = coalesce(extract(epoch from now() - answered_at)::int, 0), version = version + 1,"
                        + " last_event_at = now(), updated_at = now() where id = ?",
                state,
                reason,
                call.id());
        handle.execute(
                "update voip_users set work_state = 'available', state_since = now(), current_call_id = null,"
                        + " current_call_phone_number = null, current_call_answered_at = null, version = version + 1,"
                        + " updated_at = now() where current_call_id = ?",
                call.id());
        return call.in("ended");
    }

    @Override
    public void close() {
        thread.interrupt();
        try {
            thread.join(Duration.ofSeconds(1));
        } catch (InterruptedException stillClosing) {
            Thread.currentThread().interrupt();
        }
    }
}
