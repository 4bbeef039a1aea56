package dev.switchboard.systemtest.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.client.Changes;
import dev.switchboard.client.Channel;
import dev.switchboard.client.Event;
import dev.switchboard.client.EventQueue;
import dev.switchboard.client.SwitchboardClient;
import dev.switchboard.server.command.Main;
import dev.switchboard.systemtest.harness.Calls;
import dev.switchboard.systemtest.harness.CuttingProxy;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Our own Java client, and the watch command on it. */
class JavaClientTest {
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static SwitchboardClient client(String token) {
        return SwitchboardClient.builder(URI.create(server.url()), server.anonKey())
                .token(() -> token)
                .heartbeat(Duration.ofMillis(500))
                .build();
    }

    private static <T extends Event> T next(EventQueue events, Class<T> kind) throws InterruptedException {
        return kind.cast(next(events, kind::isInstance));
    }

    private static Event next(EventQueue events, Predicate<Event> wanted) throws InterruptedException {
        while (true) {
            Event event = events.poll(Duration.ofSeconds(20)).orElseThrow(() -> new AssertionError("nothing came"));
            if (wanted.test(event)) {
                return event;
            }
        }
    }

    @Test
    void F000_01_changesBroadcastsAndPresenceReachTheJavaClient() throws InterruptedException {
        UUID organization = server.organization("java-client");
        String token = server.userToken(server.member(organization));
        try (SwitchboardClient doug = client(token);
                SwitchboardClient rhonda = client(token)) {
            Channel spoken = doug.channel("room").presence("doug");
            EventQueue dougs = spoken.open(100);
            EventQueue rhondas = rhonda.channel("room")
                    .changes(Changes.of("public", "calls")
                            .where("organization_id=eq." + organization + ",state=neq.ringing"))
                    .broadcasts()
                    .presence("rhonda")
                    .open(100);
            next(dougs, Event.Subscribed.class);
            next(rhondas, Event.Subscribed.class);

            UUID call = server.call(organization);
            server.database().useHandle(handle -> Calls.advance(handle, call, "active"));
            Event.Change change = next(rhondas, Event.Change.class);
            assertThat(change.kind()).isEqualTo(Event.Kind.UPDATE);
            assertThat(change.row()).containsEntry("id", call.toString()).containsEntry("state", "active");
            assertThat(change.former()).containsEntry("state", "ringing");

            Channel.await(spoken.broadcast("ring", Map.of("call", call.toString(), "tags", List.of(1L, "a"))));
            assertThat(next(rhondas, Event.Broadcast.class))
                    .isEqualTo(new Event.Broadcast("ring", Map.of("call", call.toString(), "tags", List.of(1L, "a"))));

            Channel.await(spoken.track(Map.of("page", "board")));
            next(rhondas, event -> event instanceof Event.Presence(var present) && present.containsKey("doug"));
            dougs.close();
            next(rhondas, event -> event instanceof Event.Presence(var present) && !present.containsKey("doug"));
        }
    }

    @Test
    void E4_whoKeepsRowsIsToldWhatWasChanged() throws InterruptedException {
        UUID organization = server.organization("java-deltas");
        String token = server.userToken(server.member(organization));
        UUID call = server.call(organization);
        try (SwitchboardClient client = client(token);
                EventQueue events = client.channel("x")
                        .changes(Changes.of("public", "calls").asDeltas())
                        .open(100)) {
            next(events, Event.Subscribed.class);

            server.database().useHandle(handle -> Calls.advance(handle, call, "active"));

            Event.Change change = next(events, Event.Change.class);
            assertThat(change.isDelta()).isTrue();
            assertThat(change.row())
                    .containsEntry("id", call.toString())
                    .containsEntry("state", "active")
                    .doesNotContainKey("organization_id");
            assertThat(change.former()).containsEntry("state", "ringing");
        }
    }

    @Test
    void F000_39_aRefusedJoinIsTriedAgainWithItsReason() throws InterruptedException {
        try (SwitchboardClient client = client(server.serviceKey());
                EventQueue events = client.channel("x")
                        .changes(Changes.of("public", "comes_later"))
                        .open(100)) {
            assertThat(next(events, Event.Interrupted.class).reason())
                    .contains("table public.comes_later does not exist");

            server.database().useHandle(handle -> {
                handle.execute("create table comes_later (id int primary key)");
                handle.execute("alter publication supabase_realtime add table comes_later");
            });

            next(events, Event.Subscribed.class);
        }
    }

    @Test
    void F003_04_aRefreshedTokenReachesTheServerByItself() throws InterruptedException {
        UUID organization = server.organization("java-refresh");
        var token = new AtomicReference<>(server.userToken(UUID.randomUUID()));
        try (SwitchboardClient client = SwitchboardClient.builder(URI.create(server.url()), server.anonKey())
                        .token(token::get)
                        .heartbeat(Duration.ofMillis(200))
                        .build();
                EventQueue events = client.channel("calls")
                        .changes(Changes.of("public", "calls"))
                        .open(100)) {
            next(
                    events,
                    event -> event instanceof Event.Notice notice
                            && notice.status().equals("ok"));

            token.set(server.userToken(server.member(organization)));
            next(
                    events,
                    event -> event instanceof Event.Notice notice
                            && notice.status().equals("ok"));

            UUID call = server.call(organization);
            assertThat(next(events, Event.Change.class).row()).containsEntry("id", call.toString());
        }
    }

    @Test
    void F000_39_itComesBackAfterItsSocketIsCut() throws InterruptedException {
        UUID organization = server.organization("java-cut");
        try (SwitchboardClient client = client(server.userToken(server.member(organization)));
                CuttingProxy proxy = new CuttingProxy(server.port());
                SwitchboardClient cut = SwitchboardClient.builder(
                                URI.create("http://127.0.0.1:" + proxy.port()), server.anonKey())
                        .token(() -> server.userToken(server.member(organization)))
                        .heartbeat(Duration.ofSeconds(2)) // JDK 25 does not always tell of the end; its silence does
                        .build()) {
            EventQueue events = cut.channel("calls")
                    .changes(Changes.of("public", "calls"))
                    .presence("me")
                    .open(100);
            next(events, Event.Subscribed.class);
            EventQueue watcher = client.channel("calls").presence("other").open(100);
            next(watcher, Event.Subscribed.class);

            proxy.cut();

            next(events, Event.Interrupted.class);
            next(events, Event.Subscribed.class);
            UUID call = server.call(organization);
            assertThat(next(events, Event.Change.class).row()).containsEntry("id", call.toString());
        }
    }

    @Test
    void H2_aChannelThatResumesIsToldWhatItMissed() throws InterruptedException {
        UUID organization = server.organization("java-resumes");
        String token = server.userToken(server.member(organization));
        try (CuttingProxy proxy = new CuttingProxy(server.port());
                SwitchboardClient cut = SwitchboardClient.builder(
                                URI.create("http://127.0.0.1:" + proxy.port()), server.anonKey())
                        .token(() -> token)
                        .heartbeat(Duration.ofSeconds(2)) // as above
                        .build()) {
            EventQueue events = cut.channel("calls")
                    .changes(Changes.of("public", "calls"))
                    .resuming()
                    .open(100);
            assertThat(next(events, Event.Subscribed.class).resumed()).isFalse();
            UUID before = server.call(organization);
            assertThat(next(events, Event.Change.class).row()).containsEntry("id", before.toString());

            proxy.cut();
            UUID missed = server.call(organization);
            next(events, Event.Interrupted.class);

            assertThat(next(events, Event.Subscribed.class).resumed()).isTrue();
            assertThat(next(events, Event.Change.class).row()).containsEntry("id", missed.toString());
            next(events, Event.CaughtUp.class);
            UUID after = server.call(organization);
            assertThat(next(events, Event.Change.class).row()).containsEntry("id", after.toString());
        }
    }

    @Test
    void I1_aQueryIsKeptForTheJavaClientAlsoOverACut() throws InterruptedException {
        UUID organization = server.organization("java-keeps");
        String token = server.userToken(server.member(organization));
        try (CuttingProxy proxy = new CuttingProxy(server.port());
                SwitchboardClient cut = SwitchboardClient.builder(
                                URI.create("http://127.0.0.1:" + proxy.port()), server.anonKey())
                        .token(() -> token)
                        .heartbeat(Duration.ofSeconds(2))
                        .build()) {
            EventQueue events = cut.channel("kept")
                    .keeping(
                            "calls",
                            "select=id,state&organization_id=eq." + organization + "&order=created_at.desc,id&limit=1")
                    .open(100);
            assertThat(next(events, Event.Answer.class)).isEqualTo(new Event.Answer(List.of(), true));
            UUID first = server.call(organization);
            assertThat(next(events, Event.Answer.class).rows())
                    .containsExactly(Map.of("id", first.toString(), "state", "ringing"));

            proxy.cut();
            UUID second = server.call(organization);
            next(events, Event.Interrupted.class);

            assertThat(next(events, Event.Answer.class))
                    .isEqualTo(new Event.Answer(List.of(Map.of("id", second.toString(), "state", "ringing")), true));
        }
    }

    @Test
    void whatIsSentOnAChannelThatIsNotJoinedFailsWithItsReason() {
        try (SwitchboardClient client = client(server.serviceKey())) {
            Channel channel = client.channel("never");

            assertThatThrownBy(() -> Channel.await(channel.broadcast("e", Map.of())))
                    .hasMessageContaining("channel realtime:never is not joined");
        }
    }

    @Test
    void watchShowsChangesAsJsonLines() {
        UUID organization = server.organization("watch");
        String token = server.userToken(server.member(organization));
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        Thread watching = Thread.ofVirtual()
                .start(() -> Main.run(
                        List.of(
                                "watch",
                                "calls",
                                "--url",
                                server.url(),
                                "--token",
                                token,
                                "--count",
                                "2",
                                "--filter",
                                "organization_id=eq." + organization),
                        out,
                        err));
        org.awaitility.Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> err.toString(StandardCharsets.UTF_8).contains("Watching calls"));

        UUID call = server.call(organization);
        server.database().useHandle(handle -> Calls.advance(handle, call, "active"));

        org.awaitility.Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> !watching.isAlive());
        List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
        assertThat(lines).hasSize(2);
        var update = PhoenixClient.JSON.readTree(lines.get(1));
        assertThat(update.get("type").asString()).isEqualTo("UPDATE");
        assertThat(update.at("/new/state").asString()).isEqualTo("active");
        assertThat(update.at("/old/state").asString()).isEqualTo("ringing");
        assertThat(update.get("latency_ms").isNumber()).isTrue();
    }
}
