package dev.switchboard.engine.deliver;

/** What happens when a bounded outbox is full. */
public enum OverflowRule {
    /** The connection is closed: its client reconnects and takes a fresh snapshot, so it misses nothing silently. */
    DISCONNECT
}
