package dev.switchboard.webhooks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Base64;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Signatures as Standard Webhooks has them. SPEC WH3. */
class SecretTest {
    @Test
    void WH3_signsAsThePublishedExample() {
        byte[] key = Base64.getDecoder().decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");

        String signature = Secret.sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330L, "{\"test\": 2432232314}");

        assertThat(signature).isEqualTo("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    @Test
    void WH3_eachEndpointAndEachVersionHasItsOwnSecretAndTheSameEachTime() {
        var secret = new Secret("of the installation");
        UUID one = UUID.randomUUID();

        assertThat(secret.of(one, 1))
                .startsWith("whsec_")
                .isEqualTo(new Secret("of the installation").of(one, 1))
                .isNotEqualTo(secret.of(one, 2))
                .isNotEqualTo(secret.of(UUID.randomUUID(), 1))
                .isNotEqualTo(new Secret("of another").of(one, 1));
    }

    @Test
    void WH3_theSecretThatIsShownIsTheKeyThatSigns() {
        var secret = new Secret("of the installation");
        UUID one = UUID.randomUUID();
        byte[] shown = Base64.getDecoder().decode(secret.of(one, 3).substring("whsec_".length()));

        assertThat(secret.signature(one, 3, "msg_1", 12, "{}")).isEqualTo(Secret.sign(shown, "msg_1", 12, "{}"));
    }
}
