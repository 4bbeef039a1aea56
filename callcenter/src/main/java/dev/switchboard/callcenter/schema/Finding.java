package dev.switchboard.callcenter.schema;

/**
 * Something that is not as it must be.
 *
 * @param expected in words
 * @param got      in words
 * @param mend     the statement that mends it
 */
public record Finding(Layer layer, String expected, String got, String mend) {
    /** Where something can break, in the order in which a change passes. */
    public enum Layer {
        DATABASE,
        SCHEMA,
        POLICIES,
        PUBLICATION,
        REPLICA_IDENTITY,
        SLOT,
        REALTIME
    }
}
