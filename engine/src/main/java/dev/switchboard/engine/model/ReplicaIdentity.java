package dev.switchboard.engine.model;

/** What the WAL keeps of a row's old image (ALTER TABLE ... REPLICA IDENTITY). */
public enum ReplicaIdentity {
    DEFAULT,
    NOTHING,
    FULL,
    INDEX;

    /** Reads pg_class.relreplident. */
    public static ReplicaIdentity of(char code) {
        return switch (code) {
            case 'd' -> DEFAULT;
            case 'n' -> NOTHING;
            case 'f' -> FULL;
            case 'i' -> INDEX;
            default -> throw new IllegalArgumentException("unknown replica identity '" + code + "'");
        };
    }
}
