package dev.switchboard.systemtest.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.server.command.Main;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code switchboard simulate}. SPEC L29. */
class SimulateCommandTest {
    private record Run(int code, String out, String err) {
        static Run of(String... arguments) {
            var out = new ByteArrayOutputStream();
            var err = new ByteArrayOutputStream();
            var all = new ArrayList<>(List.of("simulate"));
            all.addAll(List.of(arguments));
            int code = Main.run(all, out, err);
            return new Run(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
        }
    }

    @Test
    void L29_saysHowLongMadeUpCustomersWaited(@TempDir Path directory) throws IOException {
        Path json = directory.resolve("report.json");

        Run run = Run.of(
                "--preset", "overload", "--agents", "3", "--duration", "30m", "--seed", "4", "--json", json.toString());

        assertThat(run.code()).as(run.err()).isZero();
        JsonNode report = JsonMapper.shared().readTree(Files.readString(json));
        int answered = report.path("answered").asInt();
        assertThat(answered).isPositive();
        assertThat(run.out())
                .contains("overload, 3 agents, 0:30:00, seed 4, speed max")
                .containsPattern("answered +" + answered + " ");
        int offered = answered
                + report.path("abandoned").asInt()
                + report.path("missed").asInt()
                + report.path("flowedOut").asInt();
        int inSteps = 0;
        for (JsonNode step : report.path("waits")) {
            inSteps += step.path("answered").asInt() + step.path("others").asInt();
        }
        assertThat(inSteps).isEqualTo(offered);
        assertThat(run.err()).contains("100 %");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            --agents 0      | Invalid value for option '--agents': 0 is not between 1 and 500
            --speed 21      | Invalid value for option '--speed': 21 is not between 1 and 20
            --speed fast    | Invalid value for option '--speed': fast is neither max nor a number
            --from-hour 24  | Invalid value for option '--from-hour': 24 is not between 0 and 23
            --duration 5    | 5 is no time as 30s, 90m or 8h
            --duration 8d   | 8d is no time as 30s, 90m or 8h
            --duration 200h | 200h is not between 1s and 168h
            --json /no/x    | Invalid value for option '--json': /no/x is in no folder that can be written to
            --preset busy   | busy is none of [calm, normal, overload, storm]
            """)
    void L29_refusesWhatCannotBe(String arguments, String message) {
        Run run = Run.of(arguments.split(" ", -1));

        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains(message);
    }
}
