package dev.switchboard.examples.orders;

import java.time.Instant;
import java.util.UUID;

/** A row of table {@code orders}. */
public record Order(long id, UUID customer, String item, String state, Instant createdAt) {}
