package dev.switchboard.systemtest.harness;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.CallCommand;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.jdbi.v3.core.Jdbi;
import tools.jackson.databind.json.JsonMapper;

/** An organization of a test's own, with agents who are available, a queue that they answer, and a number. */
public final class CallCentreWorld {
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private final Jdbi jdbi;
    private final UUID organization = UUID.randomUUID();
    private final UUID queue = UUID.randomUUID();
    private final String number = "+1800%07d".formatted(NUMBERS.incrementAndGet());
    private final List<UUID> agents = new ArrayList<>();

    public CallCentreWorld(Jdbi jdbi, int count) {
        this.jdbi = jdbi;
        jdbi.useTransaction(handle -> {
            handle.execute(
                    "insert into organizations (id, name, slug) values (?, 'World', ?)",
                    organization,
                    "w" + organization.toString().substring(0, 18));
            handle.execute(
                    "insert into queues (id, organization_id, name, wrap_up_s) values (?, ?, 'support', 0)",
                    queue,
                    organization);
            handle.execute("insert into phone_numbers (organization_id, e164) values (?, ?)", organization, number);
        });
        for (int i = 0; i < count; i++) {
            agents.add(agent("agent", "Agent " + i));
        }
    }

    public UUID agent(String role, String name) {
        UUID user = member(role, name);
        jdbi.useHandle(handle -> handle.execute(
                "insert into voip_users (organization_id, user_id, extension, client_identity, work_state, chosen_state, reachable)"
                        + " values (?, ?, ?, ?, 'available', 'available', true)",
                organization,
                user,
                user.toString().substring(0, 8),
                "u_" + user.toString().replace("-", "")));
        return user;
    }

    public UUID member(String role, String name) {
        UUID user = UUID.randomUUID();
        jdbi.useTransaction(handle -> {
            handle.execute(
                    "insert into profiles (id, organization_id, display_name) values (?, ?, ?)",
                    user,
                    organization,
                    name);
            handle.execute(
                    "insert into user_roles (organization_id, user_id, role) values (?, ?, ?)",
                    organization,
                    user,
                    role);
        });
        return user;
    }

    public UUID organization() {
        return organization;
    }

    public UUID queue() {
        return queue;
    }

    public String number() {
        return number;
    }

    public List<UUID> agents() {
        return agents;
    }

    public UUID agent(int index) {
        return agents.get(index);
    }

    public static Actor as(UUID user) {
        return new Actor.User(user, Set.of());
    }

    public static Actor server() {
        return new Actor.Server();
    }

    /** A call that just came in, to no queue. */
    public UUID incoming(CallCentre calls) {
        Answer answer =
                calls.incoming("test", "CA" + UUID.randomUUID().toString().replace("-", ""), "+14155550001", number);
        return UUID.fromString(JsonMapper.shared()
                .readTree(((Answer.Done) answer).json())
                .path("id")
                .asString());
    }

    /** A call that rings at these agents. */
    public UUID ringing(CallCentre calls, UUID... at) {
        UUID call = incoming(calls);
        Answer offered = calls.execute(server(), call, new CallCommand.Offer(List.of(at)));
        if (!(offered instanceof Answer.Done)) {
            throw new AssertionError(offered);
        }
        return call;
    }

    public String state(UUID call) {
        return one("select state from calls where id = ?", call);
    }

    public String workState(UUID agent) {
        return one("select work_state from voip_users where user_id = ?", agent);
    }

    public String one(String sql, Object... parameters) {
        return jdbi.withHandle(handle -> {
            var query = handle.createQuery(sql);
            for (int i = 0; i < parameters.length; i++) {
                query.bind(i, parameters[i]);
            }
            return query.mapTo(String.class).findOne().orElse("");
        });
    }

    public List<String> list(String sql, Object... parameters) {
        return jdbi.withHandle(handle -> {
            var query = handle.createQuery(sql);
            for (int i = 0; i < parameters.length; i++) {
                query.bind(i, parameters[i]);
            }
            return query.mapTo(String.class).list();
        });
    }
}
