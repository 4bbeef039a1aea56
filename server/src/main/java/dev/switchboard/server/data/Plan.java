package dev.switchboard.server.data;

import java.util.Optional;

/**
 * What to run for a request. Immutable.
 *
 * @param main      gives one row: the answer's body, its bytes, its rows, the total, the rows written, those inserted
 * @param estimate  a query whose estimated rows are asked for beside it
 * @param readOnly  whether the transaction may not write
 * @param single    whether there has to be exactly one row
 * @param explained whether the answer is the plan of the main statement
 */
record Plan(Sql main, Optional<Sql> estimate, boolean readOnly, boolean single, Optional<MediaType.Plan> explained) {
    /**
     * What came of it.
     *
     * @param body     empty where it is larger than allowed
     * @param bytes    of the body
     * @param rows     in the answer
     * @param total    rows whatever the range, where they were counted
     * @param written  rows that were written
     * @param inserted of them, by an upsert
     * @param headers  that a function set, as JSON
     * @param status   that a function set
     */
    record Outcome(
            Optional<String> body,
            long bytes,
            long rows,
            Optional<Long> total,
            Optional<Long> written,
            Optional<Long> inserted,
            Optional<String> headers,
            Optional<String> status,
            Optional<Long> estimated) {
        static Outcome explained(String plan) {
            return new Outcome(
                    Optional.of(plan),
                    plan.length(),
                    1,
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty());
        }
    }
}
