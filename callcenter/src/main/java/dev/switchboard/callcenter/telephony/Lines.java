package dev.switchboard.callcenter.telephony;

import dev.switchboard.callcenter.state.CallState;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;

/** Reads calls as their provider has to have them. */
public final class Lines {
    private static final String CALL =
            "select c.organization_id, c.provider, c.provider_call_sid, c.direction, c.from_number, c.to_number,"
                    + " c.state, c.answered_at is not null as answered, coalesce(c.transfer_kind, '') = 'attended' as attended, c.muted, c.end_reason is not distinct from 'closed' and c.state = 'missed' as turned_away,"
                    + " coalesce(q.ring_s, 20) as ring_s, coalesce(q.record, false) as record, coalesce(q.transcribe, false) as transcribe,"
                    + " coalesce(q.offer_callback, false) as offer_callback, case when c.callback_dialled_at is null then c.callback_number end as callback,"
                    + " c.direction = 'outbound' or c.callback_dialled_at is not null as dialled,"
                    + " (select p.provider_account_id from public.phone_numbers p where p.organization_id = c.organization_id"
                    + "    and p.e164 = case c.direction when 'outbound' then c.from_number else c.to_number end) as account"
                    + " from public.calls c left join public.queues q on q.organization_id = c.organization_id and q.id = c.queue_id"
                    + " where c.id = ?";
    private static final String PARTIES =
            "select v.user_id, v.client_identity, a.offered_at, case when v.user_id = c.claimed_by then 'owner'"
                    + "    when a.status = 'consulting' then 'consulting' else 'ringing' end as part"
                    + " from public.calls c join public.voip_users v on v.organization_id = c.organization_id"
                    + " left join public.active_calls a on a.organization_id = c.organization_id and a.call_id = c.id and a.agent_id = v.user_id"
                    + " where c.id = ? and c.ended_at is null and (a.id is not null"
                    + "   or (v.user_id = c.claimed_by and c.state in ('claimed', 'active', 'held', 'transferring')))"
                    + " order by v.user_id";
    private static final String LEGS =
            "select l.provider_leg_sid, l.role, l.agent_id, l.answered_at is not null as connected, l.in_room"
                    + " from public.call_legs l join public.calls c on c.organization_id = l.organization_id and c.id = l.call_id"
                    + " where l.call_id = ? and l.status_rank < 4 and not (l.role = 'customer' and c.callback_dialled_at is not null"
                    + "   and l.created_at < c.callback_requested_at) order by l.created_at, l.id";

    private Lines() {}

    /** @return empty where there is no such call */
    public static Optional<Line> read(Connection connection, UUID call) throws SQLException {
        List<Line.Party> parties = parties(connection, call);
        List<Line.Leg> legs = legs(connection, call);
        try (PreparedStatement statement = connection.prepareStatement(CALL)) {
            statement.setObject(1, call);
            try (ResultSet row = statement.executeQuery()) {
                return row.next() ? Optional.of(line(row, call, parties, legs)) : Optional.empty();
            }
        }
    }

    private static Line line(ResultSet row, UUID call, List<Line.Party> parties, List<Line.Leg> legs)
            throws SQLException {
        return new Line(
                call,
                row.getObject("organization_id", UUID.class),
                row.getString("provider"),
                Optional.ofNullable(row.getObject("account", UUID.class)),
                row.getString("provider_call_sid"),
                row.getString("direction").equals("outbound"),
                row.getBoolean("dialled"),
                row.getString("from_number"),
                row.getString("to_number"),
                CallState.of(row.getString("state")),
                row.getBoolean("answered"),
                row.getBoolean("attended"),
                row.getBoolean("muted"),
                row.getBoolean("turned_away"),
                Optional.ofNullable(row.getString("callback")),
                new Line.Queue(
                        row.getInt("ring_s"),
                        row.getBoolean("record"),
                        row.getBoolean("transcribe"),
                        row.getBoolean("offer_callback")),
                parties,
                legs);
    }

    private static List<Line.Party> parties(Connection connection, UUID call) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(PARTIES)) {
            statement.setObject(1, call);
            var parties = new ArrayList<Line.Party>();
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    parties.add(new Line.Party(
                            row.getObject("user_id", UUID.class),
                            row.getString("client_identity"),
                            Optional.ofNullable(row.getObject("offered_at", OffsetDateTime.class))
                                    .map(OffsetDateTime::toInstant),
                            Line.Part.valueOf(row.getString("part").toUpperCase(Locale.ROOT))));
                }
            }
            return parties;
        }
    }

    private static List<Line.Leg> legs(Connection connection, UUID call) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(LEGS)) {
            statement.setObject(1, call);
            var legs = new ArrayList<Line.Leg>();
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    legs.add(new Line.Leg(
                            row.getString("provider_leg_sid"),
                            Line.Role.valueOf(row.getString("role").toUpperCase(Locale.ROOT)),
                            Optional.ofNullable(row.getObject("agent_id", UUID.class)),
                            row.getBoolean("connected"),
                            row.getBoolean("in_room")));
                }
            }
            return legs;
        }
    }

    /**
     * Whether the call is on a line, and the provider has not said yet that the agent (and whoever they call) is connected:
     * then a screen that says so says that they take it.
     */
    public static boolean awaitsLeg(Connection connection, UUID call, UUID agent) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "select exists (select from public.provider_accounts a where a.organization_id = c.organization_id and a.provider = c.provider)"
                        + " and not (exists (select from public.call_legs l where l.organization_id = c.organization_id and l.call_id = c.id"
                        + "       and l.agent_id = ? and l.status_rank = 3)"
                        + "   and ((c.direction = 'inbound' and c.callback_number is null) or c.answered_at is not null"
                        + "     or exists (select from public.call_legs l where l.organization_id = c.organization_id and l.call_id = c.id"
                        + "       and l.role = 'customer' and l.status_rank = 3"
                        + "       and (c.callback_requested_at is null or l.created_at > c.callback_requested_at))))"
                        + " from public.calls c where c.id = ?")) {
            statement.setObject(1, agent);
            statement.setObject(2, call);
            try (ResultSet row = statement.executeQuery()) {
                return row.next() && row.getBoolean(1);
            }
        }
    }

    /** These legs live apart from the ones that dialled them, from here on. */
    public static void moveIntoRoom(Connection connection, UUID call, List<String> legs) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "update public.call_legs set in_room = true where call_id = ? and provider_leg_sid = any (?) and not in_room")) {
            statement.setObject(1, call);
            statement.setArray(2, connection.createArrayOf("text", legs.toArray()));
            statement.executeUpdate();
        }
    }
}
