package dev.switchboard.callcenter;

import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.Agent;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.Call;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.command.Situation;
import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.callcenter.state.WorkState;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * Reads what a command decides by, under locks in the order call, agents by id, rows; two round trips. The second is asked
 * after the locks are held: a statement that waited for a lock sees other tables as they were before it waited.
 */
final class Reading {
    private static final String CALL =
            "select c.*, c.callback_dialled_at is not null and exists (select from public.call_legs l"
                    + "    where l.organization_id = c.organization_id and l.call_id = c.id and l.role = 'customer'"
                    + "      and l.created_at > c.callback_requested_at) as called_back, case when c.direction = 'outbound' then c.to_number else c.from_number end as number"
                    + " from public.calls c where c.id = ? for update";
    /** Whether a member m of its queue may be offered a call c then: they know what it needs, it has waited long enough, or nobody there does. */
    static final String KNOWS = "(c.skill is null or c.skill = any (m.skills) or exists (select from public.queues s"
            + " where s.organization_id = c.organization_id and s.id = c.queue_id"
            + " and c.queued_at <= ?::timestamptz - make_interval(secs => s.skill_wait_s))"
            + " or not exists (select from public.queue_members k where k.organization_id = c.organization_id"
            + "   and k.queue_id = c.queue_id and c.skill = any (k.skills)))";

    private static final String AGENTS = "with c as materialized (select * from public.calls where id = ?),"
            + " chosen as materialized (select v.user_id from c join public.voip_users v on v.organization_id = c.organization_id"
            + "   left join public.queue_members m on m.organization_id = c.organization_id and m.queue_id = c.queue_id and m.user_id = v.user_id"
            + "  where ?::boolean and (c.queue_id is null or m.id is not null) and v.work_state = any (case when c.queue_id is null then '{available,offered}'::text[] else '{available}' end)"
            + "    and (not v.user_id = any (c.missed_by) or c.state_since < ?::timestamptz - interval '15 s')"
            + "    and (c.queue_id is null or " + KNOWS + ")"
            + "  order by v.work_state, c.skill = any (m.skills) desc nulls last, m.penalty nulls first, v.state_since, v.id"
            + "  limit coalesce((select case q.strategy when 'ring_all' then 10 else 1 end from public.queues q"
            + "     join public.calls k on k.organization_id = q.organization_id and k.queue_id = q.id where k.id = ?), 10)),"
            + " concerned as (select a.agent_id as user_id from public.active_calls a join c on a.organization_id = c.organization_id and a.call_id = c.id"
            + "   union select claimed_by from c union select transfer_to from c union select answered_by from c"
            + "   union select parked_by from public.parked_calls p join c on p.organization_id = c.organization_id and p.call_id = c.id"
            + "   union select s.agent_id from public.call_segments s join c on s.organization_id = c.organization_id and s.call_id = c.id"
            + "     and s.kind = 'wrap_up' and s.to_at is null where ?::boolean"
            + "   union select user_id from chosen union select unnest(?::uuid[]))"
            + " select v.*, (select p.display_name from public.profiles p where p.id = v.user_id) as display_name,"
            + "        exists (select from chosen where chosen.user_id = v.user_id) as chosen"
            + "   from public.voip_users v where v.organization_id = (select organization_id from c)"
            + "    and v.user_id = any (array(select user_id from concerned)) order by v.id for update of v";
    private static final String AGENT =
            "select v.*, (select p.display_name from public.profiles p where p.id = v.user_id) as display_name,"
                    + " false as chosen from public.voip_users v where v.organization_id = ? and v.user_id = ? for update of v";
    private static final String PERMISSIONS =
            "select p.permission from public.user_roles r join app.role_permissions p on p.role = r.role"
                    + " where r.user_id = ? and r.organization_id = ?";
    private static final String PERMISSIONS_AT_CALL =
            "select p.permission from public.user_roles r join app.role_permissions p on p.role = r.role"
                    + " where r.user_id = ? and r.organization_id = (select c.organization_id from public.calls c where c.id = ?)";
    private static final String CARDS = "select a.call_id, a.agent_id, a.status from public.active_calls a"
            + " where a.organization_id = ? and a.agent_id = any (?) union select a.call_id, a.agent_id, a.status"
            + " from public.active_calls a where a.organization_id = ? and a.call_id = ? order by call_id";
    private static final String OWNED =
            "select c.claimed_by, c.state from public.calls c where c.organization_id = ? and c.claimed_by = any (?)"
                    + " and c.state in ('claimed', 'active', 'held', 'transferring')";
    private static final String PARKED =
            "select p.slot, p.parked_by from public.parked_calls p where p.organization_id = ? and p.call_id = ?";
    private static final String SLOTS = "select p.slot from public.parked_calls p where p.organization_id = ?";
    /** Its own, where that flows over to, and the one that is named. */
    private static final String QUEUES =
            "select q.id as queue_id, q.ring_s, q.wrap_up_s, q.max_wait_s, q.overflow_queue_id, q.record, q.transcribe, q.wrap_up_required from public.queues q"
                    + " where q.organization_id = ? and q.id in (?, ?, (select o.overflow_queue_id from public.queues o where o.id = ?))";

    private static final String CODES = "select k.code, k.seconds from public.wrap_up_codes k"
            + " where k.organization_id = ? and (k.queue_id is null or k.queue_id = ?) order by k.queue_id nulls first";
    private static final String OWES_CODE = "select 1 from public.call_segments s"
            + " join public.calls c on c.organization_id = s.organization_id and c.id = s.call_id"
            + " join public.queues q on q.organization_id = c.organization_id and q.id = c.queue_id"
            + " where s.organization_id = ? and s.agent_id = ? and s.kind = 'wrap_up' and s.to_at is null"
            + "   and q.wrap_up_required and c.wrap_up_code is null and c.ended_at is not null and c.answered_by = s.agent_id";
    private static final String WRAPPING_UP =
            "select s.agent_id from public.call_segments s where s.organization_id = ? and s.call_id = ?"
                    + " and s.to_at is null and s.kind = 'wrap_up'";
    private static final UUID NONE = new UUID(0, 0);

    /** What a command on a call needs, and the other calls that ring at its agents. */
    record OnCall(Situation situation, Map<UUID, List<UUID>> elsewhere) {}

    /** What a command on an agent needs. */
    record OnAgent(Agent agent, Actor actor, List<UUID> ringing, boolean owesCode) {}

    private Optional<Call> call = Optional.empty();
    private final Map<UUID, Half> halves = new HashMap<>();
    private final Map<UUID, Situation.Row> rows = new HashMap<>();
    private final Map<UUID, List<UUID>> elsewhere = new HashMap<>();
    private final Map<UUID, Agent.Hand> hands = new HashMap<>();
    private final Map<UUID, Integer> rings = new HashMap<>();
    private final Set<String> permissions = new HashSet<>();
    private final Set<Integer> slots = new HashSet<>();
    private final Set<UUID> wrappingUp = new HashSet<>();
    private final Map<String, Optional<Integer>> codes = new HashMap<>();
    private Optional<String> code = Optional.empty();
    private boolean owesCode;
    private final Map<UUID, Call.Queue> queues = new HashMap<>();
    private Optional<Situation.Parked> parked = Optional.empty();
    private Optional<UUID> queue = Optional.empty();

    /** An agent as the row says, without what follows from other tables. */
    private record Half(
            UUID id,
            UUID user,
            String name,
            AgentCommand.Choice chosen,
            Optional<String> reason,
            boolean reachable,
            Optional<Instant> wrapUpUntil,
            Optional<Agent.Current> current,
            WorkState state,
            Instant since,
            boolean candidate) {}

    private Reading() {}

    /** @return empty where there is no such call, or none that the user may know of */
    static Optional<OnCall> onCall(
            Connection connection, Actor actor, UUID callId, CallCommand command, InstantSource clock)
            throws SQLException {
        return new Reading().read(connection, actor, callId, command, clock);
    }

    private Optional<OnCall> read(
            Connection connection, Actor asking, UUID callId, CallCommand command, InstantSource clock)
            throws SQLException {
        boolean choosing = switch (command) {
            case CallCommand.Offer(List<UUID> agents) -> agents.isEmpty();
            case CallCommand.TimeOut _, CallCommand.LegFailed _, CallCommand.Route _ -> true;
            default -> false;
        };
        boolean wrapsUp = command instanceof CallCommand.WrapUp;
        Instant now = clock.instant();
        new Script()
                .add(CALL, callId)
                .add(AGENTS, callId, choosing, now, now, callId, wrapsUp, named(command))
                .add(PERMISSIONS_AT_CALL, asking.user().orElse(NONE), callId)
                .run(connection, this::readCall, this::readAgent, row -> permissions.add(row.getString(1)));
        if (call.isEmpty() || (asking instanceof Actor.User && permissions.isEmpty())) {
            return Optional.empty();
        }
        Call found = call.get();
        UUID organization = found.organization();
        List<UUID> users = List.copyOf(halves.keySet());
        UUID own = queue.orElse(NONE);
        Script second = new Script()
                .add(CARDS, organization, users, organization, callId)
                .add(OWNED, organization, users)
                .add(PARKED, organization, callId)
                .add(QUEUES, organization, own, target(command).orElse(NONE), own)
                .add(SLOTS, organization);
        boolean mayEndATalk = wrapsUp || (found.state() instanceof CallState.Live live && live.isOwned());
        if (mayEndATalk) {
            second.add(CODES, organization, own);
        }
        if (wrapsUp) {
            second.add(WRAPPING_UP, organization, callId);
        }
        second.run(
                connection,
                row -> readCard(row, callId),
                this::readOwned,
                this::readParked,
                this::readQueue,
                row -> slots.add(row.getInt(1)),
                row -> codes.put(row.getString("code"), Optional.ofNullable(row.getObject("seconds", Integer.class))),
                row -> wrappingUp.add(row.getObject(1, UUID.class)));
        Optional<Call.Queue> waitsIn = queue.map(queues::get);
        Call whole = waitsIn.isPresent() ? found.in(waitsIn.get()) : found;
        Optional<Call.Queue> target = command instanceof CallCommand.TimeOut
                ? waitsIn.flatMap(Call.Queue::overflow).map(queues::get)
                : target(command).map(queues::get);
        return Optional.of(new OnCall(
                situation(whole, target, asking, clock.instant().truncatedTo(ChronoUnit.MICROS)), elsewhere));
    }

    private void readQueue(ResultSet row) throws SQLException {
        UUID id = row.getObject("queue_id", UUID.class);
        queues.put(
                id,
                new Call.Queue(
                        id,
                        row.getInt("ring_s"),
                        row.getInt("wrap_up_s"),
                        row.getInt("max_wait_s"),
                        uuid(row, "overflow_queue_id"),
                        row.getBoolean("record"),
                        row.getBoolean("transcribe"),
                        row.getBoolean("wrap_up_required")));
    }

    static Optional<OnAgent> onAgent(Connection connection, Actor actor, UUID organization, UUID user)
            throws SQLException {
        var reading = new Reading();
        new Script()
                .add(AGENT, organization, user)
                .add(PERMISSIONS, actor.user().orElse(NONE), organization)
                .run(connection, reading::readAgent, row -> reading.permissions.add(row.getString(1)));
        Half half = reading.halves.get(user);
        if (half == null || (actor instanceof Actor.User && reading.permissions.isEmpty())) {
            return Optional.empty();
        }
        new Script()
                .add(CARDS, organization, List.of(user), organization, NONE)
                .add(OWNED, organization, List.of(user))
                .add(OWES_CODE, organization, user)
                .run(connection, row -> reading.readCard(row, NONE), reading::readOwned, _ -> reading.owesCode = true);
        return Optional.of(new OnAgent(
                reading.agent(half),
                reading.actor(actor),
                reading.elsewhere.getOrDefault(user, List.of()),
                reading.owesCode));
    }

    /** The agents that a command names. */
    private static List<UUID> named(CallCommand command) {
        return switch (command) {
            case CallCommand.Offer(List<UUID> agents) -> agents;
            case CallCommand.Dial(UUID agent) -> List.of(agent);
            case CallCommand.Decline(UUID agent) -> List.of(agent);
            case CallCommand.Claim(UUID agent) -> List.of(agent);
            case CallCommand.Start(UUID agent, var _) -> List.of(agent);
            case CallCommand.LegFailed(UUID agent) -> List.of(agent);
            case CallCommand.Connected(UUID agent) -> List.of(agent);
            case CallCommand.Strand(UUID agent) -> List.of(agent);
            case CallCommand.LegLost(UUID agent) -> List.of(agent);
            case CallCommand.LegGone(UUID agent, var _) -> List.of(agent);
            case CallCommand.AnswerHeard(UUID agent, var _) -> List.of(agent);
            case CallCommand.Unpark(UUID agent) -> List.of(agent);
            case CallCommand.Transfer(var _, UUID to, var _) -> List.of(to);
            case CallCommand.Monitor(UUID supervisor, var _) -> List.of(supervisor);
            default -> List.of();
        };
    }

    /** The queue that a command names. */
    private static Optional<UUID> target(CallCommand command) {
        return switch (command) {
            case CallCommand.Enqueue(UUID named) -> Optional.of(named);
            case CallCommand.TransferToQueue(UUID named) -> Optional.of(named);
            default -> Optional.empty();
        };
    }

    private Actor actor(Actor asking) {
        return switch (asking) {
            case Actor.User(UUID id, var _) -> new Actor.User(id, permissions);
            case Actor.Server server -> server;
        };
    }

    private Situation situation(Call found, Optional<Call.Queue> target, Actor asking, Instant now) {
        Map<UUID, Agent> agents = new HashMap<>();
        halves.values().forEach(half -> agents.put(half.user(), agent(half)));
        List<UUID> candidates = halves.values().stream()
                .filter(Half::candidate)
                .sorted((one, other) -> one.since().compareTo(other.since()))
                .map(Half::user)
                .toList();
        return new Situation(
                found,
                agents,
                rows,
                parked,
                slots,
                wrappingUp,
                new Situation.Codes(codes, code),
                target,
                candidates,
                actor(asking),
                now);
    }

    private Agent agent(Half half) {
        return new Agent(
                half.id(),
                half.user(),
                half.name(),
                half.chosen(),
                half.reason(),
                half.reachable(),
                hands.getOrDefault(half.user(), Agent.Hand.EMPTY),
                rings.getOrDefault(half.user(), 0),
                half.wrapUpUntil(),
                half.current(),
                half.state());
    }

    private void readCall(ResultSet row) throws SQLException {
        Optional<String> kind = Optional.ofNullable(row.getString("transfer_kind"));
        queue = uuid(row, "queue_id");
        code = Optional.ofNullable(row.getString("wrap_up_code"));

        boolean asked = row.getBoolean("rejoin_asked");
        boolean called = row.getBoolean("called_back");
        Optional<Instant> requested = instant(row, "callback_requested_at");
        call = Optional.of(new Call(
                row.getObject("id", UUID.class),
                row.getObject("organization_id", UUID.class),
                row.getString("provider_call_sid"),
                row.getString("direction").equals("outbound"),
                row.getString("number"),
                CallState.of(row.getString("state")),
                Optional.empty(),
                uuid(row, "claimed_by"),
                uuid(row, "answered_by"),
                instant(row, "started_at").orElseThrow(),
                instant(row, "queued_at"),
                instant(row, "first_ring_at"),
                instant(row, "answered_at"),
                instant(row, "ended_at"),
                instant(row, "due_at"),
                kind.map(name -> CallCommand.TransferKind.valueOf(name.toUpperCase(Locale.ROOT))),
                uuid(row, "transfer_to"),
                row.getBoolean("muted"),
                uuids(row, "missed_by"),
                Optional.ofNullable(row.getString("callback_number"))
                        .map(number -> new Call.Callback(number, requested.orElseThrow(), called)),
                instant(row, "leg_lost_at").map(at -> new Call.LostLeg(at, asked))));
    }

    private void readAgent(ResultSet row) throws SQLException {
        Optional<UUID> current = uuid(row, "current_call_id");
        UUID user = row.getObject("user_id", UUID.class);
        String name = row.getString("display_name");
        halves.put(
                user,
                new Half(
                        row.getObject("id", UUID.class),
                        user,
                        name == null ? "Extension " + row.getString("extension") : name,
                        AgentCommand.Choice.valueOf(
                                row.getString("chosen_state").toUpperCase(Locale.ROOT)),
                        Optional.ofNullable(row.getString("chosen_reason")),
                        row.getBoolean("reachable"),
                        instant(row, "wrap_up_until"),
                        current.isEmpty()
                                ? Optional.empty()
                                : Optional.of(new Agent.Current(
                                        current.get(),
                                        String.valueOf(row.getString("current_call_phone_number")),
                                        instant(row, "current_call_answered_at").orElse(Instant.EPOCH))),
                        WorkState.of(row.getString("work_state")),
                        instant(row, "state_since").orElseThrow(),
                        row.getBoolean("chosen")));
    }

    private void readCard(ResultSet row, UUID callId) throws SQLException {
        UUID user = row.getObject("agent_id", UUID.class);
        UUID at = row.getObject("call_id", UUID.class);
        Situation.Row status = Situation.Row.valueOf(row.getString("status").toUpperCase(Locale.ROOT));
        if (at.equals(callId)) {
            rows.put(user, status);
        } else if (status == Situation.Row.RINGING) {
            elsewhere.computeIfAbsent(user, _ -> new ArrayList<>()).add(at);
        }
        if (status == Situation.Row.RINGING) {
            rings.merge(user, 1, Integer::sum);
        } else if (status == Situation.Row.CONSULTING) {
            hands.put(user, Agent.Hand.TALKING);
        }
    }

    private void readOwned(ResultSet row) throws SQLException {
        hands.put(
                row.getObject("claimed_by", UUID.class),
                row.getString("state").equals("held") ? Agent.Hand.HOLDING : Agent.Hand.TALKING);
    }

    private void readParked(ResultSet row) throws SQLException {
        parked = Optional.of(new Situation.Parked(row.getInt("slot"), row.getObject("parked_by", UUID.class)));
    }

    private static Optional<UUID> uuid(ResultSet row, String column) throws SQLException {
        return Optional.ofNullable(row.getObject(column, UUID.class));
    }

    private static Optional<Instant> instant(ResultSet row, String column) throws SQLException {
        return Optional.ofNullable(row.getObject(column, OffsetDateTime.class)).map(OffsetDateTime::toInstant);
    }

    private static Set<UUID> uuids(ResultSet row, String column) throws SQLException {
        Array array = row.getArray(column);
        return Set.copyOf(Arrays.asList((UUID[]) array.getArray()));
    }
}
