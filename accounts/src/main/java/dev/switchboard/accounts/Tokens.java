package dev.switchboard.accounts;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;

/** Random tokens, and the hashes under which they are kept: the database alone lets nobody in. Thread-safe. */
final class Tokens {
    private static final int BYTES = 32;

    private final SecureRandom random;

    Tokens(SecureRandom random) {
        this.random = random;
    }

    /** 43 characters, 256 bits. */
    String next() {
        byte[] bytes = new byte[BYTES];
        random.nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** Six digits. */
    String nextNumber() {
        return "%06d".formatted(random.nextInt(1_000_000));
    }

    static byte[] hash(String token) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has SHA-256", impossible);
        }
    }

    static String hex(String token) {
        return HexFormat.of().formatHex(hash(token));
    }

    /** Whether a verifier belongs to a challenge (RFC 7636, section 4.6). */
    static boolean fits(String verifier, String challenge, String method) {
        String computed = method.equalsIgnoreCase("s256")
                ? Base64.getUrlEncoder().withoutPadding().encodeToString(hash(verifier))
                : verifier;
        return MessageDigest.isEqual(
                computed.getBytes(StandardCharsets.UTF_8), challenge.getBytes(StandardCharsets.UTF_8));
    }
}
