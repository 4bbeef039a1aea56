package dev.switchboard.data;

import dev.switchboard.http.Response;
import java.util.Map;
import java.util.Optional;

/**
 * What to run for a request. Immutable.
 *
 * @param main      gives one row: the answer's body, its rows, the total, the rows written, those inserted
 * @param estimate  a query whose estimated rows are asked for beside it
 * @param readOnly  whether the transaction may not write
 * @param explained whether the answer is the plan of the main statement
 * @param settings  of the transaction, beside those of the role
 */
record Plan(
        Sql main,
        Optional<Sql> estimate,
        boolean readOnly,
        Optional<MediaType.Plan> explained,
        Map<String, String> settings) {
    Plan(Sql main, Optional<Sql> estimate, boolean readOnly, Optional<MediaType.Plan> explained) {
        this(main, estimate, readOnly, explained, Map.of());
    }

    Plan with(Map<String, String> others) {
        return new Plan(main, estimate, readOnly, explained, others);
    }

    /**
     * What came of it.
     *
     * @param rows     in the answer
     * @param total    rows whatever the range, where they were counted
     * @param written  rows that were written
     * @param inserted of them, by an upsert
     * @param headers  that a function set, as JSON
     * @param status   that a function set
     * @param place    where the stream of changes meets it, if that was wanted
     */
    record Outcome(
            String body,
            long rows,
            Optional<Long> total,
            Optional<Long> written,
            Optional<Long> inserted,
            Optional<String> headers,
            Optional<String> status,
            Optional<Long> estimated,
            Optional<Response.Header> place) {
        /** The same, with where the stream of changes meets it. */
        Outcome at(Optional<Response.Header> met) {
            return new Outcome(body, rows, total, written, inserted, headers, status, estimated, met);
        }

        static Outcome explained(String plan) {
            return new Outcome(
                    plan,
                    1,
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty());
        }
    }
}
