package dev.switchboard.accounts;

import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import tools.jackson.databind.node.ObjectNode;

/**
 * A row of {@code auth.users}.
 *
 * @param newEmail that the user wants to have
 * @param awaited  links that have to come back before that is so
 * @param json     as clients see it; owned by whoever read it
 */
record User(
        UUID id,
        Optional<String> email,
        Optional<String> passwordHash,
        boolean confirmed,
        Optional<Instant> bannedUntil,
        boolean anonymous,
        String role,
        String audience,
        Optional<String> newEmail,
        Set<OneTimeTokens.Purpose> awaited,
        ObjectNode json) {
    boolean isBanned(Instant now) {
        return bannedUntil.filter(now::isBefore).isPresent();
    }
}
