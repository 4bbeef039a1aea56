package dev.switchboard.accounts;

import java.time.Duration;
import java.util.Optional;

/** A request that is answered with an error; what it did to the database is undone. */
final class AccountException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final AccountError error;
    private final transient Optional<Duration> retryAfter;

    AccountException(AccountError error) {
        this(error, error.message());
    }

    AccountException(AccountError error, String message) {
        this(error, message, Optional.empty());
    }

    AccountException(AccountError error, String message, Optional<Duration> retryAfter) {
        super(message, null, false, false);
        this.error = error;
        this.retryAfter = retryAfter;
    }

    AccountError error() {
        return error;
    }

    Optional<Duration> retryAfter() {
        return retryAfter;
    }

    String text() {
        return String.valueOf(getMessage());
    }
}
