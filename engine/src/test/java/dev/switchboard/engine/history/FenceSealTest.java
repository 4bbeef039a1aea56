package dev.switchboard.engine.history;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Fence;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.StartingPoint;
import java.time.Instant;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** H4: a place is its user's, and of one stream; what is not word for word as it was given is none. */
class FenceSealTest {
    private static final String HERE = "7/1/postgres";
    private static final FenceSeal SEAL = FenceSeal.of("a secret of at least thirty-two bytes");
    private static final Claims DOUG = user("authenticated", "{}", "doug");

    private static Claims user(String role, String json, @Nullable String subject) {
        return new Claims(new ClaimsGroup(role, json), Optional.ofNullable(subject), Instant.MAX);
    }

    private static Fence random(Random random) {
        Set<Integer> underWay = IntStream.generate(random::nextInt)
                .limit(random.nextInt(5))
                .boxed()
                .collect(Collectors.toSet());
        return new Fence(
                new StartingPoint(random.nextInt(), underWay, new Lsn(random.nextLong())), new Lsn(random.nextLong()));
    }

    @Test
    void H4_whatWasSealedIsReadAgain() {
        for (int seed = 0; seed < 1_000; seed++) {
            Fence fence = random(new Random(seed));

            assertThat(SEAL.open(SEAL.seal(fence, DOUG, HERE), DOUG, HERE)).contains(fence);
        }
    }

    @Test
    void H4_anyOtherCharacterIsNoneOrTheSame() {
        String text = SEAL.seal(random(new Random(1)), DOUG, HERE);
        for (int i = 0; i < text.length(); i++) {
            for (char other : "0f.-@~".toCharArray()) {
                String changed = text.substring(0, i) + other + text.substring(i + 1);

                assertThat(SEAL.open(changed, DOUG, HERE).isPresent())
                        .as(changed)
                        .isEqualTo(changed.equals(text));
            }
        }
    }

    @Test
    void H4_itIsOneUsersOfOneStreamUnderOneSecret() {
        Fence fence = random(new Random(2));
        String text = SEAL.seal(fence, DOUG, HERE);

        assertThat(SEAL.open(text, user("authenticated", "{\"org\":1}", "doug"), HERE))
                .as("with other claims")
                .contains(fence);
        assertThat(SEAL.open(text, user("authenticated", "{}", "rhonda"), HERE)).isEmpty();
        assertThat(SEAL.open(text, user("admin", "{}", "doug"), HERE)).isEmpty();
        assertThat(SEAL.open(text, user("authenticated", "{}", null), HERE)).isEmpty();
        assertThat(SEAL.open(text, DOUG, "8/1/postgres")).isEmpty();
        assertThat(FenceSeal.of("another secret of thirty-two bytes").open(text, DOUG, HERE))
                .isEmpty();
        String nobodys = SEAL.seal(fence, user("anon", "{\"a\":1}", null), HERE);
        assertThat(SEAL.open(nobodys, user("anon", "{\"a\":1}", null), HERE)).contains(fence);
        assertThat(SEAL.open(nobodys, user("anon", "{\"a\":2}", null), HERE)).isEmpty();
    }

    @Test
    void H2_H4_thePositionMovesOnAndNeverBack() {
        var fence = new Fence(new StartingPoint(5, Set.of(3), new Lsn(200)), new Lsn(100));
        String text = SEAL.seal(fence, DOUG, HERE);

        assertThat(SEAL.open(text + "@0/C8#3", DOUG, HERE).orElseThrow().from())
                .isEqualTo(new Position(new Lsn(200), 3));
        assertThat(SEAL.open(text + "@0/1#0", DOUG, HERE)).contains(fence);
        for (String none : new String[] {"@", "@x", "@0/C8", "@0/C8#", "@0/C8#x", "@/#", "@0/C8#1@0/C9#1"}) {
            assertThat(SEAL.open(text + none, DOUG, HERE)).as(none).isEmpty();
        }
    }
}
