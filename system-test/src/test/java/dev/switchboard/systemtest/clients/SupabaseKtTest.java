package dev.switchboard.systemtest.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import io.github.jan.supabase.SupabaseClient;
import io.github.jan.supabase.SupabaseClientBuilderKt;
import io.github.jan.supabase.postgrest.query.filter.FilterOperator;
import io.github.jan.supabase.realtime.PostgresAction;
import io.github.jan.supabase.realtime.PresenceAction;
import io.github.jan.supabase.realtime.Realtime;
import io.github.jan.supabase.realtime.RealtimeChannel;
import io.github.jan.supabase.realtime.RealtimeChannelBuilder;
import io.github.jan.supabase.realtime.RealtimeKt;
import io.github.jan.supabase.realtime.RealtimeProtocolVersion;
import io.github.jan.supabase.realtime.broadcast.BroadcastPayload;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import kotlin.Unit;
import kotlin.coroutines.Continuation;
import kotlin.coroutines.EmptyCoroutineContext;
import kotlin.jvm.JvmClassMappingKt;
import kotlin.jvm.functions.Function1;
import kotlinx.coroutines.BuildersKt;
import kotlinx.coroutines.flow.Flow;
import kotlinx.serialization.json.Json;
import kotlinx.serialization.json.JsonObject;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** supabase-kt 3.7.0 with Ktor's CIO, unmodified, on both wire versions. */
class SupabaseKtTest {
    private static final int PATIENCE_SECONDS = 20;

    private static TestServer server;
    private final List<Thread> collecting = new ArrayList<>();
    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @AfterEach
    void stopCollecting() {
        collecting.forEach(Thread::interrupt);
    }

    private static SupabaseClient client(String token, RealtimeProtocolVersion version) {
        return SupabaseClientBuilderKt.createSupabaseClient(server.url(), server.anonKey(), builder -> {
            builder.setUseHTTPS(false);
            builder.setAccessToken(_ -> token);
            builder.install(Realtime.Companion, config -> {
                config.setVsn(version);
                config.setSecure(false);
                return Unit.INSTANCE;
            });
            return Unit.INSTANCE;
        });
    }

    private static RealtimeChannel channel(
            SupabaseClient client, String topic, Function1<RealtimeChannelBuilder, Unit> config) {
        return RealtimeKt.channel(client, topic, config);
    }

    /** Runs what suspends, and waits for it. */
    private static void run(Function1<Continuation<? super Unit>, Object> body) throws InterruptedException {
        BuildersKt.runBlocking(EmptyCoroutineContext.INSTANCE, (_, continuation) -> body.invoke(continuation));
    }

    private <T> void collect(Flow<T> flow, Function1<T, String> words) {
        collecting.add(Thread.ofPlatform().daemon().start(() -> {
            try {
                run(continuation -> flow.collect(
                        (value, _) -> {
                            String said = words.invoke(value);
                            if (!said.isEmpty()) { // a state of nobody
                                events.add(said);
                            }
                            return Unit.INSTANCE;
                        },
                        continuation));
            } catch (InterruptedException ended) {
                Thread.currentThread().interrupt();
            }
        }));
    }

    private String next() throws InterruptedException {
        String event = events.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        assertThat(event).isNotNull();
        return event;
    }

    private static JsonObject json(String text) {
        return (JsonObject) Json.Default.parseToJsonElement(text);
    }

    @ParameterizedTest
    @EnumSource(RealtimeProtocolVersion.class)
    void F000_12_F_B_P_changesBroadcastsAndPresence(RealtimeProtocolVersion version) throws Exception {
        UUID organization = server.organization("kt-" + UUID.randomUUID());
        String token = server.userToken(server.member(organization));
        SupabaseClient client = client(token, version);
        try (PhoenixClient bare = server.connect()) {
            RealtimeChannel channel = channel(client, "kt-" + version, builder -> {
                builder.broadcast(config -> {
                    config.setReceiveOwnBroadcasts(true);
                    config.setAcknowledgeBroadcasts(true);
                    return Unit.INSTANCE;
                });
                builder.presence(config -> {
                    config.setKey("ann");
                    return Unit.INSTANCE;
                });
                return Unit.INSTANCE;
            });
            collect(
                    channel.postgresChangeFlowInternal(
                            channel, JvmClassMappingKt.getKotlinClass(PostgresAction.class), "public", filter -> {
                                filter.setTable("calls");
                                filter.filter("organization_id", FilterOperator.EQ, organization.toString());
                                return Unit.INSTANCE;
                            }),
                    action -> switch (action) {
                        case PostgresAction.Insert insert -> "insert " + insert.getRecord();
                        case PostgresAction.Update update -> "update " + update.getRecord() + update.getOldRecord();
                        case PostgresAction.Delete delete -> "delete " + delete.getOldRecord();
                        default -> "other " + action;
                    });
            collect(channel.broadcastFlow("ring"), broadcast -> "broadcast " + words(broadcast.getPayload()));
            collect(
                    channel.presenceChangeFlow(),
                    action -> action.getJoins().isEmpty() && action.getLeaves().isEmpty() ? "" : words(action));
            await().until(() -> channel.getCallbackManager().hasPresenceCallback());
            run(continuation -> channel.subscribe(true, continuation));

            UUID call = server.call(organization);
            assertThat(next()).startsWith("insert ").contains(call.toString());
            server.script("update calls set company_name = 'Kt' where id = '" + call + "'");
            assertThat(next()).startsWith("update ").contains("\"company_name\":\"Kt\"");
            server.script("delete from calls where id = '" + call + "'");
            assertThat(next()).startsWith("delete ").contains(call.toString());

            run(continuation ->
                    channel.broadcast("ring", new BroadcastPayload.Json(json("{\"n\":[1,2.5]}")), continuation));
            assertThat(next()).isEqualTo("broadcast {\"n\":[1,2.5]}");
            if (version == RealtimeProtocolVersion.V2) {
                byte[] bytes = "bytes ü".getBytes(StandardCharsets.UTF_8);
                run(continuation -> channel.broadcast("ring", new BroadcastPayload.Binary(bytes), continuation));
                assertThat(next()).isEqualTo("broadcast bytes bytes ü");
            }

            run(continuation -> channel.track(json("{\"page\":\"board\"}"), continuation));
            assertThat(next()).startsWith("joins [ann]").contains("board");
            bare.joinedRoom("realtime:kt-" + version, "{\"presence\":{\"key\":\"bob\",\"enabled\":true}}");
            bare.push(
                    "1",
                    "realtime:kt-" + version,
                    "presence",
                    "{\"type\":\"presence\",\"event\":\"track\",\"payload\":{}}");
            assertThat(next()).startsWith("joins [bob]");
            run(channel::untrack);
            assertThat(next()).startsWith("joins [] leaves [ann]");
            run(channel::unsubscribe);
        } finally {
            run(client::close);
        }
    }

    /** Y1, Z2: a private room, what the database says there, and a room that is refused. */
    @ParameterizedTest
    @EnumSource(RealtimeProtocolVersion.class)
    void Y1_Z2_privateRoomsAndWhatTheDatabaseSays(RealtimeProtocolVersion version) throws Exception {
        server.script("drop policy if exists kt_hear on realtime.messages");
        server.script("create policy kt_hear on realtime.messages for select to authenticated using"
                + " (realtime.topic() = 'kt-crew')");
        SupabaseClient client = client(server.userToken(UUID.randomUUID()), version);
        try {
            Function1<RealtimeChannelBuilder, Unit> isPrivate = builder -> {
                builder.setPrivate(true);
                return Unit.INSTANCE;
            };
            RealtimeChannel crew = channel(client, "kt-crew", isPrivate);
            collect(crew.broadcastFlow("word"), broadcast -> "broadcast " + words(broadcast.getPayload()));
            run(continuation -> crew.subscribe(true, continuation));

            server.script("select realtime.send('{\"n\":7}', 'word', 'kt-crew')");
            assertThat(next()).startsWith("broadcast ").contains("\"n\":7");

            run(crew::unsubscribe);

            RealtimeChannel elsewhere = channel(client, "kt-elsewhere", isPrivate);
            collect(elsewhere.getStatus(), status -> "status " + status);
            run(continuation -> elsewhere.subscribe(false, continuation));
            var statuses = new ArrayList<>(List.of(next()));
            while (!statuses.contains("status UNSUBSCRIBING")) { // and then it tries again, for ever
                statuses.add(next());
            }
            assertThat(statuses).doesNotContain("status SUBSCRIBED");
        } finally {
            run(client::close);
        }
    }

    private static String words(BroadcastPayload payload) {
        return switch (payload) {
            case BroadcastPayload.Json json -> json.getValue().toString();
            case BroadcastPayload.Binary binary -> "bytes " + new String(binary.getData(), StandardCharsets.UTF_8);
            default -> payload.toString();
        };
    }

    private static String words(PresenceAction action) {
        return "joins " + action.getJoins().keySet() + " leaves "
                + action.getLeaves().keySet() + " " + action.getJoins();
    }
}
