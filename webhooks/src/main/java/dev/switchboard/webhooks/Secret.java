package dev.switchboard.webhooks;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Base64;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The secrets that messages are signed with: derived from one of the installation's, so that the database has none. Thread-safe.
 *
 * @param installation the secret of the installation
 */
public record Secret(String installation) {
    private static final String ALGORITHM = "HmacSHA256";
    private static final String PREFIX = "whsec_";

    /** The secret of an endpoint as its receiver keeps it: {@code whsec_} and base64 (Standard Webhooks, "Signature scheme"). */
    public String of(UUID endpoint, int version) {
        return PREFIX + Base64.getEncoder().encodeToString(key(endpoint, version));
    }

    private byte[] key(UUID endpoint, int version) {
        return mac(installation.getBytes(StandardCharsets.UTF_8), "webhook\0" + endpoint + "\0" + version);
    }

    /**
     * The header {@code webhook-signature} of a message.
     *
     * @param id        of the message, the same at every attempt
     * @param timestamp of the attempt, in seconds since 1970
     */
    String signature(UUID endpoint, int version, String id, long timestamp, String body) {
        return sign(key(endpoint, version), id, timestamp, body);
    }

    static String sign(byte[] key, String id, long timestamp, String body) {
        return "v1," + Base64.getEncoder().encodeToString(mac(key, id + "." + timestamp + "." + body));
    }

    private static byte[] mac(byte[] key, String text) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(key, ALGORITHM));
            return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("every Java platform has " + ALGORITHM, impossible);
        }
    }

    @Override
    public String toString() {
        return "Secret[hidden]";
    }
}
