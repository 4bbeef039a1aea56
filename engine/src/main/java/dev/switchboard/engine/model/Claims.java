package dev.switchboard.engine.model;

import java.time.Instant;
import java.util.Optional;

/**
 * A verified token.
 *
 * @param group   that its claims put it into
 * @param subject whose it is, the claim {@code sub}
 */
public record Claims(ClaimsGroup group, Optional<String> subject, Instant expiresAt) {}
