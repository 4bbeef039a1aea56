package dev.switchboard.engine.authorize;

import dev.switchboard.engine.route.Subscription;
import java.util.BitSet;

/**
 * A subscription may see a change.
 *
 * @param columns index set of the relation's columns that it gets
 * @param old     how much of the row's old image it gets
 */
public record Grant(Subscription subscription, BitSet columns, OldImage old) {
    /** How much of the old image is shown. */
    public enum OldImage {
        /** All that the WAL carried. */
        SHOWN,
        /** The key, which is the same in the new image. */
        KEY,
        /** Nothing: the policy hides the old row, or there is none. */
        HIDDEN,
        /** It alone, whole: the row has left what the subscriber may see and asked for. */
        LEFT
    }
}
