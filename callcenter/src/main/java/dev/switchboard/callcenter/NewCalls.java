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
    /** By the provider's id of the call, or of one of its legs: a device knows its own. */
    static final String NAMED =
            "select c.id from (select k.id from public.organizations o join public.calls k on k.organization_id = o.id"
                    + "   and k.provider_call_sid = ? union select l.call_id from public.call_legs l where l.provider_leg_sid = ?) n"
                    + " join public.calls c on c.id = n.id";

    static final String LIVE_FIRST = " order by c.ended_at nulls first limit 1";

    private NewCalls() {}

    /**
     * A call that came in; an old one came in before.
     *
     * @param queue    that takes it now: its number's, or the one that stands in for it outside its hours
     * @param isClosed whether its number has a queue, and neither takes calls now
     */
    record Incoming(UUID id, Optional<UUID> queue, boolean isClosed, boolean isNew) {}

    /**
     * @param organization whose number it has to be, where that is known
     * @return empty where nobody has the number
     */
    static Optional<Incoming> incoming(
            Connection connection,
            Optional<UUID> organization,
            String provider,
            String sid,
            String from,
            String to,
            Instant now)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "with t as (select ?::timestamptz as now), n as (select p.organization_id, p.skill, p.queue_id is not null and f.id is null as closed,"
                        + "   f.id as queue_id, t.now from t join public.phone_numbers p on p.e164 = ? and p.organization_id = coalesce(?::uuid, p.organization_id)"
                        + "   join public.organizations o on o.id = p.organization_id"
                        + "   left join public.queues q on q.organization_id = p.organization_id and q.id = p.queue_id"
                        + "   left join lateral (select k.id from public.queues k where k.organization_id = q.organization_id and k.id in (q.id, q.closed_queue_id)"
                        + "       and app.is_open(k.hours, o.timezone, t.now) order by k.id <> q.id limit 1) f on true),"
                        + " i as (insert into public.calls (organization_id, provider, provider_call_sid, direction, from_number,"
                        + "   to_number, company_name, contact_id, skill, started_at, state_since, last_event_at, provider_event_at, due_at)"
                        + "   select n.organization_id, ?, ?, 'inbound', ?, ?, k.company_name, k.id, n.skill, n.now, n.now, n.now, n.now,"
                        + "          n.now + interval '60 s'"
                        + "     from n left join public.contacts k"
                        + "       on k.organization_id = n.organization_id and k.number = ?"
                        + "   on conflict (organization_id, provider, provider_call_sid) do nothing returning id)"
                        + " select n.organization_id, n.queue_id, n.closed, (select id from i) as id from n")) {
            statement.setObject(1, now.atOffset(ZoneOffset.UTC));
            statement.setString(2, to);
            statement.setObject(3, organization.orElse(null));
            statement.setString(4, provider);
            statement.setString(5, sid);
            statement.setString(6, from);
            statement.setString(7, to);
            statement.setString(8, from);
            try (ResultSet row = statement.executeQuery()) {
                if (!row.next()) {
                    return Optional.empty();
                }
                Optional<UUID> queue = Optional.ofNullable(row.getObject("queue_id", UUID.class));
                UUID id = row.getObject("id", UUID.class);
                return Optional.of(
                        id != null
                                ? new Incoming(id, queue, row.getBoolean("closed"), true)
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
                return new Incoming(row.getObject(1, UUID.class), Optional.empty(), false, false);
            }
        }
    }

    /**
     * From that number of the organization, or its first one; the provider names the call once it is dialled, until then
     * its id does.
     *
     * @return empty where the number is none of the organization's
     */
    static Optional<UUID> outgoing(
            Connection connection, UUID organization, Optional<String> from, String to, Instant now)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "insert into public.calls (id, organization_id, provider, provider_call_sid, direction, from_number, to_number,"
                        + " company_name, contact_id, started_at, state_since, last_event_at)"
                        + " select o.id, o.organization, coalesce(n.provider, 'outbound'), o.id::text, 'outbound', coalesce(n.e164, 'unknown'),"
                        + "   o.number, k.company_name, k.id, o.now, o.now, o.now"
                        + "   from (select uuidv7() as id, ?::uuid as organization, ?::text as caller, ?::text as number,"
                        + "     ?::timestamptz as now offset 0) o"
                        + "   left join lateral (select p.e164, a.provider from public.phone_numbers p left join public.provider_accounts a"
                        + "       on a.organization_id = p.organization_id and a.id = p.provider_account_id"
                        + "     where p.organization_id = o.organization and (o.caller is null or p.e164 = o.caller)"
                        + "     order by a.id is null, p.e164 limit 1) n on true"
                        + "   left join public.contacts k on k.organization_id = o.organization and k.number = o.number"
                        + "  where o.caller is null or n.e164 is not null returning id")) {
            statement.setObject(1, organization);
            statement.setString(2, from.orElse(null));
            statement.setString(3, to);
            statement.setObject(4, now.atOffset(ZoneOffset.UTC));
            try (ResultSet row = statement.executeQuery()) {
                return row.next() ? Optional.of(row.getObject(1, UUID.class)) : Optional.empty();
            }
        }
    }

    /** The first of them that nobody is working on, and that the agent may be offered. */
    static List<UUID> longestWaiting(DataSource connections, UUID organization, UUID agent, UUID queue, Instant now) {
        return ids(
                connections,
                "select c.id from public.calls c left join public.queue_members m on m.organization_id = c.organization_id"
                        + "   and m.queue_id = c.queue_id and m.user_id = ?"
                        + " where c.organization_id = ? and c.queue_id = ? and c.ended_at is null"
                        + " and c.state = 'queued' and " + Reading.KNOWS + " order by c.queued_at limit " + MOST_TRIED
                        + " for update of c skip locked",
                agent,
                organization,
                queue,
                now.atOffset(ZoneOffset.UTC));
    }

    static Optional<UUID> bySid(DataSource connections, Actor actor, String sid) {
        List<UUID> found = switch (actor) {
            case Actor.User(UUID user, var _) ->
                ids(
                        connections,
                        NAMED + " where exists (select from public.user_roles r where r.user_id = ?"
                                + "   and r.organization_id = c.organization_id)" + LIVE_FIRST,
                        sid,
                        sid,
                        user);
            case Actor.Server _ -> ids(connections, NAMED + LIVE_FIRST, sid, sid);
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
