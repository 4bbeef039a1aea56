package dev.switchboard.callcenter;

import dev.switchboard.callcenter.CallCentre.Work;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.callcenter.state.ProviderStatus;
import dev.switchboard.callcenter.telephony.Line;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * What a telephone provider says of a call's legs, in whatever order and however often it comes (DOMAIN 3.3): the leg's
 * rank only rises, the message and what follows from it are written together. After the call's end two things are still
 * news: that an agent had answered before, and whose leg ended first.
 */
public final class ProviderEvents {
    /** A rank only rises; a time that is missing is filled in all the same. What it was before comes back with it. */
    private static final String LEG =
            "insert into public.call_legs as l (organization_id, call_id, provider_leg_sid, role, agent_id,"
                    + " status, status_rank, last_seq, started_at, answered_at, ended_at)"
                    + " select c.organization_id, c.id, e.leg, e.role, e.agent, e.status, e.rank, e.seq, e.at,"
                    + "   case when e.rank = 3 then e.at end, case when e.rank = 4 then e.at end"
                    + "  from public.calls c, (select ?::text as leg, ?::text as role, ?::uuid as agent, ?::text as status, ?::int as rank,"
                    + "    ?::int as seq, ?::timestamptz as at) e where c.id = ?"
                    + " on conflict (organization_id, call_id, provider_leg_sid) do update set"
                    + "   status = case when excluded.status_rank > l.status_rank then excluded.status else l.status end,"
                    + "   status_rank = greatest(l.status_rank, excluded.status_rank), last_seq = greatest(l.last_seq, excluded.last_seq),"
                    + "   agent_id = coalesce(l.agent_id, excluded.agent_id), answered_at = coalesce(l.answered_at, excluded.answered_at),"
                    + "   ended_at = coalesce(l.ended_at, excluded.ended_at)"
                    + "  where excluded.status_rank > l.status_rank or (l.answered_at is null and excluded.answered_at is not null)"
                    + "     or (l.ended_at is null and excluded.ended_at is not null)"
                    + " returning coalesce(new.status_rank > old.status_rank, true) as rises, old.answered_at is not null as was_connected, new.created_at";

    private static final String CALL =
            "update public.calls set provider_event_at = greatest(coalesce(provider_event_at, ?), ?::timestamptz)"
                    + " where id = ? returning direction = 'outbound', state, claimed_by, claimed_at, transfer_kind,"
                    + "   (select a.offered_at from public.active_calls a where a.organization_id = calls.organization_id and a.call_id = calls.id"
                    + "     and a.agent_id = ?::uuid and a.status = 'ringing') as offered_at,"
                    + "   exists (select from public.active_calls a where a.organization_id = calls.organization_id and a.call_id = calls.id"
                    + "     and a.agent_id = ?::uuid and a.status = 'consulting') as consults, ended_at,"
                    + "   (select min(k.ended_at) from public.call_legs k where k.organization_id = calls.organization_id"
                    + "     and k.call_id = calls.id and k.role = 'customer') as customer_ended_at,"
                    + "   (select max(s.to_at) from public.call_segments s where s.organization_id = calls.organization_id"
                    + "     and s.call_id = calls.id and s.agent_id = ?::uuid and s.kind = 'ring') as rang_until,"
                    + "   answered_at is not null or exists (select from public.ring_events r where r.organization_id = calls.organization_id"
                    + "     and r.call_id = calls.id and r.agent_id = ?::uuid and r.event_type = 'declined') as settled, callback_requested_at,"
                    + "   answered_at is null and (direction = 'outbound' or callback_requested_at is not null) as dials_out,"
                    + "   exists (select from public.call_legs k where k.organization_id = calls.organization_id and k.call_id = calls.id"
                    + "     and k.agent_id = ?::uuid and k.status_rank < 4) as has_leg,"
                    + "   exists (select from public.voip_users v where v.organization_id = calls.organization_id and v.user_id = ?::uuid"
                    + "     and v.has_console and not v.desk_phone) and exists (select from public.provider_accounts a"
                    + "     where a.organization_id = calls.organization_id and a.provider = calls.provider) as by_browser";

    /**
     * Of two legs that spoke with each other to the end, the one hung up of which the provider says so, else the one that
     * ended first, whichever was heard of first. Providers count seconds: in the same one it was the caller, whose end
     * takes the agent's leg with it at once. A call that ended in a queue or at rest has no such pair.
     */
    private static final String WHO_HUNG_UP = "update public.calls c set end_reason = t.reason"
            + "  from (select case when case when a.hung_up <> k.hung_up then a.hung_up else a.ended_at < k.ended_at end"
            + "      then 'agent_hangup' else 'caller_hangup' end as reason"
            + "    from public.calls o"
            + "    join public.call_legs k on k.organization_id = o.organization_id and k.call_id = o.id and k.role = 'customer'"
            + "      and k.status = 'completed'"
            + "    join public.call_legs a on a.organization_id = o.organization_id and a.call_id = o.id and a.role = 'agent'"
            + "      and a.status = 'completed' and a.agent_id = o.answered_by"
            + "   where o.id = ? and exists (select from public.call_events e where e.organization_id = o.organization_id"
            + "      and e.call_id = o.id and e.to_state = 'completed' and e.from_state in ('active', 'held', 'abandoned'))"
            + "   order by a.ended_at desc, k.ended_at desc limit 1) t"
            + " where c.id = ? and c.state = 'completed' and c.end_reason in ('agent_hangup', 'caller_hangup') and c.end_reason <> t.reason";
    /** What follows is no command's. */
    private static final String NO_COMMAND =
            "select set_config('app.kind', '', true), set_config('app.actor', '', true)";

    private static final String DROP = "insert into public.telephony_commands (organization_id, call_id, kind, payload)"
            + " select c.organization_id, c.id, 'stop_ringing', jsonb_build_object('sid', c.provider_call_sid, 'agents', ?::text)"
            + " from public.calls c where c.id = ?";

    private final CallCentre calls;

    public ProviderEvents(CallCentre calls) {
        this.calls = calls;
    }

    /**
     * One message.
     *
     * @param leg      the provider's id of the leg
     * @param agent    at the end of it, for an agent's
     * @param sequence as the provider counts them
     * @param at       as the provider says, where it does
     */
    public record Event(
            String leg,
            Line.Role role,
            Optional<UUID> agent,
            ProviderStatus status,
            int sequence,
            Optional<Instant> at) {}

    /** Takes one message in; the same once more changes nothing. */
    public Answer accept(UUID call, Event event) {
        return calls.settle(calls.transaction(connection -> within(connection, call, event)));
    }

    Work within(Connection connection, UUID call, Event event) throws SQLException {
        if (!lock(connection, call)) {
            return Work.answered(Answer.refused(Refusal.NOT_FOUND, "There is no call " + call));
        }
        Optional<Leg> leg = writeLeg(connection, call, event);
        if (leg.isEmpty()) {
            return applied(false);
        }
        Known known = touch(connection, call, event);
        boolean over = known.endedAt().isPresent();
        Work work = carryOut(connection, call, event, follows(event, leg.get(), known));
        if (event.status() == ProviderStatus.COMPLETED) {
            tellWhoHungUp(connection, call);
        }
        return over && leg.get().rises() && event.status().isConnected() ? drop(connection, call, event, work) : work;
    }

    /** One after the other; what the first of them does not allow, the next does not either. */
    private Work carryOut(Connection connection, UUID call, Event event, List<CallCommand> commands)
            throws SQLException {
        var unsettled = new ArrayList<UUID>();
        boolean told = false;
        Work work = applied(true);
        for (CallCommand command : commands) {
            work = calls.within(connection, new Actor.Server(), call, command);
            // a provider is told nothing of our rules: what they refuse is noted with its leg, and changes no more
            if (work.answer() instanceof Answer.Refused(Refusal refusal, var _, var _)) {
                return refused(connection, call, event, refusal);
            }
            unsettled.addAll(work.unsettled());
            told |= work.told();
        }
        return new Work(work.answer(), unsettled, told);
    }

    private static Work applied(boolean applied) {
        return Work.answered(new Answer.Done("{\"applied\":" + applied + "}"));
    }

    /** The leg of an agent who came too late is dropped: the customer goes to who has the call. */
    private static Work refused(Connection connection, UUID call, Event event, Refusal refusal) throws SQLException {
        Work work = Work.answered(new Answer.Done("{\"applied\":false,\"refused\":\"" + refusal.code() + "\"}"));
        return event.status().isConnected() ? drop(connection, call, event, work) : work;
    }

    private static Work drop(Connection connection, UUID call, Event event, Work work) throws SQLException {
        if (event.role() != Line.Role.AGENT || event.agent().isEmpty()) {
            return work;
        }
        try (PreparedStatement statement = connection.prepareStatement(DROP)) {
            statement.setString(1, event.agent().get().toString());
            statement.setObject(2, call);
            statement.executeUpdate();
        }
        return new Work(work.answer(), work.unsettled(), true);
    }

    /**
     * A leg, as a message found it.
     *
     * @param wasConnected before this message
     * @param since        when we first heard of it
     */
    private record Leg(boolean rises, boolean wasConnected, Instant since) {}

    /**
     * The call, as a message found it.
     *
     * @param dialsOut  whether its customer is yet to be connected, from an agent's leg
     * @param callback  when it was asked for
     * @param settled   whether it was answered, or this agent declined it
     * @param hasLeg    whether another leg of this agent lives
     * @param byBrowser whether this agent's phone is in a browser, on a line
     */
    private record Known(
            boolean outbound,
            boolean dialsOut,
            Optional<Instant> callback,
            CallState state,
            Optional<UUID> claimedBy,
            Optional<Instant> claimedAt,
            boolean blind,
            Optional<Instant> offeredAt,
            boolean consults,
            Optional<Instant> endedAt,
            Optional<Instant> customerEndedAt,
            Optional<Instant> rangUntil,
            boolean settled,
            boolean hasLeg,
            boolean byBrowser) {
        boolean isClaimedBy(UUID agent) {
            return claimedBy.filter(agent::equals).isPresent();
        }
    }

    private static List<CallCommand> follows(Event event, Leg leg, Known call) {
        if (call.endedAt().isPresent()) {
            return heardLate(event, leg, call);
        }
        return leg.rises() ? followsAlive(event, leg, call) : List.of();
    }

    /**
     * That an agent had answered, who had claimed the call or at whom it still rang. Not where the provider's own times
     * say that the caller was gone by then. Of a call out, the customer's leg says that it is answered.
     */
    private static List<CallCommand> heardLate(Event event, Leg leg, Known call) {
        ProviderStatus status = event.status();
        boolean answers = status.isConnected() || (status == ProviderStatus.COMPLETED && !leg.wasConnected());
        if (event.role() != Line.Role.AGENT || event.agent().isEmpty() || call.outbound() || !answers) {
            return List.of();
        }
        Instant ended = call.endedAt().orElseThrow();
        UUID agent = event.agent().get();
        Instant told = (status.isConnected() ? event.at() : Optional.<Instant>empty())
                .filter(ended::isAfter)
                .orElse(ended);
        boolean tooLate = status.isConnected()
                && call.customerEndedAt()
                        .filter(gone -> event.at().filter(gone::isBefore).isPresent())
                        .isPresent();
        boolean theirs = call.isClaimedBy(agent);
        // whoever is said to have spoken did, where nobody answered and they had not declined; else who was still rung
        // at
        boolean rang = call.claimedBy().isEmpty()
                && (!call.settled()
                        || call.rangUntil()
                                .filter(until -> !until.isBefore(told))
                                .isPresent());
        if (tooLate || !(theirs || rang)) {
            return List.of();
        }
        // nobody speaks before they took it
        Instant at = call.claimedAt()
                .filter(claimed -> theirs && told.isBefore(claimed))
                .orElse(told);
        return List.of(new CallCommand.AnswerHeard(agent, at));
    }

    /** One table: status of a leg, by whose it is, to what happens to the call, in order. */
    private static List<CallCommand> followsAlive(Event event, Leg leg, Known call) {
        ProviderStatus status = event.status();
        // what is completed was answered: the message that says so has been overtaken, and what it does comes first
        boolean overtook = status == ProviderStatus.COMPLETED && !leg.wasConnected();
        return switch (event.role()) {
            case CUSTOMER -> {
                if (call.callback().filter(leg.since()::isBefore).isPresent()) {
                    yield List.of(); // the leg on which they asked to be called back
                }
                Optional<CallCommand> answered = call.dialsOut() && (status.isConnected() || overtook)
                        ? call.claimedBy().map(agent -> new CallCommand.Start(agent, Optional.empty()))
                        : Optional.empty();
                Optional<CallCommand> ended = status.ends().map(outcome -> switch (outcome) {
                    case CANCELED ->
                        call.dialsOut() && call.callback().isPresent()
                                ? new CallCommand.Fail(CallState.Terminal.NO_ANSWER)
                                : new CallCommand.HangUp();
                    case COMPLETED -> new CallCommand.HangUp();
                    case ABANDONED, MISSED, BUSY, FAILED, NO_ANSWER, VOIDED -> new CallCommand.Fail(outcome);
                });
                yield Stream.of(answered, ended).flatMap(Optional::stream).toList();
            }
            case AGENT -> {
                if (event.agent().isEmpty()) {
                    yield List.of();
                }
                UUID agent = event.agent().get();
                if (status.isConnected()) { // of a call out, the customer's leg says that it is answered
                    yield call.dialsOut() ? takesCallback(agent, call) : List.of(connected(agent, call));
                }
                boolean nobodyElse = !call.settled() && call.claimedBy().isEmpty();
                if (overtook && !call.dialsOut() && (nobodyElse || wantedFor(agent, leg, call))) {
                    yield List.of(connected(agent, call), new CallCommand.End(Optional.of("agent_hangup")));
                }
                // a ring that was called off says nothing of the agent: somebody else answered, or the caller gave up
                boolean calledOff =
                        status == ProviderStatus.CANCELED && !leg.wasConnected() && !call.isClaimedBy(agent);
                yield status.ends().isPresent() && !calledOff
                        ? agentLegEnded(agent, leg, call).stream().toList()
                        : List.of();
            }
            case SUPERVISOR, EXTERNAL -> List.of();
        };
    }

    /** Who takes up the phone for a callback has it; the customer is dialled from there. */
    private static List<CallCommand> takesCallback(UUID agent, Known call) {
        return call.callback().isPresent() && call.claimedBy().isEmpty()
                ? List.of(new CallCommand.Claim(agent))
                : List.of();
    }

    /** Of a call that was answered before, or that the agent declined, a late message of an earlier leg is no answer. */
    private static CallCommand connected(UUID agent, Known call) {
        return call.settled() ? new CallCommand.Start(agent, Optional.empty()) : new CallCommand.Connected(agent);
    }

    /** Whether the leg was made for the offer or the lease that the agent has now. */
    private static boolean wantedFor(UUID agent, Leg leg, Known call) {
        boolean claimed = call.state() == CallState.Live.CLAIMED && call.isClaimedBy(agent);
        return (claimed ? call.claimedAt() : call.offeredAt())
                .filter(since -> !leg.since().isBefore(since))
                .isPresent();
    }

    /**
     * A leg that spoke for who has the call ends it, unless it hands over blindly; one that never spoke fails the offer or
     * the lease that it was made for, and no later one.
     */
    private static Optional<CallCommand> agentLegEnded(UUID agent, Leg leg, Known call) {
        boolean owns = call.state() instanceof CallState.Live live && live.isOwned() && call.isClaimedBy(agent);
        if (owns && call.state() != CallState.Live.CLAIMED) {
            boolean handsOver = call.state() == CallState.Live.TRANSFERRING && call.blind();

            if (handsOver || (!leg.wasConnected() && call.hasLeg())) {
                return Optional.empty();
            }

            if (!leg.wasConnected()) {
                return Optional.of(new CallCommand.Strand(agent));
            }
            return Optional.of(
                    call.byBrowser()
                            ? new CallCommand.LegLost(agent)
                            : new CallCommand.End(Optional.of("agent_hangup")));
        }
        if (call.consults()) {
            return leg.wasConnected() ? Optional.of(new CallCommand.LegFailed(agent)) : Optional.empty();
        }

        if (owns && call.dialsOut() && !call.hasLeg()) { // nobody is there to be connected with
            return Optional.of(new CallCommand.LegFailed(agent));
        }
        Optional<Instant> wanted = owns ? call.claimedAt() : call.offeredAt();
        return wanted.filter(since -> !leg.since().isBefore(since)).map(_ -> new CallCommand.LegFailed(agent));
    }

    private static boolean lock(Connection connection, UUID call) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("select 1 from public.calls where id = ? for update")) {
            statement.setObject(1, call);
            try (ResultSet row = statement.executeQuery()) {
                return row.next();
            }
        }
    }

    /** @return empty where the message says nothing new */
    private Optional<Leg> writeLeg(Connection connection, UUID call, Event event) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(LEG)) {
            statement.setString(1, event.leg());
            statement.setString(2, event.role().name().toLowerCase(Locale.ROOT));
            statement.setObject(3, event.agent().orElse(null));
            statement.setString(4, event.status().wire());
            statement.setInt(5, event.status().rank());
            statement.setInt(6, event.sequence());
            statement.setObject(7, event.at().orElseGet(calls.clock()::instant).atOffset(ZoneOffset.UTC));
            statement.setObject(8, call);
            try (ResultSet row = statement.executeQuery()) {
                return row.next()
                        ? Optional.of(new Leg(
                                row.getBoolean(1),
                                row.getBoolean(2),
                                instant(row, 3).orElseThrow()))
                        : Optional.empty();
            }
        }
    }

    static void tellWhoHungUp(Connection connection, UUID call) throws SQLException {
        try (PreparedStatement kind = connection.prepareStatement(NO_COMMAND);
                PreparedStatement statement = connection.prepareStatement(WHO_HUNG_UP)) {
            kind.execute();
            statement.setObject(1, call);
            statement.setObject(2, call);
            statement.executeUpdate();
        }
    }

    /** The call heard from its provider. */
    private Known touch(Connection connection, UUID call, Event event) throws SQLException {
        var now = calls.clock().instant().atOffset(ZoneOffset.UTC);
        try (PreparedStatement statement = connection.prepareStatement(CALL)) {
            statement.setObject(1, now);
            statement.setObject(2, now);
            statement.setObject(3, call);
            statement.setObject(4, event.agent().orElse(null));
            statement.setObject(5, event.agent().orElse(null));

            statement.setObject(6, event.agent().orElse(null));

            statement.setObject(7, event.agent().orElse(null));

            statement.setObject(8, event.agent().orElse(null));
            statement.setObject(9, event.agent().orElse(null));
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return new Known(
                        row.getBoolean(1),
                        row.getBoolean(13),
                        instant(row, 12),
                        CallState.of(row.getString(2)),
                        Optional.ofNullable(row.getObject(3, UUID.class)),
                        instant(row, 4),
                        "blind".equals(row.getString(5)),
                        instant(row, 6),
                        row.getBoolean(7),
                        instant(row, 8),
                        instant(row, 9),
                        instant(row, 10),
                        row.getBoolean(11),
                        row.getBoolean(14),
                        row.getBoolean(15));
            }
        }
    }

    private static Optional<Instant> instant(ResultSet row, int column) throws SQLException {
        return Optional.ofNullable(row.getObject(column, OffsetDateTime.class)).map(OffsetDateTime::toInstant);
    }
}
