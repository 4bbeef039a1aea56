package dev.switchboard.simulation;

import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.telephony.fake.FakeTwilio;
import dev.switchboard.telephony.fake.Noise;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jdbi.v3.core.Jdbi;

/**
 * A run end to end, beside a running server: customers call at a provider in this process, which asks and tells the server by
 * signed messages and is told by it over HTTP. The server's call centre has to go by the same time. Closed once.
 */
public final class LiveSimulation implements AutoCloseable {
    /** After that, what was so the last time has to do. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private static final Duration LOOK = Duration.ofMillis(200);
    /** So long at most the last customers are waited for, once nobody calls any more; of its time. */
    private static final Duration LAST_CALLS = Duration.ofHours(1);

    private final FasterTime time;
    private final FakeTwilio provider;
    private final People people;
    private final Instant begin;
    private People.Counts lastCounts = new People.Counts(0, 0, 0, 0, 0, 0);

    /** Where the server is, and what it is reached by. */
    public record Server(String url, Path directory, Jdbi database, CallCentre calls) {}

    /** @param noise what goes wrong with the provider's messages */
    public LiveSimulation(Server server, Centre centre, Behaviour behaviour, Noise noise, FasterTime time, long seed) {
        this.time = time;
        this.begin = time.now();
        String account = "AC" + centre.organization().toString().replace("-", "");
        String token = UUID.nameUUIDFromBytes(account.getBytes(StandardCharsets.US_ASCII))
                .toString();
        this.provider = FakeTwilio.start(account, token, noise, time.speed(), time);
        try {
            connect(server, centre, account, token);
            var phones = new ProviderPhones(provider, server.calls(), server.database());
            this.people = new People(behaviour, centre, People.CALLERS, time, phones, _ -> {}, seed);
            phones.register(centre, people, time);
        } catch (RuntimeException failed) {
            close();
            throw failed;
        }
    }

    private void connect(Server server, Centre centre, String account, String token) {
        Path secret = server.directory().toAbsolutePath().resolve("simulated-provider");
        try {
            Files.writeString(secret, token + "\n");
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        server.database().useTransaction(handle -> {
            UUID id = UUID.randomUUID();
            handle.execute(
                    "insert into public.provider_accounts (id, organization_id, provider, account_sid, secret_ref, public_base_url, api_base_url)"
                            + " values (?, ?, 'twilio', ?, ?, ?, ?)",
                    id,
                    centre.organization(),
                    account,
                    "file:" + secret,
                    server.url(),
                    provider.url());
            handle.execute(
                    "update public.phone_numbers set provider_account_id = ? where organization_id = ?",
                    id,
                    centre.organization());
        });
        for (String number : centre.numbers()) {
            provider.number(
                    number, server.url() + "/telephony/twilio/voice", server.url() + "/telephony/twilio/status");
        }
    }

    /**
     * Customers call for so long, and the last of them are waited for.
     *
     * @param told five times a second
     * @throws InterruptedException where it is to end before
     */
    public void run(Duration duration, Consumer<Simulation.Progress> told) throws InterruptedException {
        time.at(time.now(), () -> people.call(duration));
        Instant lastCall = begin.plus(duration);
        Instant end = lastCall.plus(LAST_CALLS);
        while (true) {
            Thread.sleep(LOOK);
            Simulation.Progress now = progress();
            told.accept(now);
            boolean isOver = !time.now().isBefore(lastCall) && now.waiting() == 0 && now.talking() == 0;
            if (isOver || time.now().isAfter(end)) {
                return;
            }
        }
    }

    /** Owned by the thread that runs it. */
    public Simulation.Progress progress() {
        var counts = new CompletableFuture<People.Counts>();
        time.at(time.now(), () -> {
            people.cutTheGone();
            counts.complete(people.counts());
        });
        counts.completeOnTimeout(lastCounts, PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        lastCounts = counts.join();
        return Simulation.Progress.of(Duration.between(begin, time.now()), lastCounts);
    }

    public FakeTwilio provider() {
        return provider;
    }

    @Override
    public void close() {
        time.close();
        provider.close();
    }
}
