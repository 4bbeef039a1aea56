package dev.switchboard.engine;

import dev.switchboard.engine.channel.Attendance;
import dev.switchboard.engine.channel.ChangeFeed;
import dev.switchboard.engine.channel.Connection;
import dev.switchboard.engine.channel.ConnectionContext;
import dev.switchboard.engine.channel.Hub;
import dev.switchboard.engine.channel.LiveQueries;
import dev.switchboard.engine.channel.PrivateRooms;
import dev.switchboard.engine.channel.TokenVerifier;
import dev.switchboard.engine.deliver.Outbound;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Room;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.pipeline.Fences;
import dev.switchboard.engine.pipeline.Pipeline;
import dev.switchboard.engine.pipeline.Progress;
import dev.switchboard.engine.protocol.BroadcastContent;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** The engine: WAL -> decode -> route -> authorize -> encode -> deliver. Thread-safe; closed once. */
public final class Engine implements AutoCloseable {
    private final Pipeline pipeline;
    private final Hub hub;
    private final Attendance attendance = new Attendance();
    private final LongAdder unknownEvents = new LongAdder();
    private final ConnectionContext shared;
    private final PrivateRooms privateRooms;

    public Engine(EngineConfig config, Pipeline.Ports ports, TokenVerifier tokens) {
        this(config, ports, tokens, LiveQueries.NONE);
    }

    /** @param queries keeps some for channels */
    public Engine(EngineConfig config, Pipeline.Ports ports, TokenVerifier tokens, LiveQueries queries) {
        var epochs = new AtomicLong();
        String start = Long.toString(ports.time().millis(), Character.MAX_RADIX);
        var refs = new AtomicLong();
        hub = new Hub(
                ports.sink(),
                config.eventLoops(),
                () -> start + "-" + Long.toString(refs.incrementAndGet(), Character.MAX_RADIX));
        pipeline = new Pipeline(ports, config.authorizationPatience(), config.history(), config.seal(), hub::deliver);
        privateRooms = new PrivateRooms(
                ports.roomPolicies(),
                ports.roomHistory(),
                ports.blocking(),
                ports.sink(),
                () -> pipeline.progress().recentlySaid(),
                told -> pipeline.progress().seen(told));
        shared = new ConnectionContext(
                pipeline.feed(),
                queries,
                hub,
                attendance,
                tokens,
                config.limits(),
                config.memory(),
                ports.time(),
                epochs,
                unknownEvents,
                pipeline.journal(),
                privateRooms,
                id -> new ConnectionContext.Currency(
                        pipeline.progress().told(id),
                        pipeline.progress().behind(ports.time().instant(), id)),
                (task, loop) -> ports.sink().execute(loop, task),
                () -> pipeline.progress().isStreaming(ports.time().instant()));
    }

    /** What channels hear changes by. Thread-safe. */
    public ChangeFeed feed() {
        return pipeline.feed();
    }

    /** Starts the two threads. */
    public void start() {
        pipeline.start();
    }

    /** A new socket's channels; the caller's event loop owns them from now on. */
    public Connection connect(ConnectionId id, WireVersion version, Claims keyClaims, Outbound outbound) {
        return connect(id, version, keyClaims, Map.of(), outbound);
    }

    /** The same with headers of the handshake that policies of private rooms may read, in lower case. */
    public Connection connect(
            ConnectionId id, WireVersion version, Claims keyClaims, Map<String, String> headers, Outbound outbound) {
        return new Connection(id, version, keyClaims, headers, shared, outbound);
    }

    /** Tells everyone who is in that room. Thread-safe. */
    public void broadcast(Room room, BroadcastContent content) {
        hub.broadcast(room, content, Optional.empty());
    }

    /** Knows who may speak in private rooms. Thread-safe. */
    public PrivateRooms privateRooms() {
        return privateRooms;
    }

    /** Topics that somebody is joined to. Thread-safe. */
    public int roomCount() {
        return hub.roomCount();
    }

    /** Whose channels there are. Thread-safe. */
    public Attendance attendance() {
        return attendance;
    }

    /** Messages of clients whose event nobody knows; they are left alone. Thread-safe. */
    public long unknownEvents() {
        return unknownEvents.sum();
    }

    /** What became of recent changes and channels. Thread-safe. */
    public Journal journal() {
        return pipeline.journal();
    }

    /** What is kept of the stream for those who come back. Thread-safe. */
    public History history() {
        return pipeline.history();
    }

    /** Where rows that are read meet the stream. Thread-safe. */
    public Fences fences() {
        return pipeline.fences();
    }

    public Progress progress() {
        return pipeline.progress();
    }

    /** Stops both threads; what was not handed to sockets is not confirmed, and comes again at the next start. */
    @Override
    public void close() {
        pipeline.close();
    }
}
