package dev.switchboard.telephony.fake;

import dev.switchboard.telephony.fake.Leg.Dialling;
import dev.switchboard.telephony.fake.Leg.Doing;
import dev.switchboard.telephony.fake.Leg.InRoom;
import dev.switchboard.telephony.fake.Leg.Nothing;
import dev.switchboard.telephony.fake.Leg.Queued;
import dev.switchboard.telephony.fake.Twiml.Verb;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/** The legs of a provider and what happens to them. Confined to its loop: one thread does everything here. */
final class Exchange {
    private static final Set<String> DEFAULT_EVENTS = Set.of("completed");
    private static final int DIAL_SECONDS = 30;

    private final String account;
    private final ScheduledExecutorService loop;
    private final Webhooks webhooks;
    private final InstantSource clock;
    private final double speed;
    private final Random random;
    private final Map<String, Leg> legs = new LinkedHashMap<>();
    private final Rooms rooms;
    private final Map<String, BiConsumer<String, Map<String, String>>> devices = new HashMap<>();
    private final Map<String, Truth> truths = new LinkedHashMap<>();

    /** What really happened to a call, by the leg of its customer. */
    private static final class Truth {
        private final Leg customer;
        private Optional<String> answeredBy = Optional.empty();

        private Truth(Leg customer) {
            this.customer = customer;
        }
    }

    Exchange(
            String account,
            ScheduledExecutorService loop,
            Webhooks webhooks,
            InstantSource clock,
            double speed,
            long seed) {
        this.account = account;
        this.loop = loop;
        this.webhooks = webhooks;
        this.clock = clock;
        this.speed = speed;

        this.rooms = new Rooms(account, webhooks, clock, legs);
        this.random = new Random(seed ^ account.hashCode());
    }

    Map<String, Leg> legs() {
        return legs;
    }

    Rooms rooms() {
        return rooms;
    }

    List<FakeTwilio.CallTruth> truths() {
        return truths.values().stream()
                .map(truth -> new FakeTwilio.CallTruth(
                        truth.customer.sid, truth.customer.status, truth.answeredBy, truth.customer.isOver()))
                .toList();
    }

    void register(String identity, BiConsumer<String, Map<String, String>> device) {
        devices.put(identity, device);
    }

    void unregister(String identity) {
        devices.remove(identity);
    }

    String sid(String kind) {
        return kind + "%016x%016x".formatted(random.nextLong(), random.nextLong());
    }

    /** Somebody calls one of the numbers. */
    Leg callIn(String from, String to, String voiceUrl, String statusUrl) {
        Leg leg = inbound(from, to, statusUrl, clock.instant());
        fetch(leg, voiceUrl, Map.of());
        return leg;
    }

    /** The number's fallback has answered, a minute ago. */
    Leg callInWaiting(String from, String to, String statusUrl) {
        Leg leg = inbound(from, to, statusUrl, clock.instant().minusSeconds(60));
        leg.answeredAt = Optional.of(clock.instant());
        leg.status = "in-progress";
        leg.doing = new Queued("fallback", Optional.empty(), Optional.empty());
        return leg;
    }

    private Leg inbound(String from, String to, String statusUrl, Instant since) {
        var leg = new Leg(sid("CA"), Optional.empty(), from, to, "inbound", since);
        legs.put(leg.sid, leg);
        truths.put(leg.sid, new Truth(leg));
        leg.status = "ringing";
        leg.statusUrl = Optional.of(statusUrl);
        leg.events.addAll(DEFAULT_EVENTS);
        return leg;
    }

    /** As the API is asked to. */
    Leg create(String from, String to, String url, Optional<String> statusUrl, List<String> events, int timeout) {
        var leg = new Leg(sid("CA"), Optional.empty(), from, to, "outbound-api", clock.instant());
        legs.put(leg.sid, leg);
        leg.url = Optional.of(url);
        leg.statusUrl = statusUrl;
        leg.events.addAll(events.isEmpty() ? DEFAULT_EVENTS : events);
        ring(leg, timeout, Map.of());
        return leg;
    }

    private void ring(Leg leg, int timeout, Map<String, String> parameters) {
        become(leg, "initiated", "initiated");
        later(Duration.ofMillis(20), () -> {
            if (leg.isOver()) {
                return;
            }
            Optional<BiConsumer<String, Map<String, String>>> device =
                    Optional.ofNullable(devices.get(leg.isOurs() ? leg.identity() : leg.to));
            if (device.isEmpty()) {
                end(leg, "no-answer");
                return;
            }
            become(leg, "ringing", "ringing");
            device.get().accept(leg.sid, parameters);
            later(Duration.ofSeconds(timeout), () -> {
                if (!leg.isOver() && !leg.isConnected()) {
                    end(leg, "no-answer");
                }
            });
        });
    }

    private void later(Duration wait, Runnable work) {
        loop.schedule(work, (long) (wait.toNanos() / speed), TimeUnit.NANOSECONDS);
    }

    /** The device, or the one who is called, takes it. */
    void answer(Leg leg) {
        if (leg.isOver() || leg.isConnected()) {
            return;
        }
        leg.answeredAt = Optional.of(clock.instant());
        if (leg.parent.isPresent() && leg.parent.get().doing instanceof Dialling dialling) {
            Leg parent = leg.parent.get();
            parent.doing = dialling.with(leg);
            become(leg, "in-progress", "answered");
            dialling.children().stream()
                    .filter(child -> !child.sid.equals(leg.sid))
                    .toList()
                    .forEach(child -> end(child, "canceled"));
            if (!parent.isConnected()) {
                parent.answeredAt = Optional.of(clock.instant());
                become(parent, "in-progress", "answered");
            }
            together(parent, leg);
            return;
        }
        become(leg, "in-progress", "answered");
        leg.url.ifPresent(url -> fetch(leg, url, Map.of()));
    }

    /** Two legs hear each other. */
    private void together(Leg one, Leg other) {
        for (Leg customer : List.of(one, other)) {
            Leg agent = customer.sid.equals(one.sid) ? other : one;
            Truth truth = truths.get(customer.sid);
            if (truth != null && agent.isOurs() && truth.answeredBy.isEmpty()) {
                truth.answeredBy = Optional.of(agent.identity());
            }
        }
    }

    /** Whoever is at that end hangs up. */
    void hangUp(Leg leg) {

        leg.hungUp = true;
        end(leg, leg.isConnected() ? "completed" : "no-answer"); // as it is said of a caller who gives up
    }

    /** The leg is over, and with it what hung on it. */
    void end(Leg leg, String status) {
        if (leg.isOver()) {
            return;
        }
        leg.endedAt = Optional.of(clock.instant());
        Doing was = leg.doing;
        leg.doing = new Nothing();
        leg.generation++;
        leg.whenOver.forEach(Runnable::run);
        become(leg, leg.isConnected() ? "completed" : status, "completed");
        abandon(leg, was, true);
        leg.parent
                .filter(parent -> parent.doing instanceof Dialling)
                .ifPresent(parent -> childEnded(parent, (Dialling) parent.doing, leg));
    }

    /** What a leg did, it does no more. */
    private void abandon(Leg leg, Doing was, boolean over) {
        switch (was) {
            case Dialling dialling ->
                List.copyOf(dialling.children()).forEach(child -> end(child, over ? "no-answer" : "canceled"));
            case InRoom room -> rooms.left(leg, room);
            case Queued queued ->
                queued.action()
                        .ifPresent(action -> webhooks.tell(
                                action, with(fields(leg), "QueueResult", over ? "hangup" : "redirected")));
            case Nothing _ -> {}
        }
    }

    private void childEnded(Leg parent, Dialling dialling, Leg child) {
        if (dialling.children().stream().noneMatch(one -> one.sid.equals(child.sid))) {
            return;
        }
        boolean talked =
                dialling.answered().filter(one -> one.sid.equals(child.sid)).isPresent();
        boolean nobodyLeft =
                dialling.answered().isEmpty() && dialling.children().stream().allMatch(Leg::isOver);
        if (talked || nobodyLeft) {
            dialOver(parent, dialling, child, talked ? "completed" : child.status);
        }
    }

    /** The dialling leg goes on: with what its action says. */
    private void dialOver(Leg parent, Dialling dialling, Leg child, String dialStatus) {
        parent.doing = new Nothing();
        parent.generation++;
        if (dialling.action().isEmpty()) {
            end(parent, "completed");
            return;
        }
        fetch(
                parent,
                dialling.action().get(),
                Map.of("DialCallStatus", dialStatus, "DialCallSid", child.sid, "DialCallDuration", "1"));
    }

    /**
     * As the API is asked to: the leg does something else from here on.
     *
     * @return whether it can
     */
    boolean redirect(Leg leg, String url) {
        if (!leg.isConnected() || leg.isOver()) {
            return false;
        }
        Doing was = leg.doing;
        leg.doing = new Nothing();
        leg.generation++;

        if (was instanceof Dialling dialling && dialling.answered().isPresent()) {
            // it says that the dial is over, and does not do what it is answered
            dialling.action()
                    .ifPresent(action -> webhooks.tell(
                            action,
                            with(
                                    with(fields(leg), "DialCallStatus", "completed"),
                                    "DialCallSid",
                                    dialling.answered().get().sid)));
        }
        abandon(leg, was, false);
        leg.parent.filter(parent -> parent.doing instanceof Dialling).ifPresent(parent -> {
            Dialling dialling = (Dialling) parent.doing;
            if (dialling.answered()
                    .filter(one -> one.sid.equals(leg.sid))
                    .isPresent()) { // taken out of it: the parent's dial is over, the leg is not
                dialling.children().clear();
                dialOver(parent, dialling, leg, "completed");
            }
        });
        fetch(leg, url, Map.of());
        return true;
    }

    private void fetch(Leg leg, String url, Map<String, String> more) {
        int generation = leg.generation;
        Map<String, String> fields = fields(leg);
        fields.putAll(more);
        webhooks.ask(url, fields)
                .thenAcceptAsync(
                        document -> {
                            if (leg.isOver() || leg.generation != generation) {
                                return;
                            }
                            if (document.isEmpty()) { // "an application error has occurred"
                                end(leg, "failed");
                                return;
                            }
                            run(leg, Twiml.parse(document.get()));
                        },
                        loop);
    }

    private void run(Leg leg, List<Verb> verbs) {
        boolean rejected = !verbs.isEmpty() && verbs.getFirst().name().equals("Reject");
        boolean answersLater = !verbs.isEmpty()
                && verbs.getFirst().name().equals("Dial")
                && verbs.getFirst().flag("answerOnBridge", false);
        if (!rejected && !answersLater && !leg.isConnected()) {
            leg.answeredAt = Optional.of(clock.instant());
            become(leg, "in-progress", "answered");
        }
        for (Verb verb : verbs) {
            switch (verb.name()) {
                case "Reject" -> {
                    end(leg, "busy");
                    return;
                }
                case "Hangup" -> {
                    end(leg, "completed");
                    return;
                }
                case "Redirect" -> {
                    fetch(leg, verb.text(), Map.of());
                    return;
                }
                case "Enqueue" -> {
                    leg.doing = new Queued(verb.text(), verb.attribute("action"), Optional.empty());
                    verb.attribute("waitUrl").ifPresent(url -> hear(leg, url, Map.of()));
                    return;
                }
                case "Dial" -> {
                    dial(leg, verb);
                    return;
                }
                default -> {} // heard, and over
            }
        }
        end(leg, "completed");
    }

    /** What who waits hears: it is not what the leg does, and when it is over they wait on. */
    private void hear(Leg leg, String url, Map<String, String> more) {
        int generation = leg.generation;
        Map<String, String> fields = fields(leg);
        fields.putAll(more);
        webhooks.ask(url, fields)
                .thenAcceptAsync(
                        document -> {
                            if (leg.generation == generation
                                    && document.isPresent()
                                    && leg.doing instanceof Queued(String name, Optional<String> action, var _)) {
                                List<Verb> verbs = Twiml.parse(document.get());
                                leg.doing = new Queued(name, action, gathers(verbs));
                                if (verbs.stream().anyMatch(verb -> verb.name().equals("Hangup"))) {
                                    end(leg, "completed");
                                }
                            }
                        },
                        loop);
    }

    /** Where what is pressed goes. */
    private static Optional<String> gathers(List<Verb> verbs) {
        return verbs.stream()
                .filter(verb -> verb.name().equals("Gather"))
                .flatMap(verb -> verb.attribute("action").stream())
                .findFirst();
    }

    /** Who waits presses something. @return whether anybody listens */
    boolean press(Leg leg, String digits) {
        if (leg.doing instanceof Queued(String name, Optional<String> action, Optional<String> gathers)
                && gathers.isPresent()) {
            leg.doing = new Queued(name, action, Optional.empty());
            hear(leg, gathers.get(), Map.of("Digits", digits));
            return true;
        }
        return false;
    }

    private void dial(Leg leg, Verb verb) {
        Optional<Verb> room = verb.nouns().stream()
                .filter(noun -> noun.name().equals("Conference"))
                .findFirst();
        if (room.isPresent()) {
            join(leg, room.get());
            return;
        }
        var dialling = new Dialling(verb.attribute("action"));
        leg.doing = dialling;
        int timeout = verb.attribute("timeout").map(Integer::parseInt).orElse(DIAL_SECONDS);
        for (Verb noun : verb.nouns()) {
            boolean client = noun.name().equals("Client");
            String to = client ? "client:" + clientName(noun) : noun.text();
            String from = verb.attribute("callerId").orElse(leg.from);
            var child = new Leg(sid("CA"), Optional.of(leg), from, to, "outbound-dial", clock.instant());
            legs.put(child.sid, child);
            child.statusUrl = noun.attribute("statusCallback");
            child.events.addAll(noun.attribute("statusCallbackEvent")
                    .map(events -> Set.of(events.split(" ", -1)))
                    .orElse(DEFAULT_EVENTS));
            if (!client) {
                truths.put(child.sid, new Truth(child));
            }
            dialling.children().add(child);
        }
        var parameters = new HashMap<String, String>();
        verb.nouns().stream()
                .flatMap(noun -> noun.nouns().stream())
                .filter(noun -> noun.name().equals("Parameter"))
                .forEach(noun -> parameters.put(
                        noun.attribute("name").orElse(""),
                        noun.attribute("value").orElse("")));
        List.copyOf(dialling.children()).forEach(child -> ring(child, timeout, parameters));
    }

    private static String clientName(Verb noun) {
        return noun.nouns().stream()
                .filter(inner -> inner.name().equals("Identity"))
                .map(Verb::text)
                .findFirst()
                .orElse(noun.text());
    }

    private void join(Leg leg, Verb noun) {
        var room = new InRoom(
                noun.text(), noun.flag("muted", false), noun.attribute("coach"), noun.attribute("statusCallback"));
        rooms.open(room.name(), sid("CF"));
        leg.doing = room;
        for (Leg other : rooms.in(room.name())) {
            if (!other.sid.equals(leg.sid)) {
                together(leg, other);
            }
        }
        rooms.tell(leg, room, "participant-join", "");
    }

    private void become(Leg leg, String status, String event) {
        leg.status = status;
        if (leg.statusUrl.isEmpty() || !leg.events.contains(event)) {
            return;
        }
        Map<String, String> fields = fields(leg);
        fields.put("Timestamp", Rooms.timestamp(clock.instant()));
        fields.put("SequenceNumber", Integer.toString(leg.sequence++));
        fields.put("CallbackSource", "call-progress-events");
        if (event.equals("completed")) {
            long seconds = leg.answeredAt
                    .map(at -> Duration.between(at, clock.instant()).toSeconds())
                    .orElse(0L);
            fields.put("CallDuration", Long.toString(seconds));
        }
        webhooks.tell(leg.statusUrl.get(), fields);
    }

    private Map<String, String> fields(Leg leg) {
        var fields = new HashMap<String, String>();
        fields.put("AccountSid", account);
        fields.put("ApiVersion", "2010-04-01");
        fields.put("CallSid", leg.sid);
        fields.put("CallStatus", leg.status);
        fields.put("Direction", leg.direction);
        fields.put("From", leg.from);
        fields.put("To", leg.to);
        fields.put("Caller", leg.from);
        fields.put("Called", leg.to);
        leg.parent.ifPresent(parent -> fields.put("ParentCallSid", parent.sid));
        return fields;
    }

    private static Map<String, String> with(Map<String, String> fields, String name, String value) {
        fields.put(name, value);
        return fields;
    }

    /** The provider dies: every leg is gone, and nobody is told. */
    void crash() {
        for (Leg leg : new ArrayList<>(legs.values())) {
            if (!leg.isOver()) {
                leg.endedAt = Optional.of(clock.instant());
                leg.status = leg.isConnected() ? "completed" : "failed";
                leg.doing = new Nothing();
                leg.generation++;
            }
        }
    }
}
