package dev.switchboard.accounts;

import at.favre.lib.crypto.bcrypt.BCrypt;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.Semaphore;

/**
 * Passwords as bcrypt hashes. Checking takes the same time whether there is a user or not. Thread-safe; at most as many at
 * a time as there are processors, so that a rush of sign-ins does not starve the event loops: others wait.
 */
final class Passwords {
    /** bcrypt reads no more. */
    static final int MOST_BYTES = 72;

    private static final int COST = 10;

    private final Semaphore processors =
            new Semaphore(Math.max(1, Runtime.getRuntime().availableProcessors() - 1), true);
    private final int shortest;
    private final String nobodys;

    /** @param shortest allowed length in characters */
    Passwords(int shortest) {
        this.shortest = shortest;
        this.nobodys = hash("nobody has this password");
    }

    /** @throws AccountException if it is too short or too long */
    void check(String password) {
        if (password.codePointCount(0, password.length()) < shortest) {
            throw new AccountException(
                    AccountError.WEAK_PASSWORD, "Password should be at least " + shortest + " characters.");
        }
        if (password.getBytes(StandardCharsets.UTF_8).length > MOST_BYTES) {
            throw new AccountException(
                    AccountError.VALIDATION_FAILED, "Password cannot be longer than " + MOST_BYTES + " bytes");
        }
    }

    String hash(String password) {
        processors.acquireUninterruptibly();
        try {
            return BCrypt.withDefaults().hashToString(COST, password.toCharArray());
        } finally {
            processors.release();
        }
    }

    /** @param hash the user's; without one a hash that nothing matches is tried all the same */
    boolean matches(String password, Optional<String> hash) {
        if (password.getBytes(StandardCharsets.UTF_8).length > MOST_BYTES) {
            return false;
        }
        processors.acquireUninterruptibly();
        try {
            boolean verified = BCrypt.verifyer()
                    .verify(
                            password.getBytes(StandardCharsets.UTF_8),
                            hash.orElse(nobodys).getBytes(StandardCharsets.UTF_8))
                    .verified;
            return verified && hash.isPresent();
        } finally {
            processors.release();
        }
    }
}
