package dev.switchboard.callcenter;

import dev.switchboard.callcenter.command.Actor;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import javax.sql.DataSource;

/** How calls come into the books, and how they are found. */
final class NewCalls {
    private static final int MOST_TRIED = 5;

    private NewCalls() {}

    /** A call that came in; an old one came in before. */
    record Incoming(UUID id, Optional<UUID> queue, boolean isNew) {}

    /** @return empty where nobody has the number */
    static Optional<Incoming> incoming(
            Connection connection, String provider, String sid, String from, String to, Instant now)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "with n as (select p.organization_id, p.queue_id from public.phone_numbers p where p.e164 = ?),"
                        + " i as (insert into public.calls (organization_id, provider, provider_call_sid, direction, from_number,"
                        + "   to_number, company_name, contact_id, started_at, state_since, last_event_at, provider_event_at, due_at)"
                        + "   select n.organization_id, ?, ?, 'inbound', ?, ?, k.company_name, k.id, t.now, t.now, t.now, t.now,"
                        + "          t.now + interval '60 s'"
                        + "     from n cross join (select ?::timestamptz as now) t left join public.contacts k"
                        + "       on k.organization_id = n.organization_id and k.number = ?"
                        + "   on conflict (organization_id, provider, provider_call_sid) do nothing returning id)"
                        + " select n.organization_id, n.queue_id, (select id from i) as id from n")) {
            statement.setString(1, to);
            statement.setString(2, provider);
            statement.setString(3, sid);
            statement.setString(4, from);
            statement.setString(5, to);
            statement.setObject(6, now.atOffset(ZoneOffset.UTC));
            statement.setString(7, from);
            try (ResultSet row = statement.executeQuery()) {
                if (!row.next()) {
                    return Optional.empty();
                }
                Optional<UUID> queue = Optional.ofNullable(row.getObject("queue_id", UUID.class));
                UUID id = row.getObject("id", UUID.class);
                return Optional.of(
                        id != null
                                ? new Incoming(id, queue, true)
                                : known(connection, row.getObject("organization_id", UUID.class), provider, sid));
            }
        }
    }

    private static Incoming known(Connection connection, UUID organization, String provider, String sid)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select c.id from public.calls c"
                + " where c.organization_id = ? and c.provider = ? and c.provider_call_sid = ?")) {
            statement.setObject(1, organization);
            statement.setString(2, provider);
            statement.setString(3, sid);
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return new Incoming(row.getObject(1, UUID.class), Optional.empty(), false);
            }
        }
    }

    /** From the organization's first number; the provider names the call once it is dialled, until then its id does. */
    static UUID outgoing(Connection connection, UUID organization, String to, Instant now) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "insert into public.calls (id, organization_id, provider, provider_call_sid, direction, from_number, to_number,"
                        + " company_name, contact_id, started_at, state_since, last_event_at)"
                        + " select o.id, o.organization, 'outbound', o.id::text, 'outbound',"
                        + "   coalesce((select min(p.e164) from public.phone_numbers p where p.organization_id = o.organization), 'unknown'),"
                        + "   o.number, k.company_name, k.id, o.now, o.now, o.now"
                        + "   from (select uuidv7() as id, ?::uuid as organization, ?::text as number, ?::timestamptz as now offset 0) o"
                        + "   left join public.contacts k on k.organization_id = o.organization and k.number = o.number"
                        + " returning id")) {
            statement.setObject(1, organization);
            statement.setString(2, to);
            statement.setObject(3, now.atOffset(ZoneOffset.UTC));
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return row.getObject(1, UUID.class);
            }
        }
    }

    /** The first of them that nobody is working on. */
    static List<UUID> longestWaiting(DataSource connections, UUID organization, UUID queue) {
        return ids(
                connections,
                "select c.id from public.calls c where c.organization_id = ? and c.queue_id = ? and c.ended_at is null"
                        + " and c.state = 'queued' order by c.queued_at limit " + MOST_TRIED
                        + " for update skip locked",
                organization,
                queue);
    }

    static Optional<UUID> bySid(DataSource connections, Actor actor, String sid) {
        List<UUID> found = switch (actor) {
            case Actor.User(UUID user, var _) ->
                ids(
                        connections,
                        "select c.id from public.user_roles r join public.calls c on c.organization_id = r.organization_id"
                                + " where r.user_id = ? and c.provider_call_sid = ? order by c.ended_at nulls first limit 1",
                        user,
                        sid);
            case Actor.Server _ ->
                ids(
                        connections,
                        "select c.id from public.organizations o join public.calls c on c.organization_id = o.id"
                                + " where c.provider_call_sid = ? order by c.ended_at nulls first limit 1",
                        sid);
        };
        return found.stream().findFirst();
    }

    /** Of a query of one column. */
    static List<UUID> ids(DataSource connections, String sql, Object... parameters) {
        try (Connection connection = connections.getConnection();
                PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < parameters.length; i++) {
                statement.setObject(i + 1, parameters[i]);
            }
            try (ResultSet rows = statement.executeQuery()) {
                var ids = new ArrayList<UUID>();
                while (rows.next()) {
                    ids.add(rows.getObject(1, UUID.class));
                }
                return ids;
            }
        } catch (SQLException failed) {
            throw new CallCentreException("a question failed: " + failed.getMessage(), failed);
        }
    }
}
