package dev.switchboard.gateway;

import dev.switchboard.engine.Engine;
import dev.switchboard.engine.channel.SocketStatus;
import dev.switchboard.engine.channel.TokenVerifier;
import dev.switchboard.engine.deliver.Outbox;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.memory.MemoryBudget;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.http.EventLoopRoute;
import dev.switchboard.http.Metrics;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.handler.codec.http.websocketx.Utf8FrameValidator;
import io.netty.handler.codec.http.websocketx.WebSocketDecoderConfig;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.EventExecutor;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.internal.net.NetSocketInternal;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.impl.ConnectionBase;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Accepts WebSockets on Vert.x's port and takes their Netty pipeline over, so that per connection only our own handler
 * remains. The engine's sink: one shard per event loop. Thread-safe.
 */
public final class Gateway implements Sink, EventLoopRoute {
    private static final Set<String> PATHS = Set.of("/realtime/v1/websocket", "/socket/websocket");
    private static final String EARLY_BYTES = "early-bytes";

    private final GatewaySettings settings;
    private final TokenVerifier tokens;
    private final InstantSource clock;
    private final MemoryBudget memory;
    private final List<LoopShard> shards;
    private final Map<EventExecutor, LoopShard> byLoop = new HashMap<>();
    private final GatewayCounters counters = new GatewayCounters();
    private final AtomicLong numbers = new AtomicLong();
    private volatile boolean stopping;
    private volatile @Nullable Engine engine;

    /** @param memory of messages that arrive, all together */
    public Gateway(
            Vertx vertx,
            GatewaySettings settings,
            TokenVerifier tokens,
            InstantSource clock,
            MemoryBudget memory,
            Metrics metrics) {
        this.settings = settings;
        this.tokens = tokens;
        this.clock = clock;
        this.memory = memory;
        var measured = new GatewayMetrics(metrics);
        var made = new ArrayList<LoopShard>();
        var castsWaiting = new AtomicLong();
        for (EventExecutor executor : ((VertxInternal) vertx).nettyEventLoopGroup()) {
            var shard = new LoopShard(made.size(), (EventLoop) executor, clock, measured::commitToSocket, castsWaiting);
            made.add(shard);
            byLoop.put(executor, shard);
        }
        shards = List.copyOf(made);
        measured.count(this);
    }

    /** Said once, before the port is opened. */
    public void attach(Engine started) {
        engine = started;
        shards.forEach(shard -> shard.startTicking(settings.idleTimeout()));
    }

    public GatewayCounters counters() {
        return counters;
    }

    @Override
    public void deliver(int loop, Supplier<List<Recipients>> recipients) {
        shards.get(loop).deliver(recipients);
    }

    @Override
    public void execute(int loop, Runnable task) {
        shards.get(loop).execute(task);
    }

    @Override
    public boolean isBehind(ChannelRef channel) {
        return shards.get(channel.connection().loop()).isBehind(channel);
    }

    @Override
    public void cast(int loop, int bytes, Supplier<List<Recipients>> recipients) {
        shards.get(loop).cast(bytes, recipients);
    }

    /** Whether so much waits to be broadcast that senders have to wait. */
    public boolean isCongested() {
        return shards.getFirst().isCongested();
    }

    /** Why connections are not served, if they are not: an event loop hangs, or the server stops. */
    public Optional<String> trouble(Instant now) {
        return stopping
                ? Optional.of("the server stops")
                : shards.stream()
                        .map(shard -> shard.trouble(now))
                        .flatMap(Optional::stream)
                        .findFirst();
    }

    /** Which event loop has ended, if one has. */
    public Optional<String> ended() {
        return shards.stream()
                .filter(LoopShard::hasEnded)
                .findFirst()
                .map(shard -> "event loop " + shard.index() + " ended");
    }

    public int loopCount() {
        return shards.size();
    }

    /** WebSockets, on an event loop. */
    @Override
    public boolean take(HttpServerRequest request) {
        boolean ours = PATHS.contains(String.valueOf(request.path()));
        if (ours) {
            upgrade(request);
        }
        return ours;
    }

    private void upgrade(HttpServerRequest request) {
        if (stopping) {
            refuse(request, ErrorCode.STOPPING, ErrorCode.STOPPING.message());
            return;
        }
        switch (Handshake.decide(read(request), tokens, clock.instant())) {
            case Handshake.Decision.Refuse(var code, var message) -> refuse(request, code, message);
            case Handshake.Decision.Accept accept -> {
                if (counters.connections().incrementAndGet() > settings.maxConnections()) {
                    counters.connections().decrementAndGet();
                    refuse(request, ErrorCode.CONNECTION_LIMIT, ErrorCode.CONNECTION_LIMIT.message());
                } else {
                    accept(request, accept);
                }
            }
        }
    }

    private Handshake.Request read(HttpServerRequest request) {
        return new Handshake.Request(
                Optional.ofNullable(request.getHeader("Upgrade")),
                Optional.ofNullable(request.getHeader("Sec-WebSocket-Key")),
                Optional.ofNullable(request.getHeader("Sec-WebSocket-Version")),
                Optional.ofNullable(request.getParam("vsn")),
                Optional.ofNullable(request.getHeader("x-api-key")),
                Optional.ofNullable(request.getParam("apikey")),
                settings.compression() ? request.headers().getAll("Sec-WebSocket-Extensions") : List.of(),
                OwnHeaders.of(request.headers()));
    }

    private static void refuse(HttpServerRequest request, ErrorCode code, String message) {
        request.response()
                .setStatusCode(code.httpStatus())
                .putHeader("Content-Type", "application/json")
                .end(new JsonObject()
                        .put("error", message)
                        .put("code", code.code())
                        .encode());
    }

    private void accept(HttpServerRequest request, Handshake.Decision.Accept accept) {
        request.response()
                .putHeader("Upgrade", "websocket")
                .putHeader("Connection", "Upgrade")
                .putHeader("Sec-WebSocket-Accept", accept.acceptKey());
        accept.extensions().ifPresent(value -> request.response().putHeader("Sec-WebSocket-Extensions", value));
        if (request.connection() instanceof ConnectionBase connection) {
            connection.channel().pipeline().addAfter("httpDecoder", EARLY_BYTES, new EarlyBytes());
        }
        request.toNetSocket()
                .onSuccess(socket -> takeOver(((NetSocketInternal) socket).channelHandlerContext(), accept))
                .onFailure(_ -> counters.connections().decrementAndGet());
    }

    /** Everything of Vert.x leaves the pipeline, TLS stays; bytes that came with the handshake flow to our decoder. */
    private void takeOver(ChannelHandlerContext context, Handshake.Decision.Accept accept) {
        Channel channel = context.channel();
        LoopShard shard = byLoop.get(channel.eventLoop());
        Engine running = engine;
        if (shard == null || running == null) {
            counters.connections().decrementAndGet();
            channel.close();
            return;
        }
        channel.config().setOption(ChannelOption.SO_SNDBUF, settings.sendBufferBytes());
        int limit = 2 * settings.outbox().bytes();
        channel.config().setWriteBufferWaterMark(new WriteBufferWaterMark(limit / 2, limit));
        var id = new ConnectionId(shard.index(), numbers.incrementAndGet());
        var socket = new GatewayConnection(
                channel,
                shard,
                new Outbox(settings.outbox(), System.nanoTime()),
                new GatewayConnection.Common(settings.maxFrameBytes(), counters, memory),
                accept.extensions().isPresent(),
                clock.instant());
        socket.speaksFor(running.connect(id, accept.version(), accept.claims(), accept.headers(), socket));
        shard.add(socket);
        channel.closeFuture().addListener(_ -> counters.connections().decrementAndGet());
        replaceHandlers(channel.pipeline(), shard, socket);
    }

    private void replaceHandlers(ChannelPipeline pipeline, LoopShard shard, GatewayConnection socket) {
        var config = WebSocketDecoderConfig.newBuilder()
                .maxFramePayloadLength(settings.maxFrameBytes())
                .allowExtensions(socket.deflates())
                .expectMaskedFrames(true)
                .closeOnProtocolViolation(false)
                .withUTF8Validator(false)
                .build();
        var former = pipeline.toMap();
        pipeline.addLast("websocket", new MeteredFrameDecoder(config, socket::holdsInDecoder));
        if (socket.deflates()) {
            pipeline.addLast(
                    "inflater",
                    new MessageInflater(
                            shard.deflation(), settings.maxFrameBytes(), socket::holdsInInflater, socket::isClosing));
        }
        pipeline.addLast("utf8", new Utf8FrameValidator(false));
        pipeline.addLast("gateway", socket);
        former.forEach((name, handler) -> {
            if (!(handler instanceof SslHandler) && !name.equals(EARLY_BYTES) && pipeline.get(name) != null) {
                pipeline.remove(name);
            }
        });
        if (pipeline.get(EARLY_BYTES) != null) {
            pipeline.remove(EARLY_BYTES);
        }
    }

    /** Channels joined on all connections; asks every loop and waits a second for the answers. */
    public int channelCount() {
        var total = new AtomicLong();
        onEveryShard(shard -> total.addAndGet(shard.channelCount()));
        return (int) total.get();
    }

    /** How it stands with the channels of whoever is meant; asks every loop and waits a second for the answers. */
    public List<SocketStatus> status(Predicate<Claims> whose) {
        var found = new ConcurrentLinkedQueue<SocketStatus>();
        onEveryShard(shard -> found.addAll(shard.status(whose)));
        return List.copyOf(found);
    }

    /**
     * Tells every client that the server goes, one after the other over the time that the settings give; whoever comes meanwhile is
     * sent away. Then the loops have a second to say it to who is left.
     *
     * @param inOrder whether the server still serves who is left; else all are told at once
     */
    public void sayGoodbye(boolean inOrder) {
        stopping = true;
        if (inOrder && settings.drain().isPositive()) {
            onEveryShard(settings.drain(), (shard, done) -> shard.drain(settings.drain(), done));
        }
        onEveryShard(LoopShard::sayGoodbye);
    }

    private void onEveryShard(Consumer<LoopShard> task) {
        onEveryShard(Duration.ZERO, (shard, done) -> {
            task.accept(shard);
            done.run();
        });
    }

    /** Waits until all are done, for a second more than they may take. */
    private void onEveryShard(Duration time, BiConsumer<LoopShard, Runnable> task) {
        var done = new CountDownLatch(shards.size());
        for (LoopShard shard : shards) {
            shard.executeAtOnce(() -> task.accept(shard, done::countDown));
        }
        try {
            done.await(time.toMillis() + 1_000, TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
