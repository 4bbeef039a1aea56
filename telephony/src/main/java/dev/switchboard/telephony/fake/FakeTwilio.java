package dev.switchboard.telephony.fake;

import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.function.BiConsumer;

/**
 * A provider in this process, whose customers call, whose devices ring, and which knows what really happened. Its API is
 * at {@link #url}; it asks and tells where its numbers say, over HTTP. Thread-safe: one thread of its own does everything.
 */
public final class FakeTwilio implements AutoCloseable {
    private final String account;
    private final String token;
    private final ScheduledExecutorService loop;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Webhooks webhooks;
    private final Exchange exchange;
    private final Map<String, PhoneNumber> numbers = new HashMap<>(); // confined to the loop
    private final FakeApi api;

    /**
     * A number of the account.
     *
     * @param voiceUrl  asked when somebody calls it
     * @param statusUrl told when such a call is over
     */
    public record PhoneNumber(String sid, String e164, String voiceUrl, String statusUrl) {}

    /**
     * What really happened to the leg of a customer.
     *
     * @param answeredBy the device that the customer talked to first
     */
    public record CallTruth(String sid, String status, Optional<String> answeredBy, boolean over) {}

    /** What happens when it rings at a device; on the provider's thread, which it may not hold up. */
    public interface Device extends BiConsumer<String, Map<String, String>> {}

    /**
     * Starts on a free port.
     *
     * @param account AC and 32 hexadecimal digits
     * @param speed   how much faster than real its seconds are, of what it waits for
     */
    public static FakeTwilio start(String account, String token, Noise noise, double speed) {
        return start(account, token, noise, speed, InstantSource.system());
    }

    /** @param clock by which it says when something happened */
    public static FakeTwilio start(String account, String token, Noise noise, double speed, InstantSource clock) {
        try {
            return new FakeTwilio(account, token, noise, speed, clock);
        } catch (IOException failed) {
            throw new IllegalStateException("no port for the provider: " + failed.getMessage(), failed);
        }
    }

    private FakeTwilio(String account, String token, Noise noise, double speed, InstantSource clock)
            throws IOException {
        this.account = account;
        this.token = token;
        loop = new ScheduledThreadPoolExecutor(
                1, work -> Thread.ofPlatform().daemon().name("fake-provider").unstarted(work));
        webhooks = new Webhooks(threads, token, noise);
        exchange = new Exchange(account, loop, webhooks, clock, speed, noise.seed());
        api = new FakeApi(this, threads);
    }

    /** Where its API is, in place of {@code https://api.twilio.com}. */
    public String url() {
        return api.url();
    }

    public String account() {
        return account;
    }

    String token() {
        return token;
    }

    Exchange exchange() {
        return exchange;
    }

    Webhooks webhooks() {
        return webhooks;
    }

    Map<String, PhoneNumber> numbers() {
        return numbers;
    }

    /** On the loop, and waits for it. */
    <T> T inLoop(Callable<T> work) {
        var result = new CompletableFuture<T>();
        loop.execute(() -> {
            try {
                result.complete(work.call());
            } catch (Exception failed) {
                result.completeExceptionally(failed);
            }
        });
        return result.join();
    }

    /** A number of the account, with where it asks. */
    public void number(String e164, String voiceUrl, String statusUrl) {
        inLoop(() -> numbers.put(e164, new PhoneNumber(exchange.sid("PN"), e164, voiceUrl, statusUrl)));
    }

    /** Somebody calls; returns the sid of their leg. */
    public String call(String from, String to) {
        return inLoop(() -> {
            PhoneNumber number = Optional.ofNullable(numbers.get(to))
                    .orElseThrow(() -> new IllegalArgumentException("no such number: " + to));
            return exchange.callIn(from, to, number.voiceUrl(), number.statusUrl()).sid;
        });
    }

    /** Somebody calls while the number's address does not answer: the provider lets them wait. The sid of their leg. */
    public String callThatWaits(String from, String to) {
        return inLoop(() -> exchange.callInWaiting(
                        from,
                        to,
                        Optional.ofNullable(numbers.get(to))
                                .map(PhoneNumber::statusUrl)
                                .orElseThrow())
                .sid);
    }

    /** A device registers under a name, or whoever has the number. It is told of each leg that rings there. */
    public void register(String identity, Device device) {
        inLoop(() -> {
            exchange.register(identity, device);
            return identity;
        });
    }

    /** The device is gone: it does not ring there any more. */
    public void unregister(String identity) {
        inLoop(() -> {
            exchange.unregister(identity);
            return identity;
        });
    }

    /** Takes a leg that rings. */
    public void answer(String leg) {
        loop.execute(() -> find(leg).ifPresent(exchange::answer));
    }

    /** Lets it pass. */
    public void decline(String leg) {
        loop.execute(() -> find(leg).filter(one -> !one.isConnected()).ifPresent(one -> exchange.end(one, "busy")));
    }

    /** Whoever is at that end hangs up. */
    public void hangUp(String leg) {
        loop.execute(() -> find(leg).ifPresent(exchange::hangUp));
    }

    /**
     * Who waits presses something.
     *
     * @return whether anybody listens to that
     */
    public boolean press(String leg, String digits) {
        return inLoop(() -> find(leg).filter(one -> exchange.press(one, digits)).isPresent());
    }

    /** Somebody says something in a call that is transcribed. */
    public void say(String leg, String track, String text, boolean last) {
        loop.execute(() -> find(leg).ifPresent(one -> api.transcribed(one, track, text, last)));
    }

    private Optional<Leg> find(String sid) {
        return Optional.ofNullable(exchange.legs().get(sid));
    }

    /** How a leg is, in the provider's words; empty where it knows none. */
    public Optional<String> status(String leg) {
        return inLoop(() -> find(leg).map(one -> one.status));
    }

    /** The same for a device, which is on the provider's thread already: whether a leg of its lives. */
    public boolean isAliveNow(String leg) {
        return find(leg).filter(one -> !one.isOver()).isPresent();
    }

    /** The sids of legs that hear each other with this one, itself not among them. */
    public List<String> hears(String leg) {
        return inLoop(() -> {
            var others = new ArrayList<String>();
            Leg one = find(leg).orElseThrow();
            if (one.doing instanceof Leg.InRoom room) {
                exchange.rooms().in(room.name()).stream()
                        .filter(other -> !other.sid.equals(leg))
                        .forEach(other -> others.add(other.sid));
            } else if (one.doing instanceof Leg.Dialling dialling) {
                dialling.answered().ifPresent(other -> others.add(other.sid));
            } else {
                one.parent
                        .filter(parent -> parent.doing instanceof Leg.Dialling dialling
                                && dialling.answered()
                                        .filter(child -> child.sid.equals(leg))
                                        .isPresent())
                        .ifPresent(parent -> others.add(parent.sid));
            }
            return others;
        });
    }

    /** Whether a leg is in a room and not heard there. */
    public boolean isMuted(String leg) {
        return inLoop(() -> find(leg)
                .filter(one -> one.doing instanceof Leg.InRoom room && room.muted())
                .isPresent());
    }

    /** The legs that live. */
    public List<String> living() {
        return inLoop(() -> exchange.legs().values().stream()
                .filter(leg -> !leg.isOver())
                .map(leg -> leg.sid)
                .toList());
    }

    /** What really happened, of each customer's leg. */
    public List<CallTruth> truths() {
        return inLoop(exchange::truths);
    }

    /** How many messages it sent. */
    public long sent() {
        return webhooks.sent();
    }

    /** It dies: calls are cut, nobody is told, its API is not there until {@link #restart}. */
    public void crash() {
        api.down(true);
        webhooks.down(true);
        inLoop(() -> {
            exchange.crash();
            return account;
        });
    }

    public void restart() {
        webhooks.down(false);
        api.down(false);
    }

    static Instant now() {
        return Instant.now();
    }

    @Override
    public void close() {
        api.close();
        loop.shutdownNow();
        webhooks.close();
        threads.shutdownNow();
    }
}
