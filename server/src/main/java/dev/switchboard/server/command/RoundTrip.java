package dev.switchboard.server.command;

import dev.switchboard.callcenter.schema.Finding;
import dev.switchboard.callcenter.schema.Finding.Layer;
import dev.switchboard.client.Changes;
import dev.switchboard.client.Event;
import dev.switchboard.client.EventQueue;
import dev.switchboard.client.SwitchboardClient;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.channel.TokenVerifier;
import dev.switchboard.engine.explain.Step;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.tokens.JwtTokens;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;

/**
 * A change on its way: an organization of its own for some seconds, with a call and an agent; four who subscribe to each;
 * one change of both; and who got it.
 */
final class RoundTrip {
    private static final Duration PATIENCE = Duration.ofSeconds(6);
    /** How long those are watched who must get nothing, once the others have got it. */
    private static final Duration SILENCE = Duration.ofSeconds(1);

    private static final Duration LIFE = Duration.ofMinutes(2);

    private final Jdbi jdbi;
    private final URI url;
    private final JwtTokens tokens;
    private final UUID organization = UUID.randomUUID();
    private final UUID member = UUID.randomUUID();
    private final UUID outsider = UUID.randomUUID();

    private record Watcher(
            String who,
            String token,
            boolean signedIn,
            boolean sees,
            EventQueue calls,
            EventQueue agents,
            SwitchboardClient client)
            implements AutoCloseable {
        EventQueue events(String table) {
            return table.equals("calls") ? calls : agents;
        }

        @Override
        public void close() {
            calls.close();
            agents.close();
            client.close();
        }
    }

    RoundTrip(Database database, URI url, JwtTokens tokens) {
        this.jdbi = Jdbi.create(database.url(), database.user(), database.password());
        this.url = url;
        this.tokens = tokens;
    }

    List<Finding> findings() {
        var watchers = new ArrayList<Watcher>();
        try {
            prepare();
            watchers.add(watcher("the service key", true, "service_role", Map.of()));
            watchers.add(watcher("a member", true, "authenticated", Map.of("sub", member.toString())));
            watchers.add(watcher("an outsider", false, "authenticated", Map.of("sub", outsider.toString())));
            watchers.add(watcher("nobody signed in", false, "anon", Map.of()));
            return watch(watchers);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            return List.of();
        } catch (RuntimeException failed) {
            return List.of(new Finding(
                    Layer.REALTIME,
                    "rows of its own can be written",
                    String.valueOf(failed.getMessage()),
                    "mend the layers above first"));
        } finally {
            watchers.forEach(Watcher::close);
            jdbi.useHandle(handle -> handle.execute("delete from public.organizations where id = ?", organization));
        }
    }

    private void prepare() {
        jdbi.useTransaction(handle -> {
            handle.execute(
                    "insert into public.organizations (id, name, slug) values (?, 'Doctor', ?)",
                    organization,
                    "doctor-" + organization);
            handle.execute(
                    "insert into public.user_roles (organization_id, user_id, role) values (?, ?, 'agent')",
                    organization,
                    member);
            handle.execute(
                    "insert into public.voip_users (organization_id, user_id, extension, client_identity) values (?, ?, '1', 'doctor')",
                    organization,
                    member);
            handle.execute(
                    "insert into public.calls (organization_id, provider, provider_call_sid, direction, from_number, to_number)"
                            + " values (?, 'doctor', 'doctor', 'inbound', '+10000000', '+10000001')",
                    organization);
        });
    }

    private Watcher watcher(String who, boolean sees, String role, Map<String, Object> claims) {
        String token = tokens.issue(role, claims, Instant.now(), LIFE);
        SwitchboardClient client =
                SwitchboardClient.builder(url, token).token(() -> token).build();
        return new Watcher(
                who, token, !role.equals("anon"), sees, open(client, "calls"), open(client, "voip_users"), client);
    }

    private EventQueue open(SwitchboardClient client, String table) {
        return client.channel("doctor-" + table)
                .changes(Changes.of("public", table).where("organization_id=eq." + organization))
                .open(100);
    }

    private List<Finding> watch(List<Watcher> watchers) throws InterruptedException {
        for (Watcher watcher : watchers) {
            if (watcher.signedIn()) { // who never came in would get nothing, and prove nothing
                for (String table : List.of("calls", "voip_users")) {
                    Optional<String> refused = joined(watcher.events(table));
                    if (refused.isPresent()) {
                        Optional<String> why = explained(watcher, Map.of("table", "public." + table))
                                .flatMap(RoundTrip::hidden);
                        return List.of(new Finding(
                                Layer.REALTIME,
                                watcher.who() + " can subscribe to calls and voip_users at " + url,
                                refused.get() + why.orElse(""),
                                why.isPresent()
                                        ? "mend what explain names; `switchboard explain " + table + "` tells each step"
                                        : "start the server (switchboard start), or name it with --url"));
                    }
                }
            }
        }
        jdbi.useTransaction(handle -> {
            handle.execute("update public.calls set company_name = 'Doctor' where organization_id = ?", organization);
            handle.execute(
                    "update public.voip_users set current_call_id = gen_random_uuid(), current_call_phone_number = '+10000000',"
                            + " current_call_answered_at = now() where organization_id = ?",
                    organization);
        });
        var findings = new ArrayList<Finding>();
        for (Watcher watcher : watchers) {
            Duration patience = watcher.sees() ? PATIENCE : SILENCE;
            judge(watcher, "calls", got(watcher.calls(), patience), findings);
            judge(watcher, "voip_users", got(watcher.agents(), patience), findings);
        }
        return findings;
    }

    /** Why not; empty once the channel is live. */
    private static Optional<String> joined(EventQueue events) {
        Instant deadline = Instant.now().plus(PATIENCE);
        String said = "no answer";
        while (Instant.now().isBefore(deadline)) {
            try {
                Optional<Event> event = events.poll(Duration.between(Instant.now(), deadline));
                switch (event.orElse(null)) {
                    case Event.Subscribed _ -> {
                        return Optional.empty();
                    }
                    case Event.Interrupted(var reason) -> said = reason;
                    case Event.Closed(var reason) -> {
                        return Optional.of(reason);
                    }
                    case null -> {
                        return Optional.of(said);
                    }
                    default -> {}
                }
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
                return Optional.of("interrupted");
            }
        }
        return Optional.of(said);
    }

    private static boolean got(EventQueue events, Duration patience) throws InterruptedException {
        Instant deadline = Instant.now().plus(patience);
        while (Instant.now().isBefore(deadline)) {
            Optional<Event> event = events.poll(Duration.between(Instant.now(), deadline));
            if (event.isPresent() && event.get() instanceof Event.Change) {
                return true;
            }
            if (event.isEmpty()) {
                return false;
            }
        }
        return false;
    }

    private void judge(Watcher watcher, String table, boolean got, List<Finding> findings) {
        if (got != watcher.sees()) {
            var row = Map.of(
                    "table", "public." + table,
                    "row", "{\"organization_id\": \"" + organization + "\"}",
                    "channel", "doctor-" + table);
            Optional<String> why = explained(watcher, row).flatMap(got ? RoundTrip::shown : RoundTrip::hidden);
            findings.add(new Finding(
                    Layer.REALTIME,
                    watcher.who() + (watcher.sees() ? " gets" : " gets no") + " change of " + table,
                    (got ? "it came" : "none came within " + PATIENCE.toSeconds() + " s") + why.orElse(""),
                    got
                            ? "mend the policies above: this row leaks"
                            : "mend the layers above; if they are all well, look at /readyz and the server's log"));
        }
    }

    /** What explain says of that for the watcher. */
    private Optional<List<Step>> explained(Watcher watcher, Map<String, String> what) {
        if (!(tokens.verify(watcher.token(), Instant.now()) instanceof TokenVerifier.Result.Valid(var claims))) {
            return Optional.empty();
        }
        var parameters = new HashMap<>(what);
        parameters.put("claims", claims.group().json());
        try {
            return new ExplainingServer(url, tokens).ask(parameters).map(ExplainingServer::steps);
        } catch (InvalidSettingException notExplained) {
            return Optional.empty();
        }
    }

    /** Where it ends. */
    private static Optional<String> hidden(List<Step> steps) {
        List<String> policies = policies(steps, Step.Outcome.STOPPED);
        return Step.end(steps)
                .map(step -> "; explain: it ends at " + step.name() + ": " + step.text()
                        + (policies.isEmpty() ? "" : " (" + String.join(", ", policies) + ")"));
    }

    /** By which policies it is shown. */
    private static Optional<String> shown(List<Step> steps) {
        return Optional.of(policies(steps, Step.Outcome.PASSED))
                .filter(policies -> !policies.isEmpty())
                .map(policies -> "; explain: it is shown by " + String.join(", ", policies));
    }

    private static List<String> policies(List<Step> steps, Step.Outcome outcome) {
        return steps.stream()
                .filter(step -> step.outcome() == outcome && step.name().startsWith("policy "))
                .map(Step::name)
                .toList();
    }
}
