package dev.switchboard.simulation;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Deadlines;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.CallCommand;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;

/**
 * Telephones without a provider: what one would say is said by commands, in virtual time. The router is the call centre's own:
 * after each thing that happened, it does what is due. Owned by one thread.
 */
final class CommandedPhones implements Phones {
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
    private final CallCentre calls;
    private final Deadlines deadlines;
    private final VirtualTime time;
    private final Centre centre;
    private final Map<String, UUID> ids = new HashMap<>();
    private final long run;
    private Instant lastRing = Instant.EPOCH;
    private Instant lastEnd = Instant.EPOCH;
    private Instant looksAt = Instant.MAX;
    private long called;
    private boolean stirred;

    CommandedPhones(Jdbi jdbi, CallCentre calls, VirtualTime time, Centre centre) {
        this.jdbi = jdbi;
        this.calls = calls;
        this.deadlines = new Deadlines(calls, Map::of); // swept here, and never started
        this.time = time;
        this.centre = centre;
        this.run = centre.organization().getMostSignificantBits();
    }

    @Override
    public String call(String from, String to) {
        stirred = true;
        String sid = "CA%016x%016x".formatted(run, called++);
        done(calls.incoming("simulated", sid, from, to), "a call to " + to);
        UUID id = calls.bySid(new Actor.Server(), sid)
                .orElseThrow(() -> new IllegalStateException("the call to " + to + " is in no book"));
        ids.put(sid, id);
        return sid;
    }

    @Override
    public void hangUp(String customer) {
        stirred = true;
        UUID call = Objects.requireNonNull(ids.remove(customer));
        done(calls.execute(new Actor.Server(), call, new CallCommand.HangUp()), "hanging up call " + call);
    }

    private static void done(Answer answer, String what) {
        if (answer instanceof Answer.Refused refused) {
            throw new IllegalStateException(what + " was refused: " + refused.detail());
        }
    }

    @Override
    public boolean answer(Ring ring) {
        return command(ring.agent(), ring.call(), new CallCommand.Start(ring.agent(), Optional.empty()));
    }

    @Override
    public boolean command(UUID agent, UUID call, CallCommand command) {
        stirred = true;
        return !(calls.execute(new Actor.User(agent, Set.of()), call, command) instanceof Answer.Refused);
    }

    @Override
    public boolean isOnTheLine(String customer) {
        return ids.containsKey(customer);
    }

    /** What the call centre does because of what happened, and what rings because of that; of nothing, nothing. */
    void settle(People people) {
        if (!stirred) {
            return;
        }
        stirred = false;
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
                    ids.remove(customer);
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
            time.at(looksAt, () -> stirred = true);
        }
    }
}
