package dev.switchboard.server.accounts;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.databind.node.ObjectNode;

/**
 * A row of {@code auth.users}.
 *
 * @param json as clients see it; owned by whoever read it
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
        ObjectNode json) {
    boolean isBanned(Instant now) {
        return bannedUntil.filter(now::isBefore).isPresent();
    }
}
