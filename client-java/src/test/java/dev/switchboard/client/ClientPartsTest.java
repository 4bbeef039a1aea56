package dev.switchboard.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ClientPartsTest {
    @Test
    void F000_41_pausesGrowWithJitterToACapAndStartAgainOnSuccess() {
        var backoff = new Backoff(Duration.ofMillis(250), Duration.ofSeconds(10), new SplittableRandom(1));

        List<Duration> pauses = Stream.generate(backoff::next).limit(200).toList();
        backoff.reset();

        assertThat(pauses.subList(0, 4))
                .allSatisfy(pause -> assertThat(pause).isLessThanOrEqualTo(Duration.ofSeconds(2)));
        assertThat(pauses).allSatisfy(pause -> assertThat(pause).isBetween(Duration.ZERO, Duration.ofSeconds(10)));
        assertThat(pauses.subList(10, 200)).anyMatch(pause -> pause.toMillis() > 8_000);
        assertThat(pauses.subList(10, 200)).anyMatch(pause -> pause.toMillis() < 2_000);
        assertThat(backoff.next()).isLessThanOrEqualTo(Duration.ofMillis(250));
    }

    @Test
    void presencesAreJoinedThenLeftByTheirReferences() {
        var presences = new Presences();

        presences.state(object("{\"doug\":{\"metas\":[{\"phx_ref\":\"1\",\"page\":\"board\"}]}}"));
        presences.diff(
                object(
                        "{\"joins\":{\"doug\":{\"metas\":[{\"phx_ref\":\"2\",\"phx_ref_prev\":\"1\",\"page\":\"history\"}]},"
                                + "\"rhonda\":{\"metas\":[{\"phx_ref\":\"3\"}]}},\"leaves\":{\"doug\":{\"metas\":[{\"phx_ref\":\"1\"}]}}}"));
        assertThat(presences.present())
                .isEqualTo(Map.of("doug", List.of(Map.of("page", "history")), "rhonda", List.of(Map.of())));

        presences.diff(object("{\"joins\":{},\"leaves\":{\"doug\":{\"metas\":[{\"phx_ref\":\"2\"}]}}}"));
        assertThat(presences.present()).containsOnlyKeys("rhonda");
    }

    @Test
    void jsonKeepsEveryDigit() {
        String text = "{\"a\":[1,9223372036854775808,0.10,true,null,\"ü\\n\"],\"b\":{}}";

        Map<String, Object> read = object(text);

        assertThat(read.get("a"))
                .isEqualTo(java.util.Arrays.asList(
                        1L, new BigInteger("9223372036854775808"), new BigDecimal("0.10"), true, null, "ü\n"));
        assertThat(JsonText.write(read)).isEqualTo(text);
    }

    private static Map<String, Object> object(String text) {
        return JsonText.object(Map.of("it", java.util.Objects.requireNonNull(JsonText.read(text))), "it");
    }
}
