package dev.switchboard.simulation;

import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Deadlines;
import dev.switchboard.simulation.Phones.Ring;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;

/** The call centre's own router in virtual time: after each thing that happened, it does what is due. Owned by one thread. */
final class VirtualRouter {
    /** Whoever let a call pass is offered it again later: looked for so often while somebody could take one. */
    private static final Duration LOOK_AGAIN = Duration.ofSeconds(1);

    /** Whatever cannot be done now is not tried at the same moment for ever. */
    private static final Duration STEP = Duration.ofMillis(1);

    private static final String RINGS = "select a.agent_id, a.call_id, c.provider_call_sid, a.offered_at"
            + " from public.active_calls a join public.calls c on c.id = a.call_id"
            + " where a.organization_id = ? and a.status = 'ringing' and a.offered_at > ? order by a.offered_at, a.id";
    private static final String ENDED = "select c.provider_call_sid, c.ended_at from public.calls c"
            + " where c.organization_id = ? and c.ended_at > ? order by c.ended_at";
    private static final String DUE = "select least("
            + " (select min(c.due_at) from public.calls c where c.ended_at is null and c.organization_id = :org),"
            + " (select min(v.wrap_up_until) from public.voip_users v where v.organization_id = :org),"
            + " case when exists (select from public.calls c where c.organization_id = :org and c.ended_at is null and c.state = 'queued')"
            + "   and exists (select from public.voip_users v where v.organization_id = :org and v.work_state = 'available')"
            + "   then :again::timestamptz end)";

    private final Jdbi jdbi;
    private final Deadlines deadlines;
    private final VirtualTime time;
    private final Centre centre;
    private final CommandedPhones phones;
    private Instant lastRing = Instant.EPOCH;
    private Instant lastEnd = Instant.EPOCH;
    private Instant looksAt = Instant.MAX;
    private boolean isDue;

    VirtualRouter(Jdbi jdbi, CallCentre calls, VirtualTime time, Centre centre, CommandedPhones phones) {
        this.jdbi = jdbi;
        this.deadlines = new Deadlines(calls, Map::of); // swept here, and never started
        this.time = time;
        this.centre = centre;
        this.phones = phones;
    }

    /** What the call centre does because of what happened, and what rings because of that; of nothing, nothing. */
    void settle(People people) {
        if (!phones.hasStirred() && !isDue) {
            return;
        }
        isDue = false;
        time.tick();
        deadlines.sweep();
        List<Ring> rings = jdbi.withHandle(handle -> handle.createQuery(RINGS)
                .bind(0, centre.organization())
                .bind(1, lastRing.atOffset(ZoneOffset.UTC))
                .map((row, _) -> {
                    lastRing = row.getObject("offered_at", OffsetDateTime.class).toInstant();
                    return new Ring(
                            row.getObject("agent_id", UUID.class),
                            row.getObject("call_id", UUID.class),
                            row.getString("provider_call_sid"),
                            Optional.empty());
                })
                .list());
        rings.forEach(people::rings);
        jdbi.useHandle(handle -> handle.createQuery(ENDED)
                .bind(0, centre.organization())
                .bind(1, lastEnd.atOffset(ZoneOffset.UTC))
                .map((row, _) -> {
                    lastEnd = row.getObject("ended_at", OffsetDateTime.class).toInstant();
                    return row.getString("provider_call_sid");
                })
                .forEach(customer -> {
                    phones.disconnected(customer);
                    people.cut(customer);
                }));
        lookWhenDue();
    }

    /** What is due next is done then, though nothing else happens. */
    private void lookWhenDue() {
        Optional<Instant> due = jdbi.withHandle(handle -> handle.createQuery(DUE)
                        .bind("org", centre.organization())
                        .bind("again", time.now().plus(LOOK_AGAIN).atOffset(ZoneOffset.UTC))
                        .mapTo(OffsetDateTime.class)
                        .findOne())
                .map(OffsetDateTime::toInstant);
        if (due.isPresent() && (due.get().isBefore(looksAt) || !looksAt.isAfter(time.now()))) {
            Instant soonest = time.now().plus(STEP);
            looksAt = due.get().isBefore(soonest) ? soonest : due.get();
            time.at(looksAt, () -> isDue = true);
        }
    }
}
