package dev.switchboard.engine.postgres;

import dev.switchboard.engine.Engine;
import dev.switchboard.engine.EngineConfig;
import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.channel.Connection;
import dev.switchboard.engine.channel.RoomHistory;
import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.channel.Rooms;
import dev.switchboard.engine.channel.TokenVerifier;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.history.FenceSeal;
import dev.switchboard.engine.history.HistorySettings;
import dev.switchboard.engine.memory.MemoryBudget;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.pipeline.Pipeline;
import dev.switchboard.engine.pipeline.Time;
import dev.switchboard.engine.pipeline.Trouble;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.Frame;
import dev.switchboard.engine.protocol.Json;
import dev.switchboard.engine.protocol.JsonBytes;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * The engine alone: the changes that a user may see, for code in this process, without sockets and HTTP. Subscribers are called one
 * after the other on one thread of the feed's own; one that is slow holds all of them up, and in the end the stream. Thread-safe.
 */
public final class LocalFeed implements AutoCloseable {
    private static final Instant NEVER = Instant.parse("9999-12-31T23:59:59Z");
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Duration REJOIN = Duration.ofMillis(100);
    private static final ChannelLimits LIMITS = new ChannelLimits(1, 100, Rooms.OPEN);
    private static final ClientMessage.Options PLAIN = new ClientMessage.Options(
            false,
            false,
            false,
            ClientMessage.Presence.NOT_TOLD,
            Optional.empty(),
            true,
            new ClientMessage.Replay.None(),
            false,
            ClientMessage.Positions.NONE,
            Optional.empty());

    private final ExecutorService loop = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().name("switchboard-feed").daemon().factory());
    private final ExecutorService blocking = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<Long, Subscription> subscriptions = new HashMap<>(); // owned by the loop
    private final Set<Subscription> awaited = ConcurrentHashMap.newKeySet();
    private final AtomicLong numbers = new AtomicLong();
    private final Time time = new SystemTime();
    private final PostgresRowAccess rows;
    private final Trouble trouble;
    private final Engine engine;

    /** Hears of changes. */
    @FunctionalInterface
    public interface Subscriber {
        /** @param change as a JSON object: {@code schema, table, type, record, old_record, commit_timestamp ...} (SPEC C) */
        void changed(String change);

        /**
         * Changes may be missing since the last one: said when that is noticed, and again when the subscription is live anew. What
         * is read after the second time, and what comes, is whole.
         */
        default void missed(String why) {}
    }

    private LocalFeed(Database database, String slot, String publication, Trouble trouble) {
        var connections = new PGSimpleDataSource();
        connections.setURL(database.url());
        connections.setUser(database.user());
        connections.setPassword(database.password());
        this.trouble = trouble;
        rows = new PostgresRowAccess(database, trouble);
        var types = new PostgresTypeCatalog(connections);
        var ports = new Pipeline.Ports(
                PostgresWalSource.withDependencies(database, slot, publication),
                rows,
                types,
                new PostgresSubscriptionCatalog(connections, types, publication),
                RoomPolicies.NONE,
                RoomHistory.NONE,
                new LoopSink(),
                blocking,
                time,
                trouble);
        long heap = Runtime.getRuntime().maxMemory();
        engine = new Engine(
                new EngineConfig(
                        LIMITS,
                        PATIENCE,
                        1,
                        new MemoryBudget(heap / 4),
                        HistorySettings.NONE,
                        FenceSeal.of("nobody is given a place")),
                ports,
                (_, _) -> new TokenVerifier.Result.Invalid(
                        ErrorCode.TOKEN_MALFORMED, ErrorCode.TOKEN_MALFORMED.message()));
        engine.start();
    }

    /**
     * Starts it.
     *
     * @param database    of a user with REPLICATION who may take on the subscribers' roles
     * @param slot        name of its replication slot, made at the first start
     * @param publication whose tables can be subscribed to
     * @param trouble     is told what goes wrong and how it goes on
     */
    public static LocalFeed start(Database database, String slot, String publication, Trouble trouble) {
        return new LocalFeed(database, slot, publication, trouble);
    }

    /**
     * Subscribes to what a user may see of a table.
     *
     * @param user   role and claims, under which the table's policies decide
     * @param filter {@code state=eq.paid}; empty for every row
     * @return done when every change from then on is heard of; failed with the reason where that cannot be
     */
    public CompletableFuture<Void> subscribe(
            ClaimsGroup user, TableName table, Optional<String> filter, Subscriber subscriber) {
        var subscription = new Subscription(table, filter, subscriber);
        awaited.add(subscription);
        subscription.live.whenComplete((_, _) -> awaited.remove(subscription));
        if (!execute(() -> subscription.begin(user))) {
            subscription.live.completeExceptionally(closed());
        }
        return subscription.live;
    }

    private static IllegalStateException closed() {
        return new IllegalStateException("the feed is closed");
    }

    /** @return whether it will run: nobody listens to a feed that is closed */
    private boolean execute(Runnable task) {
        try {
            loop.execute(task);
            return true;
        } catch (RejectedExecutionException closed) {
            return false;
        }
    }

    /** One channel with one binding. Owned by the loop. */
    private final class Subscription {
        private final long number = numbers.incrementAndGet();
        private final TableName table;
        private final Optional<String> filter;
        private final Subscriber subscriber;
        private final CompletableFuture<Void> live = new CompletableFuture<>();
        private Optional<Connection> connection = Optional.empty();
        private boolean lost;

        Subscription(TableName table, Optional<String> filter, Subscriber subscriber) {
            this.table = table;
            this.filter = filter;
            this.subscriber = subscriber;
        }

        void begin(ClaimsGroup user) {
            var claims = new Claims(user, Optional.empty(), NEVER);
            connection = Optional.of(engine.connect(new ConnectionId(0, number), WireVersion.V1, claims, this::take));
            subscriptions.put(number, this);
            join();
        }

        private void join() {
            var binding =
                    new Binding("*", Optional.of(table.schema()), Optional.of(table.table()), filter, Optional.empty());
            connection.ifPresent(open -> open.receive(new ClientMessage.Join(
                    "realtime:feed",
                    Optional.of("1"),
                    Optional.of("1"),
                    Optional.empty(),
                    PLAIN,
                    List.of(binding),
                    false)));
        }

        /** What the channel says, as a client would hear it. */
        private void take(Frame frame) {
            Json.Fields message = fields(Json.parse(frame.payload()));
            Json.Fields payload = message.fields("payload").orElseGet(() -> new Json.Fields(Map.of()));
            switch (message.text("event").orElse("")) {
                case "phx_reply" -> joined(payload);
                case "system" -> {
                    if (payload.text("status").filter("error"::equals).isPresent()) {
                        lose(payload.text("message").orElse("an error"));
                    }
                }
                case "phx_error" -> rejoin();
                case "postgres_changes" -> payload.fields("data").ifPresent(this::tell);
                default -> {}
            }
        }

        /** At first it says why it cannot be; later it is tried again, which its subscriber must know. */
        private void joined(Json.Fields reply) {
            if (reply.text("status").filter("ok"::equals).isPresent()) {
                live.complete(null);
                if (lost) { // told when nothing is missed any more: what is read now, and what comes, is whole
                    lost = false;
                    tellMissed("the subscription is live again; read anew what it may have missed");
                }
                return;
            }
            String why = reply.fields("response")
                    .flatMap(response -> response.text("reason"))
                    .orElse("refused");
            if (live.completeExceptionally(new IllegalArgumentException(why)) || live.isCompletedExceptionally()) {
                subscriptions.remove(number);
                connection.ifPresent(connection -> connection.closed(Optional.empty()));
            } else {
                lose(why);
                rejoin();
            }
        }

        private void tell(Json.Fields data) {
            try {
                subscriber.changed(new String(Json.write(data, new JsonBytes()).toBytes(), StandardCharsets.UTF_8));
            } catch (RuntimeException | Error failed) { // whatever its code does, the others hear of their changes
                trouble.report(
                        "a subscriber of " + table + " failed at a change, which it has heard of; it goes on", failed);
            }
        }

        /** Once, until it is live again. */
        private void lose(String why) {
            if (!lost && live.isDone()) {
                lost = true;
                tellMissed(why);
            }
        }

        private void tellMissed(String why) {
            try {
                subscriber.missed(why);
            } catch (RuntimeException | Error failed) {
                trouble.report("a subscriber of " + table + " failed when it was told: " + why, failed);
            }
        }

        private void rejoin() {
            CompletableFuture.delayedExecutor(REJOIN.toMillis(), TimeUnit.MILLISECONDS, LocalFeed.this::execute)
                    .execute(this::join);
        }

        private static Json.Fields fields(Optional<Json> json) {
            return json.orElse(null) instanceof Json.Fields fields ? fields : new Json.Fields(Map.of());
        }
    }

    /** The engine's frames, handed over on the loop. */
    private final class LoopSink implements Sink {
        @Override
        public void deliver(int index, Supplier<List<Recipients>> recipients) {
            try {
                loop.submit(() -> recipients.get().forEach(this::pass)).get();
            } catch (RejectedExecutionException | CancellationException closed) {
                // nobody listens any more
            } catch (ExecutionException failed) {
                trouble.report("a batch could not be handed over", failed);
            } catch (InterruptedException closing) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void cast(int index, int bytes, Supplier<List<Recipients>> recipients) {
            LocalFeed.this.execute(() -> recipients.get().forEach(this::pass));
        }

        @Override
        public void execute(int index, Runnable task) {
            LocalFeed.this.execute(task);
        }

        private void pass(Recipients recipients) {
            Instant now = time.instant();
            for (var channel : recipients.channels()) {
                Subscription subscription =
                        subscriptions.get(channel.connection().number());
                if (subscription == null) {
                    continue;
                }
                Connection connection = subscription.connection.orElseThrow();
                switch (recipients) {
                    case Recipients.Send send when connection.admits(channel, now) -> subscription.take(send.frame());
                    case Recipients.Refetch refetch -> connection.refetch(channel, refetch.code());
                    case Recipients.Send _, Recipients.Cast _ -> {}
                }
            }
        }
    }

    @Override
    public void close() {
        engine.close();
        for (Runnable left : loop.shutdownNow()) {
            if (left instanceof Future<?> batch) {
                batch.cancel(true);
            }
        }
        awaited.forEach(subscription -> subscription.live.completeExceptionally(closed()));
        blocking.shutdownNow();
        rows.close();
    }
}
