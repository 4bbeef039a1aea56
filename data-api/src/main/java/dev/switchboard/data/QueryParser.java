package dev.switchboard.data;

import dev.switchboard.data.Query.Argument;
import dev.switchboard.data.Query.Condition;
import dev.switchboard.data.Query.Field;
import dev.switchboard.data.Query.Item;
import dev.switchboard.data.Query.Order;
import dev.switchboard.data.Query.Placed;
import dev.switchboard.data.Query.Range;
import dev.switchboard.http.Request;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A query string as a {@link Query}. Pure. */
final class QueryParser {
    static final int MOST_PARAMETERS = 500;

    private List<Item> select = List.of(new Item.Star());
    private final List<Placed<Condition>> conditions = new ArrayList<>();
    private final List<Placed<List<Order>>> orders = new ArrayList<>();
    private final Map<List<String>, Range> ranges = new LinkedHashMap<>();
    private Optional<List<String>> columns = Optional.empty();
    private Optional<List<String>> onConflict = Optional.empty();
    private final List<Argument> arguments = new ArrayList<>();
    private final boolean calls;

    private QueryParser(boolean calls) {
        this.calls = calls;
    }

    /**
     * @param calls whether parameters that are no filters are arguments of a function
     * @throws DataException if it cannot be parsed
     */
    static Query parse(String query, boolean calls) {
        var parser = new QueryParser(calls);
        String[] pairs = query.isEmpty() ? new String[0] : query.split("&", -1);
        if (pairs.length > MOST_PARAMETERS) {
            throw new DataException(
                    DataError.TOO_COMPLEX, "The query string has more than " + MOST_PARAMETERS + " parameters");
        }
        for (String pair : pairs) {
            if (!pair.isEmpty()) {
                int equals = pair.indexOf('=');
                String key = Request.decode(equals < 0 ? pair : pair.substring(0, equals));
                parser.parameter(
                        refuseNul(key), refuseNul(equals < 0 ? "" : Request.decode(pair.substring(equals + 1))));
            }
        }
        return parser.query();
    }

    private static String refuseNul(String text) {
        if (text.indexOf('\0') >= 0) {
            throw new DataException(
                    DataError.MALFORMED_QUERY, "The query string holds a NUL character, which no value can");
        }
        return text;
    }

    private Query query() {
        var placed = new ArrayList<Placed<Range>>();
        ranges.forEach((path, range) -> placed.add(new Placed<>(path, range)));
        return new Query(
                select,
                List.copyOf(conditions),
                List.copyOf(orders),
                placed,
                columns,
                onConflict,
                List.copyOf(arguments));
    }

    private void parameter(String key, String value) {
        switch (key) {
            case "select" -> select = value.isBlank() ? List.of(new Item.Star()) : SelectParser.parse(value);
            case "columns" -> columns = Optional.of(names("columns parameter", value));
            case "on_conflict" -> onConflict = Optional.of(names("on_conflict parameter", value));
            case "apikey" -> { // a key may come so, and a key is no comparison
                if (ConditionParser.isComparison(value)) {
                    placed(key, value);
                }
            }
            default -> placed(key, value);
        }
    }

    private static List<String> names(String what, String text) {
        var names = new ArrayList<String>();
        var scanner = new Scanner(what, text);
        if (text.isBlank()) {
            return List.of();
        }
        do {
            names.add(scanner.name());
        } while (scanner.take(","));
        if (!scanner.atEnd()) {
            throw scanner.unexpected("\",\" or end of input");
        }
        return List.copyOf(names);
    }

    private void placed(String key, String value) {
        if (calls && !key.contains(".") && !isReserved(key) && !ConditionParser.isComparison(value)) {
            arguments.add(new Argument(key, value));
            return;
        }
        var scanner = new Scanner("tree path", key);
        var path = new ArrayList<String>();
        path.add(scanner.name());
        while (scanner.take(".")) {
            path.add(scanner.name());
        }
        var field = new Field(path.removeLast(), SelectParser.steps(scanner));
        if (!scanner.atEnd()) {
            throw scanner.unexpected("\".\" or end of input");
        }
        switch (field.name()) {
            case "order" -> orders.add(new Placed<>(List.copyOf(path), order(value)));
            case "limit" -> range(path, new Range(Optional.of(limit(value)), Optional.empty()));
            case "offset" ->
                range(path, new Range(Optional.empty(), Optional.of(Math.max(0, number("offset", value)))));
            case "and", "or" -> {
                boolean not = !path.isEmpty() && path.getLast().equals("not");
                if (not) {
                    path.removeLast();
                }
                conditions.add(new Placed<>(
                        List.copyOf(path),
                        ConditionParser.group(not, field.name().equals("or"), value)));
            }
            default -> conditions.add(new Placed<>(List.copyOf(path), ConditionParser.comparison(field, value)));
        }
    }

    private static boolean isReserved(String key) {
        return switch (key) {
            case "order", "limit", "offset", "and", "or" -> true;
            default -> false;
        };
    }

    private void range(List<String> path, Range range) {
        ranges.merge(
                List.copyOf(path),
                range,
                (one, other) ->
                        new Range(other.limit().or(one::limit), other.offset().or(one::offset)));
    }

    private static long limit(String text) {
        long limit = number("limit", text);
        if (limit < 0) {
            throw new DataException(
                    DataError.RANGE, DataError.RANGE.message(), "Limit should be greater than or equal to zero.");
        }
        return limit;
    }

    private static long number(String what, String text) {
        if (!text.matches("-?\\d{1,18}")) {
            throw new DataException(
                    DataError.MALFORMED_QUERY,
                    "\"failed to parse " + what + " (" + text + ")\" (line 1, column 1)",
                    "a whole number is expected");
        }
        return Long.parseLong(text);
    }

    /** {@code a.desc.nullslast,site(city).asc}. */
    private static List<Order> order(String text) {
        var scanner = new Scanner("order", text);
        var orders = new ArrayList<Order>();
        do {
            String name = scanner.name();
            Optional<String> embedded = Optional.empty();
            Field field;
            if (scanner.take("(")) {
                embedded = Optional.of(name);
                field = new Field(scanner.name(), SelectParser.steps(scanner));
                scanner.expect(")");
            } else {
                field = new Field(name, SelectParser.steps(scanner));
            }
            boolean descending = false;
            Optional<Boolean> nullsFirst = Optional.empty();
            while (scanner.take(".")) {
                String word = scanner.until(",.");
                switch (word) {
                    case "asc" -> descending = false;
                    case "desc" -> descending = true;
                    case "nullsfirst" -> nullsFirst = Optional.of(true);
                    case "nullslast" -> nullsFirst = Optional.of(false);
                    default -> throw scanner.unexpected("delimiter (.), asc, desc, nullsfirst or nullslast");
                }
            }
            orders.add(new Order(embedded, field, descending, nullsFirst));
        } while (scanner.take(","));
        if (!scanner.atEnd()) {
            throw scanner.unexpected("\",\" or end of input");
        }
        return List.copyOf(orders);
    }
}
