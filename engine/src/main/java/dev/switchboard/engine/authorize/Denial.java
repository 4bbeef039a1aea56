package dev.switchboard.engine.authorize;

import dev.switchboard.engine.route.Subscription;

/** A subscription may not see a change that fits it. */
public record Denial(Subscription subscription, Reason reason) {
    /** Why. */
    public enum Reason {
        /** A policy is not true for the row, could not be decided for it, or raised. */
        POLICIES("a policy hides the row"),
        /** The role may read none of the columns that are asked for. */
        COLUMNS("the role may read none of the columns"),
        /** The role may not read a column of the filter any more. */
        FILTER_COLUMN("the role may not read a column of the filter");

        private final String words;

        Reason(String words) {
            this.words = words;
        }

        public String words() {
            return words;
        }
    }
}
