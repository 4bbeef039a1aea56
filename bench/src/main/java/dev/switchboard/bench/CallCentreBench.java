package dev.switchboard.bench;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.telephony.fake.Signature;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Jdbi;
import tools.jackson.databind.json.JsonMapper;

/**
 * (g) Claims of ringing calls, and commands on thousands of live ones, by 16 threads over 10 connections into the database
 * of a running server that decodes all of it, and signed messages of a telephone provider to that server; beside updates of one row each, committed one by one over the same
 * connections. Rounds alternate.
 */
final class CallCentreBench {
    private static final int THREADS = 16;
    private static final int CONNECTIONS = 10;
    private static final int RINGS_AT = 3;
    private static final int ROUNDS = 3;

    private final Report report;
    private final int seconds;
    private final int live;
    private final int claims;

    /**
     * @param seconds of one round
     * @param live    calls that are going on
     * @param claims  of one round
     */
    CallCentreBench(Report report, int seconds, int live, int claims) {
        this.report = report;
        this.seconds = seconds;
        this.live = live;
        this.claims = claims;
    }

    private interface Work {
        void run(int index);
    }

    /** What a round gave: per second, and the 99th percentile in milliseconds. */
    private record Round(double rate, double p99) {}

    void run() throws Exception {
        try (ServerProcess server = new ServerProcess();
                HikariDataSource pool = pool(server)) {
            Jdbi jdbi = Jdbi.create(pool);
            var centre = new CallCentre(pool, InstantSource.system(), () -> {});
            UUID organization = prepare(jdbi);
            List<UUID> owners = agents(jdbi, organization, live, "o");
            List<UUID> claimers = agents(jdbi, organization, claims * RINGS_AT, "c");
            List<UUID> calls = ringing(centre, owners, 1);
            each(
                    calls.size(),
                    index -> done(centre.execute(
                            as(owners.get(index)),
                            calls.get(index),
                            new CallCommand.Start(owners.get(index), Optional.empty()))));

            Messages messages = new Messages(server, jdbi, organization, calls);
            var told = new ArrayList<Round>();
            var updates = new ArrayList<Round>();
            var commands = new ArrayList<Round>();
            var claimed = new ArrayList<Round>();
            for (int round = 0; round <= ROUNDS; round++) {
                Round plain = timed(index -> jdbi.useHandle(
                        handle -> handle.execute("update bench_rows set n = n + 1 where id = ?", index % live)));
                Round commanded = timed(index -> command(centre, owners, calls, index % live));
                Round claim = claim(centre, claimers);
                Round message = timed(messages::tell);
                if (round > 0) { // the first warms all of them up
                    updates.add(plain);
                    commands.add(commanded);
                    claimed.add(claim);
                    told.add(message);
                }
            }
            double commits = median(updates.stream().map(Round::rate).toList());
            tell("commands on " + live + " live calls", commands, commits);
            tell("claims of calls that ring at " + RINGS_AT, claimed, commits);
            tell("signed messages of a telephone provider about " + live + " live calls", told, commits);
            report.figure("callcenter", "updates of one row, a commit each", commits, "commits/s", "");
        }
    }

    private void tell(String what, List<Round> rounds, double commits) {
        double rate = median(rounds.stream().map(Round::rate).toList());
        report.figure("callcenter", what, rate, "per s", "");
        report.figure(
                "callcenter",
                what + ", 99th percentile",
                median(rounds.stream().map(Round::p99).toList()),
                "ms",
                "");
        report.figure("callcenter", what + ", commits of one row / it", commits / rate, "", "");
    }

    /** What a provider says of legs, over HTTP: each message of a leg once, signed, as four of them come for each leg. */
    private static final class Messages {
        private static final String TOKEN = "12345";
        private static final List<String> STATUSES = List.of("initiated", "ringing", "in-progress", "completed");

        private final HttpClient client =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        private final String url;
        private final String account = "AC" + "0a".repeat(16);
        private final List<UUID> calls;
        private final AtomicInteger sent = new AtomicInteger();

        Messages(ServerProcess server, Jdbi jdbi, UUID organization, List<UUID> calls) throws IOException {
            this.url = "http://127.0.0.1:" + server.port();
            this.calls = calls;
            Path token = Files.writeString(Files.createTempFile("token", ""), TOKEN);
            jdbi.useHandle(handle -> handle.execute(
                    "insert into provider_accounts (organization_id, provider, account_sid, secret_ref, public_base_url, api_base_url)"
                            + " values (?, 'twilio', ?, ?, ?, ?)",
                    organization,
                    account,
                    "file:" + token,
                    url,
                    url));
        }

        void tell(int ignored) {
            int number = sent.getAndIncrement();
            int leg = number / STATUSES.size();
            Map<String, String> fields = Map.of(
                    "AccountSid",
                    account,
                    "CallSid",
                    "CA%032x".formatted(leg),
                    "CallStatus",
                    STATUSES.get(number % STATUSES.size()),
                    "SequenceNumber",
                    Integer.toString(number % STATUSES.size()),
                    "Direction",
                    "outbound-api",
                    "From",
                    "+18005550100",
                    "To",
                    "+14155550001");
            String path = "/telephony/twilio/status?role=external&call=" + calls.get(leg % calls.size());
            String body = fields.entrySet().stream()
                    .map(field -> field.getKey() + "=" + URLEncoder.encode(field.getValue(), StandardCharsets.UTF_8))
                    .collect(Collectors.joining("&"));
            HttpRequest request = HttpRequest.newBuilder(URI.create(url + path))
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .header("X-Twilio-Signature", Signature.of(TOKEN, url + path, fields))
                    .POST(HttpRequest.BodyPublishers.ofString(body))
                    .build();
            try {
                int status = client.send(request, HttpResponse.BodyHandlers.discarding())
                        .statusCode();
                if (status != 200) {
                    throw new IllegalStateException("a message was answered with " + status);
                }
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException(stopped);
            }
        }
    }

    private static HikariDataSource pool(ServerProcess server) {
        var config = new HikariConfig();
        config.setJdbcUrl(server.database().url());
        config.setUsername(server.database().user());
        config.setPassword(server.database().password());
        config.setMaximumPoolSize(CONNECTIONS);
        config.setConnectionInitSql(CallCentre.CONNECTION_SETTINGS);
        return new HikariDataSource(config);
    }

    private UUID prepare(Jdbi jdbi) {
        UUID organization = UUID.randomUUID();
        jdbi.useHandle(handle -> {
            handle.execute("insert into organizations (id, name, slug) values (?, 'Bench', 'bench')", organization);
            handle.execute(
                    "insert into phone_numbers (organization_id, e164) values (?, '+18005550100')", organization);
            handle.execute("create table bench_rows (id int primary key, n int not null default 0)");
            handle.execute("insert into bench_rows select i from generate_series(0, ?) i", live);
        });
        return organization;
    }

    private static List<UUID> agents(Jdbi jdbi, UUID organization, int count, String prefix) {
        return jdbi.inTransaction(handle -> {
            List<UUID> users = handle.createQuery(
                            "insert into voip_users (organization_id, user_id, extension, client_identity, work_state, chosen_state, reachable)"
                                    + " select ?, gen_random_uuid(), ? || i, ? || i, 'available', 'available', true from generate_series(1, ?) i returning user_id")
                    .bind(0, organization)
                    .bind(1, prefix)
                    .bind(2, prefix)
                    .bind(3, count)
                    .mapTo(UUID.class)
                    .list();
            handle.createUpdate("insert into user_roles (organization_id, user_id, role) select ?, unnest(?), 'agent'")
                    .bind(0, organization)
                    .bindArray(1, UUID.class, users.toArray())
                    .execute();
            return users;
        });
    }

    /** Calls that ring at so many agents each. */
    private static List<UUID> ringing(CallCentre centre, List<UUID> agents, int at) throws Exception {
        UUID[] calls = new UUID[agents.size() / at];
        each(calls.length, index -> {
            Answer incoming = centre.incoming("bench", UUID.randomUUID().toString(), "+14155550001", "+18005550100");
            UUID call = UUID.fromString(
                    JsonMapper.shared().readTree(done(incoming)).path("id").asString());
            done(centre.execute(
                    new Actor.Server(), call, new CallCommand.Offer(agents.subList(index * at, (index + 1) * at))));
            calls[index] = call;
        });
        return List.of(calls);
    }

    private static void command(CallCentre centre, List<UUID> owners, List<UUID> calls, int index) {
        Actor owner = as(owners.get(index));
        CallCommand command = switch (ThreadLocalRandom.current().nextInt(4)) {
            case 0 -> new CallCommand.Hold();
            case 1 -> new CallCommand.Unhold();
            case 2 -> new CallCommand.Mute(true);
            default -> new CallCommand.Mute(false);
        };
        done(centre.execute(owner, calls.get(index), command));
    }

    private Round claim(CallCentre centre, List<UUID> claimers) throws Exception {
        List<UUID> calls = ringing(centre, claimers, RINGS_AT);
        long[] nanos = new long[calls.size()];
        long start = System.nanoTime();
        each(calls.size(), index -> {
            UUID agent = claimers.get(index * RINGS_AT);
            long begun = System.nanoTime();
            done(centre.execute(as(agent), calls.get(index), new CallCommand.Claim(agent)));
            nanos[index] = System.nanoTime() - begun;
        });
        double rate = calls.size() * 1e9 / (System.nanoTime() - start);
        each(
                calls.size(),
                index -> done(centre.execute(new Actor.Server(), calls.get(index), new CallCommand.HangUp())));
        return new Round(rate, p99(nanos));
    }

    private Round timed(Work work) throws Exception {
        var next = new AtomicInteger();
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        List<long[]> all = together(() -> {
            long[] nanos = new long[1_000_000];
            int count = 0;
            while (System.nanoTime() < end && count < nanos.length) {
                long begun = System.nanoTime();
                work.run(next.getAndIncrement());
                nanos[count++] = System.nanoTime() - begun;
            }
            return Arrays.copyOf(nanos, count);
        });
        long[] nanos = all.stream().flatMapToLong(Arrays::stream).toArray();
        return new Round(nanos.length / (double) seconds, p99(nanos));
    }

    private static void each(int count, Work work) throws Exception {
        var next = new AtomicInteger();
        together(() -> {
            for (int index = next.getAndIncrement(); index < count; index = next.getAndIncrement()) {
                work.run(index);
            }
            return count;
        });
    }

    private static <T> List<T> together(Callable<T> work) throws InterruptedException, ExecutionException {
        try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
            var running = new ArrayList<Future<T>>();
            for (int i = 0; i < THREADS; i++) {
                running.add(threads.submit(work));
            }
            var results = new ArrayList<T>();
            for (Future<T> one : running) {
                results.add(one.get());
            }
            return results;
        }
    }

    private static String done(Answer answer) {
        return switch (answer) {
            case Answer.Done(String json) -> json;
            case Answer.Repeated(String json) -> json;
            case Answer.Refused refused -> throw new IllegalStateException(refused.toString());
        };
    }

    private static Actor as(UUID user) {
        return new Actor.User(user, Set.of());
    }

    private static double p99(long[] nanos) {
        long[] sorted = nanos.clone();
        Arrays.sort(sorted);
        return sorted[(int) (sorted.length * 0.99)] / 1e6;
    }

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        return sorted.get(sorted.size() / 2);
    }
}
