package dev.switchboard.callcenter;

import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.Refusal;
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
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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

    private static final Duration REMEMBERED = Duration.ofMinutes(1);

    /** Who became an agent while a socket of theirs was there is noted within this time. */
    private static final Duration NOTED_EVERY = Duration.ofSeconds(10);
    /** Agents who go and come at one look; the others follow at the next. */
    private static final int MOST = 200;

    private static final String CONCERNED =
            "select v.organization_id, v.user_id from public.voip_users v where v.reachable and not v.desk_phone";
    private static final String CAME =
            "update public.voip_users set has_console = true where not has_console and user_id = any (?)";
    private static final String BACK = "select v.organization_id, v.user_id from public.voip_users v"
            + " where v.lost_at is not null and (v.desk_phone or v.user_id = any (?)) limit " + MOST;
    private static final String FOUND = "update public.voip_users set lost_at = null"
            + " where organization_id = ? and user_id = ? and lost_at is not null";
    private static final String LOST = "update public.voip_users set has_console = true, lost_at = ?"
            + " where organization_id = ? and user_id = ? and reachable and not desk_phone";

    private static final Logger LOG = LoggerFactory.getLogger(Reachability.class);

    private final CallCentre calls;
    private final Supplier<Map<String, Long>> stays;
    private final Map<UUID, Instant> lostWhen = new HashMap<>();

    private final Map<UUID, Long> numbers = new HashMap<>();
    private final Map<UUID, Instant> missedAt = new HashMap<>();
    private Set<UUID> here = Set.of();
    private Instant noted = Instant.EPOCH;
    private boolean looked;

    private record Agent(UUID organization, UUID user) {}

    Reachability(CallCentre calls, Supplier<Map<String, Long>> stays) {
        this.calls = calls;
        this.stays = stays;
    }

    /** Who goes and who comes, by what is written down: what fails is found again by the next look. */
    void look(Instant now) {

        Map<UUID, Long> numbered = users(stays.get());
        Set<UUID> present = numbered.keySet();
        List<Agent> back;
        List<Agent> lost;
        try (Connection connection = calls.connections().getConnection()) {
            if (!looked) {
                for (Agent agent : agents(connection, CONCERNED + " and v.has_console")) {
                    lostWhen.put(agent.user(), now.plus(GRACE_AT_START));
                }
                looked = true;
            }

            note(connection, present, now);
            numbered.forEach((user, number) -> {
                Long before = numbers.put(user, number);
                if (before != null && !before.equals(number)) { // away between two looks
                    missedAt.put(user, now);
                }
            });
            numbers.keySet().retainAll(present);
            back = agents(connection, BACK, present);
            lost = lost(connection, now);
        } catch (SQLException failed) {
            throw new CallCentreException("whose sockets there are could not be noted: " + failed.getMessage(), failed);
        }
        back.forEach(agent -> tell(agent, true));
        var untold = new HashSet<UUID>();
        lost.stream().filter(agent -> !tell(agent, false)).forEach(agent -> untold.add(agent.user()));
        // once told, a socket that is gone says nothing more: what a device says of itself from here on holds
        lost.stream().map(Agent::user).filter(user -> !untold.contains(user)).forEach(lostWhen::remove);
    }

    /** Whether no socket of theirs was there at some time since then, as far as the looks saw. */
    boolean wasAway(UUID user, Instant since) {
        return !here.contains(user)
                || Optional.ofNullable(missedAt.get(user))
                        .filter(missed -> !missed.isBefore(since))
                        .isPresent();
    }

    private void note(Connection connection, Set<UUID> present, Instant now) throws SQLException {
        if (!here.containsAll(present) || !now.isBefore(noted.plus(NOTED_EVERY))) {
            run(connection, CAME, present);
            noted = now;
        }
        lostWhen.keySet().removeAll(present);

        without(here, present).forEach(user -> {
            lostWhen.put(user, now.plus(GRACE));
            missedAt.put(user, now);
        });
        missedAt.values().removeIf(now.minus(REMEMBERED)::isAfter);
        here = present;
    }

    /** Whose time is over; they are forgotten once nothing is left to be done for them. */
    private List<Agent> lost(Connection connection, Instant now) throws SQLException {
        Set<UUID> due = new HashSet<>();
        lostWhen.forEach((user, when) -> {
            if (!now.isBefore(when)) {
                due.add(user);
            }
        });
        if (due.isEmpty()) {
            return List.of();
        }
        List<Agent> lost = agents(connection, CONCERNED + " and v.user_id = any (?) limit " + MOST, due);
        if (lost.size() < MOST) {
            lost.forEach(agent -> due.remove(agent.user()));
            lostWhen.keySet().removeAll(due);
        }
        return lost;
    }

    /** What goes wrong with one of them does not keep the others; whether nothing did. */
    private boolean tell(Agent agent, boolean there) {
        try {
            Answer answer = calls.execute(
                    new Actor.Server(), agent.organization(), agent.user(), new AgentCommand.Socket(there));
            if (answer instanceof Answer.Refused(Refusal refusal, String detail, var _)
                    && refusal != Refusal.NOT_FOUND) {
                LOG.warn("Agent {} could not be made reachable or not; it is tried again: {}", agent.user(), detail);
                return false;
            }
            return true;
        } catch (CallCentreException failed) {
            LOG.warn(
                    "Agent {} could not be made reachable or not; it is tried again: {}",
                    agent.user(),
                    failed.toString());
            return false;
        }
    }

    /**
     * Notes, under the agent's lock, why they can be reached or not; says whether the command has anything to do. What a
     * device says of itself ends what was known by sockets.
     */
    static boolean concerns(Connection connection, UUID organization, UUID user, AgentCommand command, Instant now)
            throws SQLException {
        return switch (command) {
            case AgentCommand.Reach _ -> {
                run(connection, FOUND, organization, user);
                yield true;
            }
            case AgentCommand.Socket(boolean there) ->
                (there
                                ? run(connection, FOUND, organization, user)
                                : run(connection, LOST, now.atOffset(ZoneOffset.UTC), organization, user))
                        > 0;
            case AgentCommand.Choose _, AgentCommand.WrapUpOver _ -> true;
        };
    }

    private static Set<UUID> without(Set<UUID> all, Set<UUID> these) {
        var left = new HashSet<>(all);
        left.removeAll(these);
        return left;
    }

    private static Map<UUID, Long> users(Map<String, Long> stays) {
        var users = new HashMap<UUID, Long>();
        for (Map.Entry<String, Long> stay : stays.entrySet()) {
            try {
                users.put(UUID.fromString(stay.getKey()), stay.getValue());
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

    private static int run(Connection connection, String update, Object... parameters) throws SQLException {
        try (PreparedStatement statement = prepare(connection, update, parameters)) {
            return statement.executeUpdate();
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
