package dev.switchboard.callcenter;

import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.Agent;
import dev.switchboard.callcenter.command.Call;
import dev.switchboard.callcenter.command.Decision;
import dev.switchboard.callcenter.command.Effect;
import dev.switchboard.callcenter.command.Situation;
import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.callcenter.state.WorkState;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Puts decisions into statements: every effect is one, in one script, for one round trip. */
final class Writing {
    /** One state after the other, also of two changes at one time. */
    private static final String AGENTS =
            "update public.voip_users v set work_state = x.work_state, state_reason = x.state_reason,"
                    + " state_since = case when (v.work_state, v.state_reason) is distinct from (x.work_state, x.state_reason)"
                    + "   then greatest(?::timestamptz, v.state_since + interval '1 microsecond') else v.state_since end,"
                    + " chosen_state = x.chosen_state, chosen_reason = x.chosen_reason, reachable = x.reachable::boolean,"
                    + " current_call_id = x.current_call_id::uuid, current_call_phone_number = x.current_number,"
                    + " current_call_answered_at = x.current_answered_at::timestamptz, wrap_up_until = x.wrap_up_until::timestamptz"
                    + " from unnest(?::uuid[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[])"
                    + "   as x (id, work_state, state_reason, chosen_state, chosen_reason, reachable, current_call_id, current_number,"
                    + "         current_answered_at, wrap_up_until) where v.id = x.id";

    private static final String CLOSE = "update public.call_segments s set to_at = greatest(s.from_at, ?::timestamptz)"
            + " where s.organization_id = ? and s.call_id = ? and s.to_at is null";

    private final Script script;
    private final Instant now;

    Writing(Script script, Instant now) {
        this.script = script;
        this.now = now;
    }

    void write(Situation situation, Decision.Changed change) {
        Call call = situation.call();
        script.add(
                "select set_config('app.kind', ?, true), set_config('app.actor', ?, true)",
                change.kind(),
                situation.actor().user().map(UUID::toString).orElse(""));
        for (Effect effect : change.effects()) {
            write(call, situation.actor(), effect);
        }
        writeCall(call, change);
        writeAgents(change.agents().stream()
                .filter(agent -> !agent.equals(situation.agents().get(agent.user()))
                        || agent.state() != agent.settled().state())
                .toList());
    }

    private void writeCall(Call call, Decision.Changed change) {
        CallState state = change.state();
        var text = new StringBuilder("update public.calls set last_event_at = ?");
        var values = new ArrayList<Object>(List.of(now));
        if (!state.equals(call.state())) {
            text.append(", state = ?, state_since = ?");
            values.add(state.wire());
            values.add(now);
        }
        new TreeMap<>(change.columns()).forEach((column, value) -> {
            text.append(", ").append(column.column()).append(value.isPresent() ? " = ?" : " = null");
            value.ifPresent(present -> values.add(present instanceof Set<?> users ? List.copyOf(users) : present));
        });
        boolean talked = change.effects().stream().anyMatch(effect -> effect instanceof Effect.RecordTalk);
        if (talked || (state instanceof CallState.Terminal && call.state() instanceof CallState.Live)) {
            text.append(seconds("talk")).append(seconds("hold"));
        }
        script.add(text.append(" where id = ?").toString(), with(values, call.id()));
    }

    private static String seconds(String kind) {
        return ", %1$s_s = coalesce((select round(extract(epoch from sum(s.to_at - s.from_at))) from public.call_segments s"
                        .formatted(kind)
                + " where s.organization_id = calls.organization_id and s.call_id = calls.id and s.kind = '" + kind
                + "'), 0)";
    }

    private static Object[] with(List<Object> values, Object last) {
        values.add(last);
        return values.toArray();
    }

    /** Agents as they are from now on. */
    void writeAgents(Collection<Agent> agents) {
        if (agents.isEmpty()) {
            return;
        }
        List<Agent> settled = agents.stream().map(Agent::settled).toList();
        script.add(
                AGENTS,
                now,
                settled.stream().map(Agent::id).toList(),
                texts(settled, agent -> agent.state().wire()),
                texts(
                        settled,
                        agent -> agent.state() == WorkState.PAUSED
                                ? agent.reason().orElse(null)
                                : null),
                texts(settled, agent -> wire(agent.chosen())),
                texts(settled, agent -> agent.reason().orElse(null)),
                texts(settled, agent -> Boolean.toString(agent.reachable())),
                texts(settled, agent -> text(agent.current().map(Agent.Current::call))),
                texts(settled, agent -> text(agent.current().map(Agent.Current::number))),
                texts(settled, agent -> text(agent.current().map(Agent.Current::answeredAt))),
                texts(settled, agent -> text(agent.wrapUpUntil())));
    }

    private interface TextOf {
        @Nullable
        String of(Agent agent);
    }

    private static Script.Texts texts(List<Agent> agents, TextOf text) {
        var values = new ArrayList<@Nullable String>();
        agents.forEach(agent -> values.add(text.of(agent)));
        return new Script.Texts(values);
    }

    private static @Nullable String text(Optional<?> value) {
        return value.map(Object::toString).orElse(null);
    }

    private void write(Call call, Actor actor, Effect effect) {
        UUID organization = call.organization();
        switch (effect) {
            case Effect.Ring(List<UUID> agents) ->
                script.add(
                        "insert into public.active_calls (organization_id, call_id, agent_id, status, offered_at)"
                                + " select ?, ?, unnest(?::uuid[]), 'ringing', ?",
                        organization,
                        call.id(),
                        agents,
                        now);
            case Effect.Clear(List<UUID> agents) ->
                script.add(
                        "delete from public.active_calls where organization_id = ? and call_id = ? and agent_id = any (?)",
                        organization,
                        call.id(),
                        agents);
            case Effect.ClearAll _ ->
                script.add(
                        "delete from public.active_calls where organization_id = ? and call_id = ?",
                        organization,
                        call.id());
            case Effect.ClearElsewhere(UUID agent) -> clearElsewhere(organization, agent, call.id());
            case Effect.SetRow(UUID agent, Situation.Row row) ->
                script.add(
                        "insert into public.active_calls (organization_id, call_id, agent_id, status, offered_at)"
                                + " values (?, ?, ?, ?, ?) on conflict (organization_id, call_id, agent_id) do update"
                                + " set status = excluded.status where active_calls.status <> excluded.status",
                        organization,
                        call.id(),
                        agent,
                        wire(row),
                        now);
            case Effect.ParkRow park -> park(call, park);
            case Effect.ExtendParking(Instant timeout) ->
                script.add(
                        "update public.parked_calls set timeout_at = ? where organization_id = ? and call_id = ?",
                        timeout,
                        organization,
                        call.id());
            case Effect.UnparkRow _ ->
                script.add(
                        "delete from public.parked_calls where organization_id = ? and call_id = ?",
                        organization,
                        call.id());
            case Effect.Announce announce -> announce(call, announce);
            case Effect.OpenVisit(Optional<UUID> queue) -> openVisit(call, queue);
            case Effect.DropVisits _ ->
                script.add(
                        "delete from public.queue_visits where organization_id = ? and call_id = ?",
                        organization,
                        call.id());
            case Effect.CloseWrapUp(UUID agent) -> closeWrapUp(organization, agent);
            case Effect.Audit(String action) -> audit(organization, actor, action, "call", call.id());
            case Effect.CloseVisit(Effect.Outcome outcome) ->
                script.add(
                        "update public.queue_visits set exited_at = greatest(entered_at, ?::timestamptz), outcome = ?,"
                                + " wait_s = greatest(0, extract(epoch from ?::timestamptz - entered_at))"
                                + " where organization_id = ? and call_id = ? and exited_at is null",
                        now,
                        wire(outcome),
                        now,
                        organization,
                        call.id());
            case Effect.AnswerVisit(Instant at) ->
                script.add(
                        "update public.queue_visits set exited_at = greatest(entered_at, ?::timestamptz), outcome = 'answered',"
                                + " wait_s = greatest(0, extract(epoch from ?::timestamptz - entered_at)) where id ="
                                + " (select v.id from public.queue_visits v where v.organization_id = ? and v.call_id = ?"
                                + "   order by v.entered_at desc limit 1)",
                        at,
                        at,
                        organization,
                        call.id());
            case Effect.RecordTalk talk -> recordTalk(call, talk);
            case Effect.OpenSegments(List<UUID> agents, Effect.Segment kind) -> {
                closeSegments(call, agents);
                script.add(
                        "insert into public.call_segments (organization_id, call_id, agent_id, kind, from_at)"
                                + " select ?, ?, unnest(?::uuid[]), ?, ?",
                        organization,
                        call.id(),
                        agents,
                        wire(kind),
                        now);
            }
            case Effect.CloseSegments(List<UUID> agents) -> closeSegments(call, agents);
            case Effect.Tell(Effect.Instruction instruction, Map<String, String> details) ->
                script.add(
                        "insert into public.telephony_commands (organization_id, call_id, kind, payload)"
                                + " values (?, ?, ?, jsonb_build_object('sid', ?::text) || jsonb_object(?::text[], ?::text[]))",
                        organization,
                        call.id(),
                        wire(instruction),
                        call.sid(),
                        new Script.Texts(List.copyOf(new TreeMap<>(details).keySet())),
                        new Script.Texts(List.copyOf(new TreeMap<>(details).values())));
        }
    }

    private void closeSegments(Call call, List<UUID> agents) {
        if (agents.isEmpty()) {
            script.add(CLOSE + " and s.kind <> 'wrap_up'", now, call.organization(), call.id());
        } else {
            script.add(CLOSE + " and s.agent_id = any (?)", now, call.organization(), call.id(), agents);
        }
    }

    private void recordTalk(Call call, Effect.RecordTalk talk) {
        script.add(
                "update public.call_segments s set to_at = greatest(s.from_at, ?::timestamptz)"
                        + " where s.organization_id = ? and s.call_id = ? and s.agent_id = ? and s.kind = 'ring' and s.to_at > ?",
                talk.from(),
                call.organization(),
                call.id(),
                talk.agent(),
                talk.from());
        script.add(
                "with known as (update public.call_segments s set from_at = ? where s.id = (select t.id"
                        + "   from public.call_segments t where t.organization_id = ? and t.call_id = ? and t.agent_id = ?"
                        + "   and t.kind = 'talk' order by t.from_at limit 1) returning s.id)"
                        + " insert into public.call_segments (organization_id, call_id, agent_id, kind, from_at, to_at)"
                        + " select ?, ?, ?, 'talk', ?, ? where not exists (select from known)",
                talk.from(),
                call.organization(),
                call.id(),
                talk.agent(),
                call.organization(),
                call.id(),
                talk.agent(),
                talk.from(),
                talk.to());
    }

    private void park(Call call, Effect.ParkRow park) {
        script.add(
                "insert into public.parked_calls (organization_id, call_id, slot, parked_by, parked_at, comment, timeout_at, ring_back_to)"
                        + " values (?, ?, ?, ?, ?, nullif(?, ''), ?, ?)",
                call.organization(),
                call.id(),
                park.slot(),
                park.by(),
                now,
                park.comment().orElse(""),
                park.timeout(),
                park.by());
    }

    private void openVisit(Call call, Optional<UUID> queue) {
        if (queue.isPresent()) {
            script.add(
                    "insert into public.queue_visits (organization_id, call_id, queue_id, entered_at) values (?, ?, ?, ?)"
                            + " on conflict (organization_id, call_id) where exited_at is null do nothing",
                    call.organization(),
                    call.id(),
                    queue.get(),
                    now);
        } else {
            script.add(
                    "insert into public.queue_visits (organization_id, call_id, entered_at) values (?, ?, ?)"
                            + " on conflict (organization_id, call_id) where exited_at is null do nothing",
                    call.organization(),
                    call.id(),
                    now);
        }
    }

    private void announce(Call call, Effect.Announce announce) {
        var targets = new ArrayList<@Nullable String>();
        announce.targets().forEach(target -> targets.add(target.toString()));
        if (targets.isEmpty()) {
            targets.add(null); // for all
        }
        script.add(
                "insert into public.ring_events (organization_id, call_id, call_sid, agent_id, target_agent_id, event_type, reason)"
                        + " select ?, ?, ?, nullif(?, '')::uuid, unnest(?::text[])::uuid, ?, nullif(?, '')",
                call.organization(),
                call.id(),
                call.sid(),
                announce.agent().map(UUID::toString).orElse(""),
                new Script.Texts(targets),
                wire(announce.event()),
                announce.reason().map(Writing::wire).orElse(""));
    }

    /** @param but the call that stays, or any id that is no call's */
    void clearElsewhere(UUID organization, UUID agent, UUID but) {
        script.add(
                "with gone as (delete from public.active_calls a where a.organization_id = ? and a.agent_id = ? and a.call_id <> ?"
                        + "   and a.status = 'ringing' returning a.call_id),"
                        + " closed as (update public.call_segments s set to_at = greatest(s.from_at, ?::timestamptz) from gone"
                        + "   where s.organization_id = ? and s.call_id = gone.call_id and s.agent_id = ? and s.to_at is null)"
                        + " insert into public.ring_events (organization_id, call_id, call_sid, target_agent_id, event_type, reason)"
                        + " select c.organization_id, c.id, c.provider_call_sid, ?, 'ring_cancel', 'busy'"
                        + "   from gone join public.calls c on c.id = gone.call_id",
                organization,
                agent,
                but,
                now,
                organization,
                agent,
                agent);
    }

    /** What a supervisor did to somebody else's. */
    void audit(UUID organization, Actor actor, String action, String entity, UUID id) {
        script.add(
                "insert into public.audit_logs (organization_id, actor, action, entity, entity_id, success)"
                        + " values (?, nullif(?, '')::uuid, ?, ?, ?::text, true)",
                organization,
                actor.user().map(UUID::toString).orElse(""),
                action,
                entity,
                id.toString());
    }

    /** Whatever the agent still wrapped up. */
    void closeWrapUp(UUID organization, UUID agent) {
        script.add(
                "update public.call_segments s set to_at = greatest(s.from_at, ?::timestamptz)"
                        + " where s.organization_id = ? and s.agent_id = ? and s.kind = 'wrap_up' and s.to_at is null",
                now,
                organization,
                agent);
    }

    private static String wire(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
