package dev.switchboard.client;

import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The client's thread, and all that it owns: the socket, its channels, what was sent and is not answered. Every method is
 * called on it, except {@link #run}, {@link #push}, {@link #track}, {@link #untrack}, {@link #channel} and {@link #close}.
 */
final class Loop implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Loop.class.getName());
    private static final Duration FIRST_PAUSE = Duration.ofMillis(250);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(10);
    private static final Duration ANSWER = Duration.ofSeconds(10);

    private final URI uri;
    private final Supplier<Optional<String>> token;
    private final Duration heartbeat;
    private final HttpClient http = HttpClient.newHttpClient();
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("switchboard-client").daemon().factory());
    private final SplittableRandom random = new SplittableRandom();
    private final Backoff backoff = new Backoff(FIRST_PAUSE, LONGEST_PAUSE, random);
    private final Map<String, Channel> channels = new LinkedHashMap<>();
    private final Map<Channel, Map<String, Object>> tracked = new HashMap<>();
    private final Map<String, CompletableFuture<Map<String, Object>>> unanswered = new HashMap<>();
    private @Nullable Link link;
    private boolean connecting;
    private volatile boolean closed;
    private long refs;
    private String heartbeatRef = "";

    Loop(URI uri, Supplier<Optional<String>> token, Duration heartbeat) {
        this.uri = uri;
        this.token = token;
        this.heartbeat = heartbeat;
        thread.scheduleAtFixedRate(this::beat, heartbeat.toMillis(), heartbeat.toMillis(), TimeUnit.MILLISECONDS);
    }

    Channel channel(String name) {
        return new Channel(this, name, new Backoff(FIRST_PAUSE, LONGEST_PAUSE, random));
    }

    /** Whether it will run: a closed client does nothing. */
    boolean run(Runnable task) {
        try {
            thread.execute(task);
            return true;
        } catch (RejectedExecutionException ended) {
            return false;
        }
    }

    boolean isClosed() {
        return closed;
    }

    /** The user's token; a supplier that throws is no reason to stop, and is asked again. */
    private Optional<String> token() {
        try {
            return token.get();
        } catch (RuntimeException thrown) {
            LOG.log(System.Logger.Level.ERROR, "the token supplier threw", thrown);
            return Optional.empty();
        }
    }

    private void later(Duration pause, Runnable task) {
        try {
            thread.schedule(task, pause.toMillis(), TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException ended) {
            // a closed client does nothing
        }
    }

    void add(Channel channel) {
        Channel former = channels.put(channel.topic(), channel);
        if (former != null) {
            end(former, "another channel took the topic over");
        }
        if (link == null) {
            connect();
        } else {
            join(channel);
        }
    }

    private void connect() {
        if (connecting || closed || link != null || channels.isEmpty()) {
            return;
        }
        connecting = true;
        var next = new Link(this);
        http.newWebSocketBuilder().connectTimeout(ANSWER).buildAsync(uri, next).whenComplete((socket, failed) -> {
            if (!run(() -> connected(next, socket, failed)) && socket != null) {
                socket.abort();
            }
        });
    }

    /** In words: exceptions of a socket that was refused often have none, and stand within one of the future's. */
    private static String why(@Nullable Throwable failed) {
        Throwable cause = failed instanceof CompletionException wrapper && wrapper.getCause() != null
                ? wrapper.getCause()
                : failed;
        if (cause instanceof ConnectException) {
            return "nobody answers there";
        }
        return cause == null ? "no socket" : String.valueOf(cause.getMessage());
    }

    private void connected(Link next, @Nullable WebSocket socket, @Nullable Throwable failed) {
        connecting = false;
        if (socket == null) {
            interruptAll("cannot connect: " + why(failed));
            later(backoff.next(), this::connect);
            return;
        }
        if (closed) {
            socket.abort();
            return;
        }
        next.opened(socket);
        link = next;
        backoff.reset();
        heartbeatRef = "";
        List.copyOf(channels.values()).forEach(this::join);
    }

    /** A socket has ended; one that was given up before says nothing new. */
    void ended(Link which, String why) {
        if (link != which) {
            return;
        }
        link = null;
        interruptAll(why);
        List.copyOf(unanswered.values()).forEach(sent -> sent.completeExceptionally(new ChannelException(why)));
        unanswered.clear();
        later(backoff.next(), this::connect);
    }

    private void interruptAll(String why) {
        List.copyOf(channels.values()).forEach(channel -> interrupt(channel, why));
    }

    private void join(Channel channel) {
        if (link == null || channels.get(channel.topic()) != channel || channel.state != Channel.State.IDLE) {
            return;
        }
        channel.token = token();
        channel.state = Channel.State.JOINING;
        String ref = nextRef();
        channel.joinRef = ref;
        var answered = new CompletableFuture<Map<String, Object>>();
        // at once: what follows the answer must find it read; whoever completes it is the client's thread
        answered.whenComplete((response, refused) -> answered(channel, ref, response, refused));
        unanswered.put(ref, answered);
        send(ref, ref, channel.topic(), "phx_join", channel.joinPayload(channel.token));
        later(ANSWER, () -> answered.completeExceptionally(new ChannelException("no answer to the join in 10 s")));
    }

    private void answered(
            Channel channel, String ref, @Nullable Map<String, Object> response, @Nullable Throwable refused) {
        if (channel.state != Channel.State.JOINING || !channel.joinRef.equals(ref)) {
            return;
        }
        if (refused != null || response == null) {
            fail(channel, refused == null ? "no answer" : String.valueOf(refused.getMessage()));
            return;
        }
        if (!channel.isServed(response)) {
            send(ref, nextRef(), channel.topic(), "phx_leave", Map.of());
            end(channel, "the server keeps no queries");
            return;
        }
        channel.joined();
        boolean resumed = channel.place().map(place -> place.joined(response)).orElse(false);
        channel.tell(new Event.Subscribed(resumed));
        Map<String, Object> presence = tracked.get(channel);
        if (presence != null) {
            push(channel, "presence", trackPayload(presence));
        }
    }

    private static void interrupt(Channel channel, String why) {
        channel.state = Channel.State.IDLE;
        channel.interrupted();
        channel.tell(new Event.Interrupted(why));
    }

    private void fail(Channel channel, String why) {
        interrupt(channel, why);
        later(channel.backoff.next(), () -> join(channel));
    }

    void leave(Channel channel) {
        if (channel.state == Channel.State.JOINED || channel.state == Channel.State.JOINING) {
            send(channel.joinRef, nextRef(), channel.topic(), "phx_leave", Map.of());
        }
        end(channel, "left");
    }

    private void end(Channel channel, String why) {
        if (channel.state == Channel.State.LEFT) {
            return;
        }
        channel.state = Channel.State.LEFT;
        tracked.remove(channel);
        channels.remove(channel.topic(), channel);
        channel.tell(new Event.Closed(why));
    }

    CompletionStage<Void> track(Channel channel, Map<String, Object> payload) {
        run(() -> tracked.put(channel, Map.copyOf(payload)));
        return push(channel, "presence", trackPayload(payload));
    }

    private static Map<String, Object> trackPayload(Map<String, Object> payload) {
        return Map.of("type", "presence", "event", "track", "payload", payload);
    }

    CompletionStage<Void> untrack(Channel channel) {
        run(() -> tracked.remove(channel));
        return push(channel, "presence", Map.of("type", "presence", "event", "untrack"));
    }

    CompletionStage<Void> push(Channel channel, String event, Map<String, Object> payload) {
        var answered = new CompletableFuture<Map<String, Object>>();
        boolean runs = run(() -> {
            if (channel.state != Channel.State.JOINED) {
                answered.completeExceptionally(new ChannelException("channel " + channel.topic() + " is not joined"));
                return;
            }
            String ref = nextRef();
            unanswered.put(ref, answered);
            send(channel.joinRef, ref, channel.topic(), event, payload);
            later(ANSWER, () -> {
                unanswered.remove(ref);
                answered.completeExceptionally(new ChannelException("no answer to " + event + " in 10 s"));
            });
        });
        if (!runs) {
            answered.completeExceptionally(new ChannelException("the client is closed"));
        }
        return answered.thenAccept(_ -> {});
    }

    private void beat() {
        Link present = link;
        if (present == null) {
            return;
        }
        if (!heartbeatRef.isEmpty()) {
            present.giveUp("no answer to a heartbeat in " + heartbeat.toSeconds() + " s");
            return;
        }
        heartbeatRef = nextRef();
        places().forEach(Place::ask);
        send(null, heartbeatRef, "phoenix", "heartbeat", places().isEmpty() ? Map.of() : Map.of("behind", true));
        Optional<String> now = token();
        for (Channel channel : channels.values()) {
            if (channel.state == Channel.State.JOINED && now.isPresent() && !now.equals(channel.token)) {
                channel.token = now;
                send(channel.joinRef, nextRef(), channel.topic(), "access_token", Map.of("access_token", now.get()));
            }
        }
    }

    private List<Place> places() {
        return channels.values().stream()
                .flatMap(channel -> channel.place().stream())
                .toList();
    }

    private String nextRef() {
        return Long.toString(++refs);
    }

    private void send(@Nullable String joinRef, String ref, String topic, String event, Map<String, Object> payload) {
        if (link != null) {
            link.send(JsonText.write(Arrays.asList(joinRef, ref, topic, event, payload)));
        }
    }

    @SuppressWarnings("unchecked") // keys of JSON objects are strings
    void receive(Link from, String text) {
        if (from != link || !(JsonText.read(text) instanceof List<?> message) || message.size() < 5) {
            return;
        }
        Map<String, Object> payload = message.get(4) instanceof Map<?, ?> map ? (Map<String, Object>) map : Map.of();
        String event = String.valueOf(message.get(3));
        if (event.equals("phx_reply")) {
            reply(String.valueOf(message.get(1)), payload);
            return;
        }
        Channel channel = channels.get(String.valueOf(message.get(2)));
        boolean stale = message.get(0) instanceof String joinRef && channel != null && !joinRef.equals(channel.joinRef);
        if (channel == null || stale) {
            return;
        }
        switch (event) {
            case "phx_error" -> fail(channel, "the server failed the channel");
            case "phx_close" -> end(channel, "the server closed the channel");
            default -> channel.receive(event, payload);
        }
    }

    private void reply(String ref, Map<String, Object> payload) {
        if (ref.equals(heartbeatRef)) {
            heartbeatRef = "";
            String position = JsonText.string(JsonText.object(payload, "response"), "position");
            if (!position.isEmpty()) {
                places().forEach(place -> place.answered(position));
            }
            return;
        }
        CompletableFuture<Map<String, Object>> answered = unanswered.remove(ref);
        if (answered == null) {
            return;
        }
        if (JsonText.string(payload, "status").equals("ok")) {
            answered.complete(JsonText.object(payload, "response"));
        } else {
            String reason = JsonText.string(JsonText.object(payload, "response"), "reason");
            answered.completeExceptionally(new ChannelException(reason));
        }
    }

    /** Kind 4: lengths of topic, event and metadata, encoding, then those. */
    void receiveBytes(Link from, byte[] frame) {
        if (from != link || frame.length < 5 || frame[0] != 4) {
            return;
        }
        int topicEnd = 5 + Byte.toUnsignedInt(frame[1]);
        int eventEnd = topicEnd + Byte.toUnsignedInt(frame[2]);
        int payloadStart = eventEnd + Byte.toUnsignedInt(frame[3]);
        if (payloadStart > frame.length) {
            return;
        }
        Channel channel = channels.get(text(frame, 5, topicEnd));
        if (channel != null) {
            String event = text(frame, topicEnd, eventEnd);
            channel.receiveBytes(event, Arrays.copyOfRange(frame, payloadStart, frame.length));
        }
    }

    private static String text(byte[] frame, int from, int to) {
        return new String(frame, from, to - from, StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        closed = true;
        run(() -> {
            List.copyOf(channels.values()).forEach(channel -> end(channel, "the client is closed"));
            if (link != null) {
                link.close();
            }
            thread.shutdown();
        });
        http.shutdown();
    }
}
