package dev.switchboard.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.switchboard.junit.SwitchboardExtension;
import dev.switchboard.junit.TestDatabase;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.autoconfigure.ssl.SslAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The starter in an application (docs/embedding.md). */
@Timeout(120)
@ExtendWith(SwitchboardExtension.class)
class SwitchboardAutoConfigurationTest {
    private static final String RESOURCE_SERVER = "spring.security.oauth2.resourceserver.jwt.";

    @TempDir
    private Path directory;

    /** As its row is. */
    record Order(int id, String state) {}

    /** Hears of orders. */
    static class Orders {
        private final List<Order> heard = new CopyOnWriteArrayList<>();

        @ChangeListener(table = "orders")
        void take(Order order) {
            heard.add(order);
        }
    }

    @Configuration(proxyBeanMethods = false)
    @ImportAutoConfiguration({SslAutoConfiguration.class, SwitchboardAutoConfiguration.class})
    static class Application {
        @Bean
        Orders orders() {
            return new Orders();
        }
    }

    @BeforeAll
    static void makeTable(TestDatabase database) {
        database.execute("create table orders (id int primary key, state text)");
    }

    private ConfigurableApplicationContext start(TestDatabase database, Map<String, String> properties) {
        var arguments = new ArrayList<String>();
        properties.forEach((name, value) -> arguments.add("--" + name + "=" + value));
        arguments.add("--switchboard.database.url=" + database.url());
        arguments.add("--switchboard.database.username=" + database.user());
        arguments.add("--switchboard.database.password=" + database.password());
        arguments.add("--switchboard.prepare=true");
        arguments.add("--switchboard.server.port=0");
        arguments.add("--switchboard.server.slot=spring_test");
        arguments.add("--switchboard.server.directory=" + directory);
        return new SpringApplicationBuilder(Application.class)
                .web(WebApplicationType.NONE)
                .run(arguments.toArray(String[]::new));
    }

    /** With {@code spring.main.lazy-initialization} nobody asks for a listener's bean: it hears nevertheless. */
    @Test
    void aLazyApplicationHears(TestDatabase database) {
        try (ConfigurableApplicationContext context = start(
                database, Map.of("spring.main.lazy-initialization", "true", "switchboard.server.enabled", "false"))) {
            await().until(() -> !database.texts("select slot_name from pg_replication_slots where slot_name like"
                            + " '%orders_take' and active and database = current_database()")
                    .isEmpty());
            database.execute("insert into orders values (1, 'new')");
            Orders orders = context.getBean(Orders.class);
            await().untilAsserted(() -> assertThat(orders.heard).containsExactly(new Order(1, "new")));
        }
    }

    @Test
    void theServerShowsTheCertificateOfAnSslBundle(TestDatabase database) throws Exception {
        Path keys = keyStore();
        Map<String, String> properties = Map.of(
                "switchboard.listeners.enabled", "false",
                "switchboard.server.ssl-bundle", "web",
                "spring.ssl.bundle.jks.web.keystore.location", keys.toUri().toString(),
                "spring.ssl.bundle.jks.web.keystore.password", "secret");
        try (ConfigurableApplicationContext context = start(database, properties)) {
            URI health = URI.create(context.getBean(SwitchboardServer.class).url() + "/healthz");
            assertThat(health).hasScheme("https");
            try (HttpClient http =
                    HttpClient.newBuilder().sslContext(trusting(keys)).build()) {
                HttpResponse<String> answer =
                        http.send(HttpRequest.newBuilder(health).build(), HttpResponse.BodyHandlers.ofString());
                assertThat(answer.statusCode()).isEqualTo(200);
            }
        }
    }

    @Test
    void anSslBundleThatIsNotThereIsNamed(TestDatabase database) {
        assertThatThrownBy(() -> start(
                        database,
                        Map.of("switchboard.listeners.enabled", "false", "switchboard.server.ssl-bundle", "missing")))
                .rootCause()
                .hasMessageContaining("missing");
    }

    /** A bundle to trust others with has nothing to show. */
    @Test
    void anSslBundleWithoutAKeyIsNamed(TestDatabase database) throws Exception {
        Map<String, String> properties = Map.of(
                "switchboard.listeners.enabled", "false",
                "switchboard.server.ssl-bundle", "web",
                "spring.ssl.bundle.jks.web.truststore.location",
                        keyStore().toUri().toString(),
                "spring.ssl.bundle.jks.web.truststore.password", "secret");

        assertThatThrownBy(() -> start(database, properties))
                .rootCause()
                .hasMessageContaining("no certificate with its key");
    }

    /** A list in YAML arrives as {@code audiences[0]}; one that nothing is said of is asked for. */
    @Test
    void audiencesOfSpringSecurityMayBeAList(TestDatabase database) {
        Map<String, String> issuer = Map.of(
                "switchboard.listeners.enabled",
                "false",
                RESOURCE_SERVER + "jwk-set-uri",
                "http://127.0.0.1:1/keys",
                RESOURCE_SERVER + "issuer-uri",
                "http://127.0.0.1:1/");
        assertThatThrownBy(() -> start(database, issuer)).rootCause().hasMessageContaining("audiences");

        var complete = new java.util.HashMap<>(issuer);
        complete.put(RESOURCE_SERVER + "audiences[0]", "orders");
        try (ConfigurableApplicationContext context = start(database, complete)) {
            assertThat(context.getBean(SwitchboardServer.class).running()).isPresent();
        }
    }

    private Path keyStore() throws Exception {
        Path file = directory.resolve("keys.p12");
        Process made = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-alias",
                        "server",
                        "-keyalg",
                        "EC",
                        "-validity",
                        "2",
                        "-dname",
                        "CN=127.0.0.1",
                        "-ext",
                        "san=ip:127.0.0.1",
                        "-storetype",
                        "PKCS12",
                        "-keystore",
                        file.toString(),
                        "-storepass",
                        "secret")
                .redirectErrorStream(true)
                .start();
        assertThat(made.waitFor())
                .as(new String(made.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8))
                .isZero();
        return file;
    }

    private static SSLContext trusting(Path keys) throws Exception {
        KeyStore own = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(keys)) {
            own.load(in, "secret".toCharArray());
        }
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("server", own.getCertificate("server"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }
}
