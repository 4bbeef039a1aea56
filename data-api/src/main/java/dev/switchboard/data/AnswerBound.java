package dev.switchboard.data;

/**
 * Ends a statement while its answer is being built and has grown too large, instead of after: five levels of embedding
 * multiply to what no backend should hold. A setting of the transaction counts the bytes of the rows that were aggregated,
 * at every level, so what is nested is counted once per level that holds a copy of it. Pure.
 */
final class AnswerBound {
    /** The setting that says how many bytes an answer may have. */
    static final String MOST = "switchboard.most";

    private static final String BUILT = "switchboard.built";
    /** How often the answer may be counted: what is nested deeper than that has to be smaller. */
    private static final int LEVELS = 2;

    private AnswerBound() {}

    /** True for each row {@code _sb_r} that is aggregated; it raises where the sum is too large, see {@link SqlErrors}. */
    static Sql holds() {
        return Sql.of("case when set_config('" + BUILT + "', (coalesce(nullif(current_setting('" + BUILT
                + "', true), ''), '0')::bigint + pg_column_size(\"_sb_r\"))::text, true)::bigint <= " + LEVELS
                + " * current_setting('" + MOST + "')::bigint then true else current_setting('" + SqlErrors.BYTES
                + "' || current_setting('" + BUILT + "'))::boolean end");
    }
}
