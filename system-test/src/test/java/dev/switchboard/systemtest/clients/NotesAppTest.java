package dev.switchboard.systemtest.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The example app in a headless browser: one HTML file with the official browser build. */
@Tag("node")
class NotesAppTest {
    @Test
    void Q21_theExampleAppSignsUpSignsInListsInsertsAndWatches() throws Exception {
        Path pictures = Files.createDirectories(Path.of("target", "pictures")).toAbsolutePath();
        Path page = Path.of("..", "examples", "notes.html").toAbsolutePath().normalize();
        installExamples(page.getParent());
        try (TestServer server = TestServer.start()) {
            String script =
                    Files.readString(Path.of("..", "server", "src", "main", "resources", "db", "demo", "notes.sql"));
            server.database().useHandle(handle -> {
                try (var statement = handle.getConnection().createStatement()) {
                    statement.execute(script);
                }
            });
            Process browser = new ProcessBuilder(
                            "node",
                            "notes-app.mjs",
                            server.url(),
                            server.anonKey(),
                            page.toUri().toString(),
                            pictures.toString())
                    .directory(Path.of("clients").toFile())
                    .redirectErrorStream(true)
                    .start();
            String said = new String(browser.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(browser.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(browser.exitValue()).as(said).isZero();
            JsonNode saw = JsonMapper.shared().readTree(said.lines().toList().getLast());

            assertThat(saw.path("refused").asString()).isEqualTo("Invalid login credentials");
            assertThat(saw.path("added").toString()).isEqualTo("[\"call the plumber <b>now</b>\"]");
            assertThat(saw.path("left").toString()).isEqualTo("[\"second\"]");
            assertThat(saw.path("seen").toString()).isEqualTo("[]");
            assertThat(saw.path("custom").toString()).as("KF9").matches("\\[\\d+,200,\\d+\\]");
            assertThat(saw.path("errors").toString()).isEqualTo("[]");
        }
    }

    /** As the README says. */
    private static void installExamples(Path folder) throws IOException, InterruptedException {
        if (!Files.exists(folder.resolve("node_modules"))) {
            Process npm = new ProcessBuilder("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .start();
            String said = new String(npm.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(npm.waitFor()).as(said).isZero();
        }
    }
}
