package dev.switchboard.engine.model;

/**
 * A connection of this process.
 *
 * @param loop   index of the event loop that owns it
 * @param number unique in the process
 */
public record ConnectionId(int loop, long number) {}
