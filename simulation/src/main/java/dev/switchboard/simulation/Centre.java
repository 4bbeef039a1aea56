package dev.switchboard.simulation;

import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.random.RandomGenerator;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/**
 * An organization to simulate with: agents who are available, queues that all of them answer, a number for each queue.
 *
 * Nobody is paused for calls they let pass: made-up agents do not come back by themselves.
 *
 * @param numbers one per queue, in the order of {@code queues}
 */
public record Centre(UUID organization, List<UUID> queues, List<String> numbers, List<UUID> agents) {
    public Centre {
        queues = List.copyOf(queues);
        numbers = List.copyOf(numbers);
        agents = List.copyOf(agents);
    }

    /**
     * How calls are offered, and what is kept for them.
     *
     * @param strategy of {@code queues.strategy}
     * @param wrapUp   seconds at most that an agent writes after a call
     * @param maxWait  seconds at most that a call waits
     */
    public record Rules(String strategy, int wrapUp, int maxWait) {}

    private static UUID id(RandomGenerator random) {
        return new UUID((random.nextLong() & ~0xf000L) | 0x4000L, (random.nextLong() & ~(3L << 62)) | (2L << 62));
    }

    /**
     * Inserts one.
     *
     * @param random of which its ids are: the same dice give the same, which then must not be there yet
     * @param since  from when on its agents are available
     */
    public static Centre insert(
            Jdbi jdbi,
            RandomGenerator random,
            Instant since,
            String name,
            int agents,
            List<String> queues,
            Rules rules) {
        return jdbi.inTransaction(handle -> insert(handle, random, since, name, agents, queues, rules));
    }

    private static Centre insert(
            Handle handle,
            RandomGenerator random,
            Instant since,
            String name,
            int agents,
            List<String> queues,
            Rules rules) {
        UUID organization = id(random);
        String slug = "simulated-" + organization.toString().substring(0, 8);
        handle.execute("insert into public.organizations (id, name, slug) values (?, ?, ?)", organization, name, slug);
        var ids = new ArrayList<UUID>();
        var numbers = new ArrayList<String>();
        long number = 18_000_000_000L + Math.floorMod(organization.getLeastSignificantBits(), 99_999_000L) * 10;
        for (String queue : queues) {
            UUID id = id(random);
            ids.add(id);
            numbers.add("+" + (number + ids.size()));
            handle.execute(
                    "insert into public.queues (id, organization_id, name, strategy, wrap_up_s, max_wait_s, missed_limit) values (?, ?, ?, ?, ?, ?, 0)",
                    id,
                    organization,
                    queue,
                    rules.strategy(),
                    rules.wrapUp(),
                    rules.maxWait());
            handle.execute(
                    "insert into public.phone_numbers (organization_id, e164, queue_id) values (?, ?, ?)",
                    organization,
                    numbers.getLast(),
                    id);
        }
        var users = new ArrayList<UUID>();
        for (int i = 1; i <= agents; i++) {
            users.add(agent(handle, random, organization, since, slug, i, ids));
        }
        return new Centre(organization, ids, numbers, users);
    }

    private static UUID agent(
            Handle handle,
            RandomGenerator random,
            UUID organization,
            Instant since,
            String slug,
            int place,
            List<UUID> queues) {
        UUID user = id(random);
        handle.execute(
                "insert into public.profiles (id, organization_id, display_name) values (?, ?, ?)",
                user,
                organization,
                "Agent " + place);
        handle.execute(
                "insert into public.user_roles (organization_id, user_id, role) values (?, ?, 'agent')",
                organization,
                user);
        handle.execute(
                "insert into public.voip_users (organization_id, user_id, extension, client_identity, work_state, chosen_state, reachable, state_since)"
                        + " values (?, ?, ?, ?, 'available', 'available', true, ?)",
                organization,
                user,
                Integer.toString(1_000 + place),
                slug.replace('-', '_') + "_" + place,
                since.atOffset(ZoneOffset.UTC));
        for (UUID queue : queues) {
            handle.execute(
                    "insert into public.queue_members (organization_id, queue_id, user_id) values (?, ?, ?)",
                    organization,
                    queue,
                    user);
        }
        return user;
    }
}
