package dev.switchboard.engine.model;

import java.time.Instant;

/** A verified token: the group that its claims put it into, and until when it holds. */
public record Claims(ClaimsGroup group, Instant expiresAt) {}
