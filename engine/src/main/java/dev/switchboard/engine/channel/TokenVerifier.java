package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.protocol.ErrorCode;
import java.time.Instant;

/** Port to the verification of tokens. Pure computation, called on event loops. */
public interface TokenVerifier {
    /** Checks signature, form, {@code role} and {@code exp} of a token. */
    Result verify(String token, Instant now);

    /** What came of it. */
    sealed interface Result {
        record Valid(Claims claims) implements Result {}

        /** @param message the code's own, or one with particulars */
        record Invalid(ErrorCode code, String message) implements Result {}
    }
}
