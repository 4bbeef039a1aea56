package dev.switchboard.data;

/** Reads PostgREST's little languages from text, one character after the other. Owned by one parser. */
final class Scanner {
    private final String what;
    private final String text;
    private int at;

    /** @param what is parsed, for messages: filter, select parameter ... */
    Scanner(String what, String text) {
        this.what = what;
        this.text = text;
    }

    boolean atEnd() {
        return at >= text.length();
    }

    boolean at(String token) {
        return text.startsWith(token, at);
    }

    /** Goes past the token, if it is there. */
    boolean take(String token) {
        if (!at(token)) {
            return false;
        }
        at += token.length();
        return true;
    }

    void expect(String token) {
        if (!take(token)) {
            throw unexpected("\"" + token + "\"");
        }
    }

    void skipSpace() {
        while (!atEnd() && Character.isWhitespace(text.charAt(at))) {
            at++;
        }
    }

    char next() {
        if (atEnd()) {
            throw unexpected("more input");
        }
        return text.charAt(at++);
    }

    /** Up to one of these characters, or the end. */
    String until(String stops) {
        int start = at;
        while (!atEnd() && stops.indexOf(text.charAt(at)) < 0) {
            at++;
        }
        return text.substring(start, at);
    }

    String rest() {
        String rest = text.substring(at);
        at = text.length();
        return rest;
    }

    int position() {
        return at;
    }

    void back(int position) {
        at = position;
    }

    /** A name, in double quotes with backslash escapes, or bare: up to what means something, with no space around it. */
    String name() {
        skipSpace();
        if (at("\"")) {
            String quoted = quoted();
            skipSpace();
            return quoted;
        }
        int start = at;
        while (!atEnd()) {
            char c = text.charAt(at);
            boolean arrow = c == '-' && at + 1 < text.length() && text.charAt(at + 1) == '>';
            if (",()\":.!*{}[]".indexOf(c) >= 0 || arrow) {
                break;
            }
            at++;
        }
        String name = text.substring(start, at).strip();
        if (name.isEmpty()) {
            throw unexpected("field name (* or [a..z0..9_$])");
        }
        return name;
    }

    /** What stands between double quotes here. */
    String quoted() {
        expect("\"");
        var value = new StringBuilder();
        while (true) {
            char c = next();
            if (c == '"') {
                return value.toString();
            }
            value.append(c == '\\' ? next() : c);
        }
    }

    DataException unexpected(String expected) {
        String found = atEnd() ? "end of input" : "'" + text.substring(at, Math.min(text.length(), at + 1)) + "'";
        return new DataException(
                DataError.MALFORMED_QUERY,
                "\"failed to parse " + what + " (" + shortened() + ")\" (line 1, column " + (at + 1) + ")",
                "unexpected " + found + " expecting " + expected);
    }

    private String shortened() {
        return text.length() <= 500 ? text : text.substring(0, 500) + "...";
    }
}
