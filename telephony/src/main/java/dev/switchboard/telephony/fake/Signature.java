package dev.switchboard.telephony.fake;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Of a message, as Twilio's security notes say: HMAC-SHA1 over the URL and the fields in the order of their names. */
public final class Signature {
    private Signature() {}

    /** Base64, for the header {@code X-Twilio-Signature}. */
    public static String of(String token, String url, Map<String, String> fields) {
        var text = new StringBuilder(url);
        new TreeMap<>(fields).forEach((name, value) -> text.append(name).append(value));
        try {
            Mac mac = Mac.getInstance("HmacSHA1");
            mac.init(new SecretKeySpec(token.getBytes(StandardCharsets.UTF_8), "HmacSHA1"));
            return Base64.getEncoder()
                    .encodeToString(mac.doFinal(text.toString().getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
