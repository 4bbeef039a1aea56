package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.switchboard.server.command.Main;
import dev.switchboard.server.explain.ExplainError;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The three stories of docs/explain.md, run as they are told there. */
class ExplainStoriesTest {
    private static final Path PAGE = Path.of("../docs/explain.md");
    private static final Pattern BLOCK = Pattern.compile("(?ms)^```(sql|console)\\n(.*?)^```$");
    private static final String BOB = "bob@example.org";

    @Test
    void eachStoryIsTrue() throws IOException {
        String page = Files.readString(PAGE);
        try (TestServer server = TestServer.start();
                Http http = new Http(server);
                PhoenixClient screen = server.connect()) {
            UUID bob = UUID.fromString(
                    http.post("/auth/v1/signup", "{\"email\":\"" + BOB + "\",\"password\":\"a long password\"}")
                            .json()
                            .at("/user/id")
                            .asString());
            int told = 0;
            Matcher block = BLOCK.matcher(page.substring(page.indexOf("## Three stories")));
            while (block.find()) {
                if (block.group(1).equals("sql")) {
                    server.script(block.group(2));
                    if (block.group(2).contains("add table deals")) {
                        screen.joined(
                                "realtime:deals",
                                server.userToken(bob),
                                PhoenixClient.binding("*", "public", "deals", "state=eq.new"));
                    }
                } else {
                    told++;
                    List<String> lines = block.group(2).lines().toList();
                    await().untilAsserted(() ->
                            assertThat(run(server, lines.getFirst())).contains(lines.subList(1, lines.size())));
                }
            }
            assertThat(told).isEqualTo(3);
        }
    }

    private static String run(TestServer server, String command) {
        Matcher words = Pattern.compile("'([^']*)'|(\\S+)").matcher(command.substring("$ ./switchboard ".length()));
        var arguments = new ArrayList<String>();
        while (words.find()) {
            arguments.add(words.group(1) == null ? words.group(2) : words.group(1));
        }
        arguments.addAll(List.of("--data-dir", server.directory().toString(), "--url", server.url()));
        var out = new ByteArrayOutputStream();
        Main.run(arguments, out, out);
        return out.toString(StandardCharsets.UTF_8);
    }

    @Test
    void everyRefusalHasARow() throws IOException {
        assertThat(Files.readString(PAGE))
                .contains(List.of(ExplainError.values()).stream()
                        .map(error -> "| `" + error.code() + "` | ")
                        .toList());
    }
}
