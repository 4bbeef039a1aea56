package dev.switchboard.callcenter;

import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.command.CallRules;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What happens because time passes: leases, ringing, waiting, parking and wrap-up run out; waiting calls are offered to
 * agents who became available; who has lost every socket is offered none; what a crash left unsettled is settled; old ring
 * events go. Each of these is a command, so that two servers doing it at once do no harm, but for the sockets: a server
 * knows its own alone. One thread of its own.
 */
public final class Deadlines implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Deadlines.class);
    private static final Duration STEP = Duration.ofMillis(250);
    private static final Duration HOUSEKEEPING = Duration.ofHours(1);
    private static final int MOST = 200;

    private static final String TIMED_OUT =
            "select c.id from public.calls c where c.ended_at is null and c.due_at <= ? order by c.due_at limit "
                    + MOST;
    /** Rung by a command and at nobody now: the agents became busy, and the process died before it settled the call. */
    private static final String STRANDED =
            "select c.id from public.calls c where c.ended_at is null and c.state = 'ringing'"
                    + " and c.first_ring_at is not null and c.last_event_at < ?::timestamptz - interval '1 s'"
                    + " and not exists (select from public.active_calls a where a.organization_id = c.organization_id"
                    + " and a.call_id = c.id) limit " + MOST;
    /** First in the queue first; only where somebody can take it. */
    private static final String WAITING = "select c.id from public.calls c join public.queues q"
            + " on q.organization_id = c.organization_id and q.id = c.queue_id"
            + " where c.ended_at is null and c.state = 'queued' and exists (select from public.queue_members m"
            + "   join public.voip_users v on v.organization_id = m.organization_id and v.user_id = m.user_id"
            + "   where m.organization_id = c.organization_id and m.queue_id = c.queue_id and v.work_state = 'available'"
            + "     and (not v.user_id = any (c.missed_by) or c.state_since < ?::timestamptz - interval '15 s') and "
            + Reading.KNOWS
            + ") order by q.priority desc, c.queued_at limit " + MOST;

    /** Rang already, and have no queue to wait in. */
    private static final String WAITING_WITHOUT_QUEUE = "select c.id from public.calls c"
            + " where c.ended_at is null and c.state = 'new' and c.queue_id is null and c.first_ring_at is not null and c.state_since <= ?"
            + "   and exists (select from public.voip_users v where v.organization_id = c.organization_id"
            + "     and v.work_state = 'available' and not v.user_id = any (c.missed_by))"
            + " order by c.started_at limit " + MOST;

    private static final String LOST_LEGS = "select c.id, c.claimed_by, c.leg_lost_at from public.calls c"
            + " where c.ended_at is null and c.leg_lost_at is not null and not c.rejoin_asked and c.claimed_by is not null"
            + "   and c.due_at <= ? limit " + MOST;

    private static final String MISSED_TOO_MANY =
            "select v.organization_id, v.user_id from public.voip_users v where v.missed_too_many limit " + MOST;

    private static final String WRAPPED_UP =
            "select v.organization_id, v.user_id from public.voip_users v where v.wrap_up_until <= ? limit " + MOST;

    private final CallCentre calls;
    private final Reachability reachability;
    private final Recurring sweeps;
    private Instant housekept = Instant.EPOCH;

    /** @param stays of the subjects whose tokens hold a channel now, by a number that is another one after they were away */
    public Deadlines(CallCentre calls, Supplier<Map<String, Long>> stays) {
        this.calls = calls;
        this.reachability = new Reachability(calls, stays);
        this.sweeps = new Recurring("deadlines", STEP, this::sweep);
    }

    public void start() {
        sweeps.start();
    }

    /** Whether its thread is gone, without which nothing happens in time. */
    public boolean hasEnded() {
        return sweeps.hasEnded();
    }

    /** Everything that is due now, once. */
    public void sweep() {
        Instant now = calls.clock().instant();
        if (Duration.between(housekept, now).compareTo(HOUSEKEEPING) >= 0) {
            keepHouse(now);
            housekept = now;
        }
        Due due = due(now);
        each(due.timedOut(), new CallCommand.TimeOut());
        each(due.stranded(), new CallCommand.Settle());
        each("The end of wrap-up", due.wrappedUp(), new AgentCommand.WrapUpOver());
        guarded("The look at whose sockets there are", () -> reachability.look(now));
        due.lostLegs().forEach(this::lookAfter);

        Waiting waiting = waiting(now);
        if (!waiting.missing().isEmpty()) {
            // who let too many offers pass is not there: paused, until they say otherwise (SPEC L15)
            each(
                    "The pause of who missed too many offers,",
                    waiting.missing(),
                    new AgentCommand.Choose(AgentCommand.Choice.PAUSED, Optional.of("missed")));
            waiting = waiting(now);
        }
        each(waiting.calls(), new CallCommand.Route());
    }

    /** What has run out of time. */
    private record Due(List<UUID> timedOut, List<UUID> stranded, List<Agent> wrappedUp, List<LostLeg> lostLegs) {}

    /**
     * Calls for whom somebody is free, first in the queue first.
     *
     * @param missing agents who are not to be offered one
     */
    private record Waiting(List<Agent> missing, List<UUID> calls) {}

    private record Agent(UUID organization, UUID user) {
        static Agent of(ResultSet row) throws SQLException {
            return new Agent(row.getObject(1, UUID.class), row.getObject(2, UUID.class));
        }
    }

    private record LostLeg(UUID call, UUID agent, Instant at) {
        static LostLeg of(ResultSet row) throws SQLException {
            return new LostLeg(
                    row.getObject(1, UUID.class),
                    row.getObject(2, UUID.class),
                    row.getObject(3, OffsetDateTime.class).toInstant());
        }
    }

    private Due due(Instant now) {
        var due = new Due(new ArrayList<>(), new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        ask(
                new Script()
                        .add(TIMED_OUT, now)
                        .add(STRANDED, now)
                        .add(WRAPPED_UP, now)
                        .add(LOST_LEGS, now),
                row -> due.timedOut().add(row.getObject(1, UUID.class)),
                row -> due.stranded().add(row.getObject(1, UUID.class)),
                row -> due.wrappedUp().add(Agent.of(row)),
                row -> due.lostLegs().add(LostLeg.of(row)));
        return due;
    }

    private Waiting waiting(Instant now) {
        var waiting = new Waiting(new ArrayList<>(), new ArrayList<>());
        ask(
                new Script().add(MISSED_TOO_MANY).add(WAITING, now, now).add(WAITING_WITHOUT_QUEUE, now),
                row -> waiting.missing().add(Agent.of(row)),
                row -> waiting.calls().add(row.getObject(1, UUID.class)),
                row -> waiting.calls().add(row.getObject(1, UUID.class)));
        return waiting;
    }

    /** In one round trip: mostly there is nothing. */
    private void ask(Script questions, Script.RowReader... readers) {
        try (Connection connection = calls.connections().getConnection()) {
            questions.run(connection, readers);
        } catch (SQLException failed) {
            throw new CallCentreException("what is due could not be looked for: " + failed.getMessage(), failed);
        }
    }

    /** What one of them does wrong does not keep the others waiting. */
    private void each(List<UUID> due, CallCommand command) {
        for (UUID call : due) {
            guarded(command + " of call " + call, () -> calls.execute(new Actor.Server(), call, command));
        }
    }

    private void each(String what, List<Agent> due, AgentCommand command) {
        for (Agent agent : due) {
            guarded(
                    what + " of " + agent.user(),
                    () -> calls.execute(new Actor.Server(), agent.organization(), agent.user(), command));
        }
    }

    private static void guarded(String what, Runnable work) {
        try {
            work.run();
        } catch (RuntimeException failed) {
            LOG.warn("{} failed; it is tried again: {}", what, failed.toString());
        }
    }

    /** Who is loaded anew lost their socket with their leg; who hung up has it still. */
    private void lookAfter(LostLeg one) {
        boolean away = reachability.wasAway(one.agent(), one.at().minus(CallRules.GONE_IS_NOTICED));
        guarded(
                "The look after call " + one.call() + ", whose agent has no leg,",
                () -> calls.execute(new Actor.Server(), one.call(), new CallCommand.LegGone(one.agent(), away)));
    }

    private void keepHouse(Instant now) {
        try (Connection connection = calls.connections().getConnection();
                PreparedStatement events = connection.prepareStatement( // whose rows go by the database's clock
                        "select app.keep_ring_events((now() at time zone 'UTC')::date)");
                PreparedStatement keys = connection.prepareStatement(
                        "delete from public.idempotency_keys where created_at < ?::timestamptz - interval '1 day'");
                PreparedStatement sent = connection.prepareStatement(
                        "delete from public.telephony_commands where done_at < ?::timestamptz - interval '1 day'");
                PreparedStatement said = connection.prepareStatement(
                        "delete from public.provider_events where received_at < ?::timestamptz - interval '7 days'");
                PreparedStatement notices = connection.prepareStatement(
                        "delete from public.notifications where expires_at < ?::timestamptz - interval '1 day'");
                PreparedStatement alerts = connection.prepareStatement(
                        "delete from public.alerts where ended_at < ?::timestamptz - interval '90 days'")) {
            events.execute();
            keys.setObject(1, now.atOffset(ZoneOffset.UTC));
            keys.executeUpdate();
            sent.setObject(1, now.atOffset(ZoneOffset.UTC));
            sent.executeUpdate();
            said.setObject(1, now.atOffset(ZoneOffset.UTC));
            said.executeUpdate();
            notices.setObject(1, now.atOffset(ZoneOffset.UTC));
            notices.executeUpdate();
            alerts.setObject(1, now.atOffset(ZoneOffset.UTC));
            alerts.executeUpdate();
        } catch (SQLException failed) {
            LOG.warn("Old rows could not be tidied away; it is tried again in an hour: {}", failed.getMessage());
        }
    }

    @Override
    public void close() {
        sweeps.close();
    }
}
