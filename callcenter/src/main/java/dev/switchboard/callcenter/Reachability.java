package dev.switchboard.callcenter;

import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.AgentCommand;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * Who has lost every socket is unreachable 10 s later, and reachable again with the next one (SPEC L16). This concerns who
 * had a socket once and has no telephone of their own ({@code voip_users.desk_phone}); it is written down, so that it
 * holds across a restart. Owned by the thread that looks.
 */
final class Reachability {
    /** A page that is loaded anew, or a network that changes, is back within it. */
    static final Duration GRACE = Duration.ofSeconds(10);
    /** After a start, all have lost their sockets, and come back when their clients try again. */
    static final Duration GRACE_AT_START = Duration.ofSeconds(30);

    private static final String CONCERNED =
            "select v.organization_id, v.user_id from public.voip_users v" + " where v.reachable and not v.desk_phone";
    private static final String CAME =
            "update public.voip_users set has_console = true where not has_console and user_id = any (?)";
    private static final String BACK = "select v.organization_id, v.user_id from public.voip_users v"
            + " where v.lost_at is not null and v.user_id = any (?)";
    private static final String FOUND =
            "update public.voip_users set lost_at = null where organization_id = ? and user_id = ?";
    private static final String LOST =
            "update public.voip_users set has_console = true, lost_at = ? where organization_id = ? and user_id = ?";

    private final CallCentre calls;
    private final Supplier<Set<String>> subjects;
    private final Map<UUID, Instant> lostWhen = new HashMap<>();
    private Set<UUID> here = Set.of();
    private boolean looked;

    private record Agent(UUID organization, UUID user) {}

    Reachability(CallCentre calls, Supplier<Set<String>> subjects) {
        this.calls = calls;
        this.subjects = subjects;
    }

    /** What has changed since the last look; where it fails, the next one finds the same. */
    void look(Instant now) {
        Set<UUID> present = users(subjects.get());
        try (Connection connection = calls.connections().getConnection()) {
            if (!looked) {
                for (Agent agent : agents(connection, CONCERNED + " and v.has_console")) {
                    lostWhen.put(agent.user(), now.plus(GRACE_AT_START));
                }
                looked = true;
            }
            Set<UUID> came = without(present, here);
            if (!came.isEmpty()) {
                welcome(connection, came);
            }
            lostWhen.keySet().removeAll(present);
            without(here, present).forEach(user -> lostWhen.put(user, now.plus(GRACE)));
            here = present;
            Set<UUID> lost = new HashSet<>();
            lostWhen.forEach((user, when) -> {
                if (!now.isBefore(when)) {
                    lost.add(user);
                }
            });
            if (!lost.isEmpty()) {
                lose(connection, lost, now);
                lostWhen.keySet().removeAll(lost);
            }
        } catch (SQLException failed) {
            throw new CallCentreException("whose sockets there are could not be noted: " + failed.getMessage(), failed);
        }
    }

    private void welcome(Connection connection, Set<UUID> came) throws SQLException {
        run(connection, CAME, came);
        for (Agent agent : agents(connection, BACK, came)) {
            reach(agent, true);
            run(connection, FOUND, agent.organization(), agent.user());
        }
    }

    /** That it is for want of a socket is noted first: where this process ends in between, the next one finds it so. */
    private void lose(Connection connection, Set<UUID> lost, Instant now) throws SQLException {
        for (Agent agent : agents(connection, CONCERNED + " and v.user_id = any (?)", lost)) {
            run(connection, LOST, now.atOffset(ZoneOffset.UTC), agent.organization(), agent.user());
            reach(agent, false);
        }
    }

    private void reach(Agent agent, boolean reachable) {
        calls.execute(new Actor.Server(), agent.organization(), agent.user(), new AgentCommand.Reach(reachable));
    }

    private static Set<UUID> without(Set<UUID> all, Set<UUID> these) {
        var left = new HashSet<>(all);
        left.removeAll(these);
        return left;
    }

    private static Set<UUID> users(Set<String> subjects) {
        var users = new HashSet<UUID>();
        for (String subject : subjects) {
            try {
                users.add(UUID.fromString(subject));
            } catch (IllegalArgumentException notAnId) {
                // some other issuer's: no agent
            }
        }
        return users;
    }

    private static List<Agent> agents(Connection connection, String query, Object... parameters) throws SQLException {
        var agents = new ArrayList<Agent>();
        try (PreparedStatement statement = prepare(connection, query, parameters);
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                agents.add(new Agent(rows.getObject(1, UUID.class), rows.getObject(2, UUID.class)));
            }
        }
        return agents;
    }

    private static void run(Connection connection, String update, Object... parameters) throws SQLException {
        try (PreparedStatement statement = prepare(connection, update, parameters)) {
            statement.executeUpdate();
        }
    }

    private static PreparedStatement prepare(Connection connection, String query, Object... parameters)
            throws SQLException {
        PreparedStatement statement = connection.prepareStatement(query);
        for (int i = 0; i < parameters.length; i++) {
            statement.setObject(
                    i + 1,
                    parameters[i] instanceof Collection<?> users
                            ? connection.createArrayOf("uuid", users.toArray())
                            : parameters[i]);
        }
        return statement;
    }
}
