package dev.switchboard.systemtest.disasters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.channel.Rooms;
import dev.switchboard.http.HttpLimits;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.LiveClient;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.Postmaster;
import dev.switchboard.systemtest.harness.RawWebSocket;
import dev.switchboard.systemtest.harness.ServerProcess;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.node.ObjectNode;

/** The server as its operators meet it: what it counts, who may ask how it is, what it does when a part of it ends. */
class OperationTest {
    private static double metric(TestServer server, String name) {
        return server.server()
                .metrics()
                .scrape()
                .lines()
                .filter(line -> line.startsWith("switchboard_" + name + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .findFirst()
                .orElseThrow();
    }

    // KF29

    /** Each part counts its answers, and what happens in it, under its own name. */
    @Test
    void KF29_everyPartsCountersMove() {
        try (TestServer server = TestServer.start();
                Http http = new Http(server)) {
            UUID organization = server.organization("counted");
            String token = server.userToken(server.member(organization));
            double reads = metric(server, "data_catalog_reads_total");
            assertThat(http.get("/rest/v1/calls", "Authorization", "Bearer " + token)
                            .status())
                    .isEqualTo(200);
            assertThat(http.get("/rest/v1/nowhere", "Authorization", "Bearer " + token)
                            .status())
                    .isEqualTo(404);
            assertThat(http.get("/api/nowhere").status()).isEqualTo(404);
            String ann = "{\"email\":\"ann@example.org\",\"password\":\"a long password\"}";
            assertThat(http.post("/auth/v1/signup", ann).status()).isEqualTo(200);
            assertThat(http.post("/auth/v1/token?grant_type=password", ann.replace("long", "wrong"))
                            .status())
                    .isEqualTo(400);
            server.database().useHandle(handle -> handle.execute("create table counted (id int primary key)"));

            await().untilAsserted(() ->
                    assertThat(metric(server, "data_catalog_reads_total")).isGreaterThan(reads));
            assertThat(metric(server, "data_requests_seconds_count")).isEqualTo(2);
            assertThat(metric(server, "data_refused_total")).isEqualTo(1);
            assertThat(metric(server, "data_failed_total")).isZero();
            assertThat(metric(server, "api_refused_total")).isEqualTo(1);
            assertThat(metric(server, "accounts_requests_seconds_count")).isEqualTo(2);
            assertThat(metric(server, "accounts_refused_total")).isEqualTo(1);
            assertThat(metric(server, "accounts_sign_ins_total")).isEqualTo(1);
            assertThat(metric(server, "accounts_rate_limited_total")).isZero();
            assertThat(metric(server, "data_connections_awaited")).isZero();
        }
    }

    @Test
    void KF29_everyCounterMovesWithWhatItCounts() {
        try (TestServer server = TestServer.with().clientBytes(40_000_000).start();
                PhoenixClient client = server.connect()) {
            UUID organization = server.organization("counted");
            String token = server.userToken(server.member(organization));
            client.joined("realtime:calls", token, PhoenixClient.binding("*", "public", "calls", null));
            System.gc(); // what is held weakly goes
            server.call(organization);
            client.awaitChanges(1);
            // a policy that is looked at with each row: by a value that it demands nobody is found who is not shown it
            server.script("""
                    create table every_other (id int primary key);
                    grant select on every_other to authenticated;
                    alter table every_other enable row level security;
                    create policy every_other on every_other for select using (id % 2 = 0);
                    alter publication supabase_realtime add table every_other""");
            client.joined("realtime:other", token, PhoenixClient.binding("*", "public", "every_other", null));
            server.script("insert into every_other values (1)");
            client.sendText("nonsense");
            client.sendText("[null,\"8\",\"realtime:calls\",\"invented\",{}]");
            server.database()
                    .useHandle(
                            handle -> handle.execute(
                                    "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'switchboard'"));
            server.call(organization);
            client.awaitChanges(2);
            server.database()
                    .useHandle(
                            handle -> handle.execute(
                                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'switchboard-rows'"));
            server.call(organization);
            client.awaitChanges(3);
            String large = "\"filter\":\"from_number=in.(" + "a,".repeat(900) + "b)\"";
            String bindings = "{\"event\":\"*\",\"schema\":\"public\",\"table\":\"calls\"," + large + "}";
            client.sendText("[\"9\",\"9\",\"realtime:large\",\"phx_join\",{\"config\":{\"postgres_changes\":["
                    + String.join(",", java.util.Collections.nCopies(20, bindings)) + "]}}]");
            assertThat(client.reply("9").toString()).contains("MemoryLimitReached");
            server.script("truncate calls cascade");
            client.event("realtime:calls", "phx_error");

            for (String counter : List.of(
                    "changes_in_total",
                    "deliveries_out_total",
                    "denied_total",
                    "refetches_total",
                    "messages_in_total",
                    "malformed_total",
                    "unknown_events_total",
                    "wal_breaks_total",
                    "authorization_retries_total",
                    "memory_refusals_total")) {
                await().atMost(Duration.ofSeconds(20))
                        .untilAsserted(() ->
                                assertThat(metric(server, counter)).as(counter).isPositive());
            }
            assertThat(metric(server, "connections")).isEqualTo(1);
            assertThat(metric(server, "commit_to_socket_seconds_count")).isPositive();
        }
    }

    @Test
    void KF29_aClientThatIsEndedForNotReadingIsCounted() throws IOException {
        try (TestServer server = TestServer.start();
                Socket socket = new Socket()) {
            socket.setReceiveBufferSize(4096);
            socket.connect(new java.net.InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()));
            RawWebSocket reader = new RawWebSocket(socket).handshake(server.anonKey(), new byte[0]);
            reader.send(RawWebSocket.text("[\"1\",\"1\",\"realtime:loud\",\"phx_join\",{}]"));
            assertThat(reader.next().text()).contains("ok");
            try (PhoenixClient sender = server.connect()) {
                String ref = sender.joinedRoom("realtime:loud", "{}");
                await().atMost(Duration.ofSeconds(30)).until(() -> {
                    sender.push(
                            ref,
                            "realtime:loud",
                            "broadcast",
                            "{\"type\":\"broadcast\",\"event\":\"e\",\"payload\":{\"x\":\"" + "z".repeat(60_000)
                                    + "\"}}");
                    return metric(server, "overflows_total") > 0;
                });
            }
        }
    }

    /** W10: not all at once, so that they do not all come to the next server at once; and nobody new meanwhile. */
    @Test
    void W10_clientsAreSentAwayOneAfterTheOther() throws Exception {
        var clients = new ArrayList<PhoenixClient>();
        try (TestServer server = TestServer.with().drain(Duration.ofSeconds(3)).start()) {
            for (int i = 0; i < 20; i++) {
                clients.add(server.connect());
            }
            Thread stop = Thread.ofVirtual().start(server.server()::close);
            await().until(() -> open(clients) < 20);
            try (Http http = new Http(server)) {
                assertThat(http.get("/readyz").status()).isEqualTo(503);
                Http.Answer refused = http.get("/realtime/v1/websocket?vsn=2.0.0&apikey=" + server.anonKey());
                assertThat(refused.status()).isEqualTo(503);
                assertThat(refused.json().get("error").asString()).isEqualTo("Realtime is restarting, please standby");
            }
            assertThat(open(clients)).as("others are still served").isPositive();
            stop.join();
            await().until(() -> open(clients) == 0);
            assertThat(clients).allMatch(client -> client.closeCode() == 1012);
        } finally {
            clients.forEach(PhoenixClient::close);
        }
    }

    private static long open(List<PhoenixClient> clients) {
        return clients.stream().filter(PhoenixClient::isOpen).count();
    }

    // KF45

    @Test
    void KF45_operatorsPathsNeedTheirTokenWhereThereIsOneAndAllAnswersHaveTheHeaders() {
        HttpLimits defaults = HttpLimits.defaults();
        var guarded = new HttpLimits(
                defaults.lineBytes(),
                defaults.headerBytes(),
                defaults.bodyBytes(),
                defaults.bodyTime(),
                defaults.headerTime(),
                defaults.idleTime(),
                false,
                Optional.of("operators only"));
        try (TestServer server = TestServer.with().http(guarded).start();
                Http http = new Http(server)) {
            for (String path : List.of("/healthz", "/readyz", "/metrics")) {
                assertThat(http.get(path).status()).as(path).isEqualTo(401);
                assertThat(http.get(path, "Authorization", "Bearer wrong").status())
                        .isEqualTo(401);
                assertThat(http.get(path, "Authorization", "Bearer operators only")
                                .status())
                        .isEqualTo(200);
            }
            for (String path : List.of(
                    "/healthz", "/readyz", "/metrics", "/realtime/v1/websocket", "/api/broadcast", "/rest/v1/")) {
                Http.Answer answer = http.get(path);
                assertThat(answer.header("X-Content-Type-Options")).as(path).isEqualTo("nosniff");
                assertThat(answer.header("X-Frame-Options")).as(path).isEqualTo("DENY");
                assertThat(answer.header("Referrer-Policy")).as(path).isEqualTo("no-referrer");
                assertThat(answer.header("Content-Security-Policy")).as(path).startsWith("default-src 'none'");
            }
        }
    }

    @Test
    void KF45_oneHostHeaderAndNoOther() throws IOException {
        try (TestServer server = TestServer.start()) {
            assertThat(statusOf(server, "GET /healthz HTTP/1.1\r\nHost: x\r\n")).isEqualTo(200);
            assertThat(statusOf(server, "GET /healthz HTTP/1.1\r\n")).isEqualTo(400);
            assertThat(statusOf(server, "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n"))
                    .isEqualTo(400);
            assertThat(statusOf(server, "GET /healthz HTTP/1.0\r\n")).isEqualTo(200);
        }
    }

    private static int statusOf(TestServer server, String head) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
            socket.setSoTimeout(10_000);
            socket.getOutputStream().write((head + "Connection: close\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            return Integer.parseInt(answer.split(" ", 3)[1]);
        }
    }

    @Test
    void KF45_originsNarrowTheBroadcastEndpointToo() {
        try (TestServer server =
                        TestServer.with().origins("https://app.example").start();
                Http http = new Http(server)) {
            assertThat(http.post("/api/broadcast", "{}", "Origin", "https://evil.example")
                            .header("Access-Control-Allow-Origin"))
                    .isEmpty();
            assertThat(http.post("/api/broadcast", "{}", "Origin", "https://app.example")
                            .header("Access-Control-Allow-Origin"))
                    .isEqualTo("https://app.example");
        }
    }

    @Test
    void KF45_whoMayNotReadATableDoesNotHearThatItWasTruncated() {
        try (TestServer server = TestServer.start();
                PhoenixClient anonymous = server.connect();
                PhoenixClient service = server.connect()) {
            server.script(
                    "create table openly (id int); create table closedly (id int); alter table closedly enable row level security;"
                            + "alter publication supabase_realtime add table openly, closedly;"
                            + "alter table openly replica identity full; alter table closedly replica identity full");
            anonymous.joined("realtime:all", server.anonKey(), PhoenixClient.binding("*", "*", null, null));
            service.joined("realtime:all", server.serviceKey(), PhoenixClient.binding("*", "public", "calls", null));

            server.script("truncate calls cascade");
            service.event("realtime:all", "phx_error");
            server.script("truncate closedly");
            server.script("insert into openly values (1)");

            anonymous.awaitChanges(1);
            assertThat(anonymous.messages())
                    .noneMatch(message -> message.get(3).asString().equals("phx_error"));
            server.script("truncate openly");
            anonymous.event("realtime:all", "phx_error");
        }
    }

    // KF43

    @Test
    void KF43_roomsCanBeClosedToWhoHasNotSignedIn() {
        try (TestServer server = TestServer.with()
                        .limits(new ChannelLimits(100, 1000, Rooms.SIGNED_IN), 100)
                        .start();
                Http http = new Http(server);
                PhoenixClient stranger = server.connect();
                PhoenixClient user = server.connect()) {
            String token = server.userToken(UUID.randomUUID());
            user.joined("realtime:floor", token);

            assertThat(stranger.join("realtime:floor", server.anonKey()).toString())
                    .contains("RoomClosed");
            String message = "{\"messages\":[{\"topic\":\"floor\",\"event\":\"x\",\"payload\":{}}]}";
            assertThat(http.post("/api/broadcast", message, "Authorization", "Bearer " + server.anonKey())
                            .status())
                    .isEqualTo(403);
            assertThat(http.post("/api/broadcast", message, "Authorization", "Bearer " + token)
                            .status())
                    .isEqualTo(202);
            assertThat(user.event("realtime:floor", "broadcast")
                            .get(4)
                            .path("event")
                            .asString())
                    .isEqualTo("x");
        }
    }

    @Test
    void Y7_whereThereArePrivateRoomsAloneAPublicOneIsRefusedAndChangesFlow() {
        try (TestServer server = TestServer.with()
                        .limits(new ChannelLimits(100, 1000, Rooms.PRIVATE), 100)
                        .start();
                Http http = new Http(server);
                PhoenixClient user = server.connect();
                PhoenixClient member = server.connect()) {
            server.script("create table public.news (id int primary key); alter publication supabase_realtime add table"
                    + " news; create policy hear on realtime.messages for select to authenticated using (true);"
                    + " create policy speak on realtime.messages for insert to authenticated with check (true)");
            String token = server.userToken(UUID.randomUUID());

            assertThat(user.join("realtime:floor", token).toString())
                    .contains("PrivateOnly: This project only allows private channels");
            assertThat(user.join("realtime:floor_changes_" + UUID.randomUUID(), server.anonKey())
                            .toString())
                    .as("no token would open it")
                    .contains("PrivateOnly");
            user.joined("realtime:news", token, PhoenixClient.binding("*", "public", "news", null));
            String refused = user.push(
                    null, "realtime:news", "broadcast", "{\"type\":\"broadcast\",\"event\":\"b\",\"payload\":{}}");
            assertThat(user.reply(refused).toString()).contains("PrivateOnly");
            server.script("insert into news values (1)");
            user.awaitChanges(1);
            try (LiveClient kept = new LiveClient(server.connect(), "realtime:kept", token, "news", "select=id")) {
                await().untilAsserted(() -> assertThat(kept.all("id")).containsExactly("1"));
            }

            member.send("1", "1", "realtime:floor", "phx_join", (ObjectNode)
                    PhoenixClient.JSON.readTree("{\"access_token\":\"" + token + "\",\"config\":{\"private\":true}}"));
            assertThat(member.reply("1").get("status").asString()).isEqualTo("ok");
            String message = "{\"messages\":[{\"topic\":\"floor\",\"event\":\"x\",\"payload\":{},\"private\":%s}]}";
            Http.Answer open =
                    http.post("/api/broadcast", message.formatted("false"), "Authorization", "Bearer " + token);
            assertThat(open.status()).isEqualTo(403);
            assertThat(open.body()).contains("This project only allows private channels");
            assertThat(http.post("/api/broadcast", message.formatted("true"), "Authorization", "Bearer " + token)
                            .status())
                    .isEqualTo(202);
            member.event("realtime:floor", "broadcast");
        }
    }

    @Test
    void KF43_inClosedRoomsChangesStillFlowAndATokenThatComesLaterOpensThem() {
        try (TestServer server = TestServer.with()
                        .limits(new ChannelLimits(100, 1000, Rooms.SIGNED_IN), 100)
                        .start();
                PhoenixClient stranger = server.connect();
                PhoenixClient user = server.connect()) {
            server.script(
                    "create table public.news (id int primary key); alter publication supabase_realtime add table news");
            String token = server.userToken(UUID.randomUUID());
            String ref = user.joinedRoom("realtime:floor", "{}");
            user.push(ref, "realtime:floor", "access_token", "{\"access_token\":\"" + token + "\"}");
            String sent = user.push(
                    ref, "realtime:floor", "broadcast", "{\"type\":\"broadcast\",\"event\":\"a\",\"payload\":{}}");
            stranger.joined("realtime:floor", server.anonKey(), PhoenixClient.binding("*", "public", "news", null));

            String refused = stranger.push(
                    null, "realtime:floor", "broadcast", "{\"type\":\"broadcast\",\"event\":\"b\",\"payload\":{}}");
            assertThat(stranger.reply(refused).toString()).contains("RoomClosed");
            server.script("insert into news values (1)");

            stranger.awaitChanges(1);
            assertThat(stranger.messages())
                    .noneMatch(message -> message.get(3).asString().equals("broadcast"));
            assertThat(user.messages())
                    .noneMatch(message -> message.get(1).asString("").equals(sent)
                            && message.toString().contains("error"));
        }
    }

    @Test
    void KF43_whoSignsOutIsInNoClosedRoomAnyMore() {
        try (TestServer server = TestServer.with()
                        .limits(new ChannelLimits(100, 1000, Rooms.SIGNED_IN), 100)
                        .start();
                PhoenixClient leaver = server.connect();
                PhoenixClient user = server.connect()) {
            String token = server.userToken(UUID.randomUUID());
            leaver.joined("realtime:floor", token);
            user.joined("realtime:floor", token);

            leaver.push(null, "realtime:floor", "access_token", "{\"access_token\":\"" + server.anonKey() + "\"}");
            leaver.event("realtime:floor", "phx_error");
            user.push(
                    null,
                    "realtime:floor",
                    "broadcast",
                    "{\"type\":\"broadcast\",\"event\":\"secret\",\"payload\":{}}");
            String heard = leaver.push(null, "phoenix", "heartbeat", "{}");

            leaver.reply(heard);
            assertThat(leaver.messages())
                    .noneMatch(message -> message.get(3).asString().equals("broadcast"));
        }
    }

    // KF35: what must live is watched

    private static Thread thread(String name) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void KF35_aCoreThreadThatEndsIsSaidAndTheServerClosesItself() {
        for (String name : List.of("switchboard-pipeline", "switchboard-wal")) {
            try (TestServer server = TestServer.start();
                    Http http = new Http(server)) {
                assertThat(http.get("/readyz").status()).isEqualTo(200);

                thread(name).interrupt();

                await().atMost(Duration.ofSeconds(2))
                        .pollInterval(Duration.ofMillis(20))
                        .until(() -> server.server().failure().isPresent());
                assertThat(server.server().failure().orElseThrow()).contains(name);
                await().atMost(Duration.ofSeconds(10))
                        .until(() -> !Files.exists(
                                server.directory().resolve(Path.of("postgres", "data", "postmaster.pid"))));
            }
        }
    }

    @Test
    void KF35_whatASupervisorStartsIsBackByItselfAfterItsEnd() throws Exception {
        String java = String.join(
                " ", ServerProcess.java().stream().map(part -> "'" + part + "'").toList());
        Path launcher = Path.of("..", "switchboard").toAbsolutePath().normalize();
        // the launcher's own loop around the server of this build
        String loop = "home=/nonexistent; eval \"$(sed -n '/^supervise()/,/^}/p' '" + launcher + "')\"; server=(" + java
                + "); supervise \"$@\"";
        try (ServerProcess server = ServerProcess.start(List.of("bash", "-c", loop, "supervise"))) {
            ProcessHandle first = child(server);
            UUID organization = UUID.randomUUID();
            server.database()
                    .useHandle(handle -> handle.execute(
                            "insert into organizations (id, name, slug) values (?, 'Kept', 'kept')", organization));

            first.destroyForcibly();
            await().atMost(Duration.ofSeconds(2)).until(() -> server.status("/readyz") != 200);
            long gone = System.nanoTime();
            await().atMost(Duration.ofSeconds(30)).until(() -> server.status("/readyz") == 200);

            System.out.println("OperationTest: back after "
                    + Duration.ofNanos(System.nanoTime() - gone).toMillis() + " ms");
            assertThat(child(server).pid()).isNotEqualTo(first.pid());
            server.process().destroy();
            assertThat(server.process().waitFor(10, TimeUnit.SECONDS))
                    .as("a signal ends both")
                    .isTrue();
            assertThat(server.status("/healthz")).isZero();
        }
    }

    private static ProcessHandle child(ServerProcess server) {
        return await().atMost(Duration.ofSeconds(10))
                .until(
                        () -> server.process()
                                .descendants()
                                .filter(process ->
                                        process.info().command().orElse("").endsWith("java"))
                                .findFirst(),
                        Optional::isPresent)
                .orElseThrow();
    }

    // KF44

    @Test
    void KF44_aSignalStopsTheServerWithinFiveSecondsThoughPostgresIsDead() throws Exception {
        try (ServerProcess server = ServerProcess.start(ServerProcess.startCommand())) {
            Postmaster.of(server.directory().resolve("postgres/data")).signal("KILL");
            long start = System.nanoTime();

            server.process().destroy();

            assertThat(server.process().waitFor(5, TimeUnit.SECONDS))
                    .as("after " + Duration.ofNanos(System.nanoTime() - start))
                    .isTrue();
        }
    }

    @Test
    void KF36_postgresLogIsCutBeforeItFillsTheDisk() throws IOException {
        try (TestServer server = TestServer.start()) {
            Path log = server.directory().resolve(Path.of("postgres", "postgres.log"));
            byte[] noise = "x".repeat(1 << 20).getBytes(StandardCharsets.US_ASCII);
            for (int i = 0; i < 65; i++) {
                Files.write(log, noise, java.nio.file.StandardOpenOption.APPEND);
            }

            await().atMost(Duration.ofSeconds(10)).until(() -> Files.size(log) < 1 << 20);
            assertThat(Files.size(log.resolveSibling("postgres.log.1"))).isGreaterThanOrEqualTo(64 << 20);
            server.database().useHandle(handle -> handle.execute("do $$ begin raise log 'after the cut'; end $$"));
            await().atMost(Duration.ofSeconds(10))
                    .until(() -> Files.readString(log).contains("after the cut"));
            assertThat(server.token("anon", Map.of())).isNotEmpty();
        }
    }
}
