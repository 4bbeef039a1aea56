package dev.switchboard.data;

import dev.switchboard.data.Query.Field;
import dev.switchboard.data.Query.Item;
import dev.switchboard.data.Query.Join;
import dev.switchboard.data.Query.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** {@code select=id,total:amount::text,site:sites!inner(city)}: columns and embedded resources. */
final class SelectParser {
    static final int DEEPEST = 16;
    static final int MOST_ITEMS = 1000;

    private static final Set<String> AGGREGATES = Set.of("sum", "avg", "min", "max", "count");

    private final Scanner scanner;
    private int items;

    private SelectParser(String text) {
        this.scanner = new Scanner("select parameter", text);
    }

    static List<Item> parse(String text) {
        var parser = new SelectParser(text);
        if (text.isBlank()) {
            return List.of();
        }
        List<Item> items = parser.items(0);
        if (!parser.scanner.atEnd()) {
            throw parser.scanner.unexpected("\",\" or end of input");
        }
        return items;
    }

    private List<Item> items(int depth) {
        if (depth > DEEPEST) {
            throw new DataException(DataError.TOO_COMPLEX, "select embeds more than " + DEEPEST + " levels deep");
        }
        var list = new ArrayList<Item>();
        do {
            if (++items > MOST_ITEMS) {
                throw new DataException(DataError.TOO_COMPLEX, "select has more than " + MOST_ITEMS + " items");
            }
            scanner.skipSpace();
            list.add(item(depth));
            scanner.skipSpace();
        } while (scanner.take(","));
        return List.copyOf(list);
    }

    private Item item(int depth) {
        if (scanner.take("*")) {
            return new Item.Star();
        }
        if (scanner.take("...")) {
            return embed(scanner.name(), Optional.empty(), true, depth);
        }
        String name = scanner.name();
        Optional<String> alias = Optional.empty();
        if (scanner.at(":") && !scanner.at("::")) {
            scanner.take(":");
            alias = Optional.of(name);
            name = scanner.name();
        }
        if (scanner.at("(") || scanner.at("!")) {
            if (name.equals("count") && scanner.take("()")) {
                return new Item.Count(alias, cast());
            }
            return embed(name, alias, false, depth);
        }
        return column(name, alias);
    }

    private Item column(String name, Optional<String> alias) {
        List<Step> steps = steps(scanner);
        Optional<String> cast = cast();
        if (!scanner.take(".")) {
            return new Item.Column(new Field(name, steps), alias, cast, Optional.empty(), Optional.empty());
        }
        String aggregate = scanner.name();
        if (!AGGREGATES.contains(aggregate)) {
            throw scanner.unexpected("an aggregate: sum(), avg(), min(), max() or count()");
        }
        scanner.expect("()");
        return new Item.Column(new Field(name, steps), alias, cast, Optional.of(aggregate), cast());
    }

    private Optional<String> cast() {
        if (!scanner.take("::")) {
            return Optional.empty();
        }
        int start = scanner.position();
        String type = scanner.until(",).(:");
        if (scanner.at("(") && start < scanner.position()) {
            scanner.take("(");
            type += "(" + scanner.until(")") + ")";
            scanner.expect(")");
            type += scanner.until(",).(:");
        }
        return Optional.of(type.strip());
    }

    /** {@code ->key->>key}, {@code ->0}. */
    static List<Step> steps(Scanner scanner) {
        var steps = new ArrayList<Step>();
        while (scanner.at("->")) {
            boolean text = scanner.take("->>");
            if (!text) {
                scanner.take("->");
            }
            String key = scanner.at("\"") ? scanner.quoted() : key(scanner);
            steps.add(new Step(key, key.matches("-?\\d{1,9}"), text));
        }
        return List.copyOf(steps);
    }

    private static String key(Scanner scanner) {
        var key = new StringBuilder();
        while (!scanner.atEnd() && !scanner.at("->") && !scanner.at("::")) {
            String part = scanner.until(",().:-");
            key.append(part);
            if (scanner.at("-") && !scanner.at("->")) {
                key.append(scanner.next());
            } else if (part.isEmpty()) {
                break;
            }
        }
        if (key.isEmpty()) {
            throw scanner.unexpected("a key or an index");
        }
        return key.toString();
    }

    private Item embed(String name, Optional<String> alias, boolean spread, int depth) {
        Optional<String> hint = Optional.empty();
        Join join = Join.LEFT;
        while (scanner.take("!")) {
            String word = scanner.name();
            switch (word) {
                case "inner" -> join = Join.INNER;
                case "left" -> join = Join.LEFT;
                default -> hint = Optional.of(word);
            }
        }
        scanner.skipSpace();
        scanner.expect("(");
        scanner.skipSpace();
        List<Item> select = scanner.at(")") ? List.of() : items(depth + 1);
        scanner.expect(")");
        return new Item.Embed(name, alias, hint, join, spread, select);
    }
}
