package dev.switchboard.engine.route;

/**
 * A filter as the client wrote it, {@code column=operator.value}; syntax only, no table looked at.
 *
 * @param value unquoted
 */
public record FilterSyntax(String column, String operator, String value) {

    /**
     * Reads one condition.
     *
     * @throws InvalidFilterException naming what is wrong with it
     */
    public static FilterSyntax parse(String filter) {
        int equals = filter.indexOf('=');
        int dot = filter.indexOf('.', equals + 1);
        if (equals <= 0 || dot < 0) {
            throw new InvalidFilterException("expected column=operator.value, got '" + filter + "'");
        }
        String operator = filter.substring(equals + 1, dot);
        if (!operator.equals("eq")) {
            throw new InvalidFilterException(
                    "operator '" + operator + "' is not supported, only 'eq' is, in '" + filter + "'");
        }
        return new FilterSyntax(filter.substring(0, equals), operator, unquote(filter, filter.substring(dot + 1)));
    }

    private static String unquote(String filter, String value) {
        if (!value.startsWith("\"")) {
            if (value.indexOf(',') >= 0) {
                throw new InvalidFilterException("one condition only, or quote the value, in '" + filter + "'");
            }
            return value;
        }
        var text = new StringBuilder();
        for (int i = 1; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '\\' && i + 1 < value.length()) {
                text.append(value.charAt(++i));
            } else if (c == '"') {
                if (i != value.length() - 1) {
                    throw new InvalidFilterException("text after the closing quote in '" + filter + "'");
                }
                return text.toString();
            } else {
                text.append(c);
            }
        }
        throw new InvalidFilterException("the quoted value does not end in '" + filter + "'");
    }
}
