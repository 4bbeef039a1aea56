package dev.switchboard.systemtest.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.SupabaseClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** docs/protocol.md says of everything that the official client can do which test has it, docs/promises.md of what is promised. */
class ProtocolDocumentTest {
    private static final Path ROOT = Path.of("..");
    private static final Pattern TEST = Pattern.compile("`(\\w+Test)#(\\w+)`");

    private static String document(String name) throws IOException {
        return Files.readString(ROOT.resolve("docs").resolve(name));
    }

    @ParameterizedTest
    @ValueSource(strings = {"protocol.md", "promises.md"})
    void everyTestThatIsNamedIsThere(String document) throws IOException {
        List<String> named = TEST.matcher(document(document))
                .results()
                .map(found -> found.group(1) + "#" + found.group(2))
                .distinct()
                .toList();
        assertThat(named).hasSizeGreaterThan(20);

        assertThat(named).allMatch(ProtocolDocumentTest::exists);
    }

    private static boolean exists(String test) {
        String file = test.substring(0, test.indexOf('#')) + ".java";
        String name = test.substring(test.indexOf('#') + 1);
        return Stream.of("engine", "live-queries", "system-test").anyMatch(module -> {
            try (Stream<Path> files = Files.walk(ROOT.resolve(module).resolve("src/test/java"))) {
                return files.filter(path -> path.endsWith(file)).anyMatch(path -> has(path, name));
            } catch (IOException unreadable) {
                throw new UncheckedIOException(unreadable);
            }
        });
    }

    private static boolean has(Path file, String name) {
        try {
            return Files.readString(file).contains("void " + name);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    @Test
    @Tag("node")
    void everyMethodOfTheClientIsInTheDocument() throws IOException {
        String document = document("protocol.md");
        try (TestServer server = TestServer.start();
                SupabaseClient clients = new SupabaseClient()) {
            clients.connect("doug", "supabase-js-2.119", server.url(), server.anonKey(), null, "2.0.0");
            clients.tell("surface", "doug", "any", "{}");
            List<String> methods = clients.event(said -> SupabaseClient.is(said, "kind", "surface"))
                    .get("methods")
                    .valueStream()
                    .map(name -> name.asString())
                    .toList();

            assertThat(methods).contains("connect", "subscribe", "httpSend");
            assertThat(methods)
                    .allMatch(name -> document.contains("`" + name + "`") || document.contains("`" + name + "("));
        }
    }
}
