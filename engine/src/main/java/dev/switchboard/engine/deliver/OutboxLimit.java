package dev.switchboard.engine.deliver;

/**
 * The bound of what may wait for one connection in this process, beside its kernel send buffer.
 *
 * @param bytes of frames of changes; what the connection itself is told may take it to twice that
 * @param rule  applies beyond it
 */
public record OutboxLimit(int bytes, OverflowRule rule) {}
