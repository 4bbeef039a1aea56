package dev.switchboard.engine.model;

/**
 * Whom broadcasts and presence are for.
 *
 * @param topic     with the prefix {@code realtime:}
 * @param isPrivate whether policies say who may be there; a public room of the same name is another one
 */
public record Room(String topic, boolean isPrivate) {}
