package dev.switchboard.telephony.fake;

import static org.assertj.core.api.Assertions.assertThat;

import com.twilio.security.RequestValidator;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The provider of the tests signs as the real one does, and the official library says so. SPEC L19. */
class SignatureTest {
    private static final String TOKEN = "12345";

    @Test
    void L19_thePublishedVector() {
        String url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        Map<String, String> fields = Map.of(
                "CallSid", "CA1234567890ABCDE",
                "Caller", "+14158675309",
                "Digits", "1234",
                "From", "+14158675309",
                "To", "+18005551212");

        assertThat(Signature.of(TOKEN, url, fields)).isEqualTo("RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        assertThat(new RequestValidator(TOKEN).validate(url, fields, "RSOYDt4T1cUTdK1PDd93/VVr8B8="))
                .isTrue();
    }

    @Test
    void L19_theOfficialLibraryTakesWhatIsSignedAndNothingThatWasChanged() {
        var random = new Random(11);
        var validator = new RequestValidator(TOKEN);
        for (int i = 0; i < 500; i++) {
            var fields = new HashMap<String, String>();
            for (int field = random.nextInt(12); field > 0; field--) {
                fields.put("F" + random.nextInt(100), text(random));
            }
            String url = "https://calls.example.com/telephony/twilio/status?call=" + random.nextInt(1000);
            String signature = Signature.of(TOKEN, url, fields);
            assertThat(validator.validate(url, fields, signature)).isTrue();

            fields.put("CallStatus", "completed " + i);
            assertThat(validator.validate(url, fields, signature)).isFalse();
        }
    }

    private static String text(Random random) {
        return random.ints(random.nextInt(20), 0x20, 0x2FF)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }
}
