package dev.switchboard.engine.postgres;

/** SQL text for the driver, which takes a question mark outside of quotes for a parameter. Pure. */
final class JdbcText {
    private JdbcText() {}

    /** Doubles question marks outside of string literals and quoted identifiers: operators such as jsonb's {@code ?}. */
    static String escape(String sql) {
        if (sql.indexOf('?') < 0) {
            return sql;
        }
        var escaped = new StringBuilder();
        char quote = 0;
        for (int i = 0; i < sql.length(); i++) {
            char c = sql.charAt(i);
            if (quote == 0 && (c == '\'' || c == '"')) {
                quote = c;
            } else if (c == quote) {
                quote = 0;
            } else if (c == '?' && quote == 0) {
                escaped.append('?');
            }
            escaped.append(c);
        }
        return escaped.toString();
    }
}
