package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The port as seen from outside: handshakes, limits, health, metrics. */
class GatewayTest {
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final int MAX_CONNECTIONS = 20;

    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start(new ChannelLimits(3, 1000), MAX_CONNECTIONS);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** The answer to a handshake by an HTTP client: what a refused WebSocket client gets. */
    private static HttpResponse<String> handshake(String path) {
        try {
            HttpRequest request = HttpRequest.newBuilder(URI.create(server.url() + path))
                    .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
                    .header("Sec-WebSocket-Version", "13")
                    .build();
            return HTTP.send(request, HttpResponse.BodyHandlers.ofString());
        } catch (IOException | InterruptedException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private static HttpResponse<String> get(String path) {
        return handshake(path);
    }

    /** With the header that the JDK's HTTP client refuses to send. */
    private static String rawHandshake(String query) throws IOException {
        return rawHandshake(query, "");
    }

    private static String rawHandshake(String query, String header) throws IOException {
        try (var socket = new java.net.Socket(java.net.InetAddress.getLoopbackAddress(), server.port())) {
            socket.getOutputStream()
                    .write(("GET /realtime/v1/websocket" + query
                                    + " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + header
                                    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
                            .getBytes(java.nio.charset.StandardCharsets.US_ASCII));
            var answer = new StringBuilder();
            byte[] buffer = new byte[4096];
            socket.setSoTimeout(5_000);
            while (!answer.toString().contains("}") && !answer.toString().startsWith("HTTP/1.1 101")) {
                int read = socket.getInputStream().read(buffer);
                if (read < 0) {
                    break;
                }
                answer.append(new String(buffer, 0, read, java.nio.charset.StandardCharsets.US_ASCII));
            }
            return answer.toString();
        }
    }

    @Test
    void W1_aHandshakeIsAcceptedAsRfc6455Says() throws IOException {
        assertThat(rawHandshake("?apikey=" + server.anonKey() + "&vsn=2.0.0"))
                .startsWith("HTTP/1.1 101")
                .containsIgnoringCase("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    @Test
    void W2_aRefusedHandshakeIsHttpWithItsReason() throws IOException {
        String expired = server.server()
                .tokens()
                .issue("anon", Map.of(), java.time.Instant.now().minusSeconds(100), java.time.Duration.ofSeconds(10));
        assertThat(rawHandshake("")).startsWith("HTTP/1.1 401").contains("\"error\":\"API key is missing\"");
        assertThat(rawHandshake("?apikey=nonsense"))
                .startsWith("HTTP/1.1 401")
                .contains("\"error\":\"The token provided is not a valid JWT\"", "\"code\":\"MalformedJWT\"");
        assertThat(rawHandshake("?apikey=" + expired))
                .startsWith("HTTP/1.1 401")
                .contains("Token has expired");
        assertThat(rawHandshake("?apikey="
                        + server.anonKey().replaceFirst(".$", server.anonKey().endsWith("A") ? "E" : "A")))
                .startsWith("HTTP/1.1 401")
                .contains("Failed to validate JWT signature");
        assertThat(rawHandshake("?apikey=" + server.anonKey() + "&vsn=3.0.0")).startsWith("HTTP/1.1 403");
        assertThat(handshake("/realtime/v1/websocket?apikey=" + server.anonKey())
                        .statusCode())
                .isEqualTo(400);
    }

    @Test
    void W2_theHeaderGoesBeforeTheParameter() throws IOException {
        String header = "x-api-key: " + server.anonKey() + "\r\n";
        assertThat(rawHandshake("?apikey=nonsense", header)).startsWith("HTTP/1.1 101");
        assertThat(rawHandshake("?apikey=" + server.anonKey(), "x-api-key: nonsense\r\n"))
                .startsWith("HTTP/1.1 401");
    }

    @Test
    void W3_connectionsBeyondTheLimitAreRefused() throws IOException {
        var open = new java.util.ArrayList<PhoenixClient>();
        try {
            for (int i = 0; i < MAX_CONNECTIONS; i++) {
                open.add(server.connect());
            }
            assertThat(rawHandshake("?apikey=" + server.anonKey()))
                    .startsWith("HTTP/1.1 429")
                    .contains("Too many connected users");
        } finally {
            open.forEach(PhoenixClient::close);
        }
        await().until(() -> server.server().gateway().counters().connections().get() == 0);
    }

    @Test
    void W8_aFrameBeyondItsLimitClosesTheConnectionWithItsCode() {
        try (PhoenixClient client = server.connect()) {
            client.sendText("x".repeat(100_001));

            assertThat(client.closeCode()).isEqualTo(1009);
        }
    }

    @Test
    void W6_whatIsNoMessageIsIgnoredAndTheConnectionStays() {
        try (PhoenixClient client = server.connect()) {
            client.sendText("");
            client.sendText("{");
            client.sendText("[1,2,3]");
            client.sendText("[null,\"1\",\"phoenix\",\"heartbeat\",{}]");

            assertThat(client.reply("1").get("status").asString()).isEqualTo("ok");
        }
    }

    @Test
    void J7_channelsBeyondTheLimitAreRefused() {
        try (PhoenixClient client = server.connect()) {
            client.joined("realtime:1", null).joined("realtime:2", null).joined("realtime:3", null);

            JsonNode reply = client.join("realtime:4", null);

            assertThat(reply.at("/response/reason").asString()).isEqualTo("ChannelRateLimitReached: Too many channels");
        }
    }

    @Test
    void F000_04_everyReasonWhyATableCannotBeSubscribedToIsNamed() {
        server.database().useHandle(handle -> {
            handle.execute("create table not_published (id int primary key)");
            handle.execute("create table public.half_open (id int primary key, secret text, shown text)");
            handle.execute("revoke all on half_open from authenticated");
            handle.execute("grant select (id, shown) on half_open to authenticated");
            handle.execute("alter publication supabase_realtime add table half_open");
        });
        String token = server.userToken(UUID.randomUUID());
        assertThat(reason(token, "nowhere", null)).contains("table public.nowhere does not exist");
        assertThat(reason(token, "not_published", null)).contains("switchboard publish public.not_published");
        assertThat(reason(token, "half_open", "secret=eq.x")).contains("permission denied for column \"secret\"");
        assertThat(reason(token, "half_open", "colour=eq.x")).contains("\"colour\"", "there are id, shown");
        assertThat(reason(token, "half_open", "id=eq.x")).contains("invalid input syntax for type integer");
        assertThat(reason(token, "half_open", "id=above.1")).contains("operator 'above' is not one of eq, neq, lt");
        assertThat(reason(token, "half_open", "id=like.1%")).contains("'like' needs a text column");
        assertThat(reason(token, "half_open", "shown=match.(")).contains("invalid regular expression");
        assertThat(reason(token, "half_open", "or(id=eq.1")).contains("'or(' without its ')'");
        assertThat(reason(token, "half_open", "shown=is.true")).contains("'is' takes null");
        assertThat(reason(server.token("postgres", Map.of()), "calls", null)).contains("permission denied");
    }

    @Test
    void F2_everyOperatorRefusesWhatItCannotCompareInTheOriginalsWordsAndOurs() {
        server.database().useHandle(handle -> {
            handle.execute("create table operators (id int primary key, word text, flag bool, at timestamptz)");
            handle.execute("alter publication supabase_realtime add table operators");
        });
        String token = server.userToken(UUID.randomUUID());
        for (String operator :
                List.of("eq", "neq", "lt", "lte", "gt", "gte", "isdistinct", "not.eq", "not.isdistinct")) {
            assertThat(reason(token, "operators", "id=" + operator + ".x"))
                    .as(operator)
                    .contains("Error parsing `filter` params: ", "invalid input syntax for type integer: \"x\"");
            assertThat(reason(token, "operators", "at=" + operator + ".never"))
                    .as(operator)
                    .contains("Error parsing `filter` params: ", "invalid input syntax for type timestamp");
        }
        assertThat(reason(token, "operators", "id=in.(1,x)"))
                .contains("Error parsing `filter` params: ", "invalid input syntax for type integer");
        assertThat(reason(token, "operators", "id=in.1"))
                .contains("Error parsing `filter` params: ", "in takes a list: column=in.(a,b)");
        assertThat(reason(token, "operators", "id=in.(" + "1,".repeat(1000) + "1)"))
                .contains("Error parsing `filter` params: ", "too many values for `in` filter. Maximum 1000");
        assertThat(reason(token, "operators", "id=in.(" + "1,".repeat(999) + "1)"))
                .as("as many as there may be")
                .isEmpty();
        for (String operator : List.of("like", "ilike", "match", "imatch")) {
            assertThat(reason(token, "operators", "id=" + operator + ".1"))
                    .as(operator)
                    .contains("Error parsing `filter` params: ", "'" + operator + "' needs a text column");
        }
        for (String operator : List.of("match", "imatch")) {
            assertThat(reason(token, "operators", "word=" + operator + ".("))
                    .as(operator)
                    .contains("Error parsing `filter` params: ", "invalid regular expression");
        }
        assertThat(reason(token, "operators", "word=is.true"))
                .contains("Error parsing `filter` params: ", "'is' takes null, not 'true'");
        assertThat(reason(token, "operators", "flag=is.maybe"))
                .contains("Error parsing `filter` params: ", "'is' takes null, true, false or unknown, not 'maybe'");
        assertThat(reason(token, "operators", "id=eq.1,,flag=is.true"))
                .contains("Error parsing `filter` params: expected column=operator.value, at character 9 of");
        assertThat(reason(token, "operators", "id=eq.1,"))
                .contains("Error parsing `filter` params: expected column=operator.value, at character 9 of");
        assertThat(reason(token, "operators", "colour=eq.red")).contains("invalid column for filter colour: ");
    }

    @Test
    void J4_whatNamesNoTableOrSelectsWhatIsNotThereSaysSoInTheOriginalsWords() {
        String token = server.userToken(UUID.randomUUID());
        String start = "RealtimeDisabledForConfiguration: Unable to subscribe to changes with given parameters ";
        assertThat(reason(token, PhoenixClient.binding("*", null, null, null)))
                .startsWith(start)
                .contains("No subscription params provided. Please provide at least a `schema` or `table`");
        assertThat(reason(token, PhoenixClient.select(PhoenixClient.binding("*", "public", "*", null), "id")))
                .startsWith(start)
                .contains("Column selection is not supported for wildcard subscriptions."
                        + " Provide an explicit schema and table name.");
        assertThat(reason(token, PhoenixClient.select(PhoenixClient.binding("*", "public", "calls", null), "colour")))
                .startsWith(start)
                .contains("invalid column for select colour: ", "there are id, ");
        server.database().useHandle(handle -> handle.execute("create table unpublished (id int primary key)"));
        assertThat(reason(token, "unpublished", null))
                .startsWith(start)
                .contains("Please check Realtime is enabled for the given connect parameters: ");
    }

    private static String reason(String token, String table, String filter) {
        return reason(token, PhoenixClient.binding("*", "public", table, filter));
    }

    private static String reason(String token, ObjectNode binding) {
        try (PhoenixClient client = server.connect()) {
            JsonNode reply = client.join("realtime:x", token, binding);
            return reply.at("/response/reason").asString();
        }
    }

    @Test
    void A6_columnsWithoutTheSelectPrivilegeAreNotSent() {
        server.database().useHandle(handle -> {
            handle.execute("create table partly (id int primary key, secret text, shown text)");
            handle.execute("revoke all on partly from authenticated");
            handle.execute("grant select (id, shown) on partly to authenticated");
            handle.execute("alter publication supabase_realtime add table partly");
        });
        try (PhoenixClient client = server.connect()) {
            client.joined(
                    "realtime:x",
                    server.userToken(UUID.randomUUID()),
                    PhoenixClient.binding("*", "public", "partly", "id=eq.007"));

            server.database().useHandle(handle -> {
                handle.execute("insert into partly values (6, 'hidden', 'x')");
                handle.execute("insert into partly values (7, 'hidden', 'y')");
            });

            JsonNode change = client.awaitChanges(1).getFirst();
            assertThat(change.get("record").toString()).isEqualTo("{\"id\":7,\"shown\":\"y\"}");
            assertThat(change.get("columns").size()).isEqualTo(2);
        }
    }

    @Test
    void H1_F000_44_healthReadinessAndMetricsAnswer() {
        assertThat(get("/healthz").body()).isEqualTo("{\"status\":\"ok\"}");
        await().until(() -> get("/readyz").statusCode() == 200);
        assertThat(get("/metrics").body())
                .contains(
                        "switchboard_connections",
                        "switchboard_channels",
                        "switchboard_changes_in_total",
                        "switchboard_deliveries_out_total",
                        "switchboard_denied_total",
                        "switchboard_lag_bytes",
                        "switchboard_lag_seconds",
                        "switchboard_commit_to_socket_seconds_bucket");
        assertThat(get("/nothing").statusCode()).isEqualTo(404);
    }

    @Test
    void F003_43_alertRulesForPrometheusAreOverMetricsThatThereAre() throws IOException {
        String rules = Files.readString(Path.of("..", "docs", "prometheus", "alerts.yml"));
        String metrics = get("/metrics").body();
        Set<String> named = Pattern.compile("switchboard_[a-z_]+")
                .matcher(rules)
                .results()
                .map(MatchResult::group)
                .collect(Collectors.toSet());

        assertThat(named).hasSizeGreaterThan(12);
        assertThat(named).allSatisfy(name -> assertThat(metrics).containsPattern("(?m)^" + name + "[ {]"));
    }

    @Test
    void H2_readinessNamesThePartThatIsNotReady() {
        server.server().postgres().orElseThrow().close();

        await().until(() -> get("/readyz").statusCode() == 503);
        assertThat(get("/readyz").body()).contains("\"wal\":\"", "\"ready\":false");

        server.server().postgres().orElseThrow().restart("fast");
        await().atMost(java.time.Duration.ofSeconds(20))
                .until(() -> get("/readyz").statusCode() == 200);
    }
}
