package dev.switchboard.engine.presence;

import java.util.Optional;

/**
 * One presence of one channel under a key.
 *
 * @param ref         {@code phx_ref}: unique for ever, new with every change
 * @param previousRef {@code phx_ref_prev}: what it was before this change
 * @param members     the members of the tracked JSON object, without its braces
 */
public record PresenceMeta(String ref, Optional<String> previousRef, String members) {}
