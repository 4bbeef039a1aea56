package dev.switchboard.data;

import dev.switchboard.data.Catalog.Relationship;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Query.Comparison;
import dev.switchboard.data.Query.Condition;
import dev.switchboard.data.Query.Item;
import dev.switchboard.data.Query.Placed;
import dev.switchboard.engine.model.TableName;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * What tables the answer of a query hangs on: its own, and those that it embeds. Functions of rows are refused, since nobody can tell what
 * they read, and so is what a filter compares with the clock. One per query.
 */
final class Readings {
    /** Types whose values are equal if their texts are, as a filter of a subscription has them. */
    private static final Set<String> PLAIN = Set.of("uuid", "text", "smallint", "integer", "bigint", "boolean");

    private static final Set<String> OF_THE_CLOCK = Set.of("now", "today", "tomorrow", "yesterday");

    private final Catalog catalog;
    private final String schema;
    private final Relations relations;
    private final Map<TableName, Reading> found = new HashMap<>();

    Readings(Catalog catalog, String schema, String role) {
        this.catalog = catalog;
        this.schema = schema;
        relations = new Relations(catalog, role);
    }

    /** The first is the query's own. */
    List<Reading> of(String name, String text) throws UnknowableException {
        Query query = EmbeddedPaths.resolve(QueryParser.parse(text, false));
        Table table = table(new TableName(schema, name));
        var first = new Reading(table.name(), equal(table, query), table.key());
        found.put(table.name(), first);
        look(table, query, query.select(), List.of());
        var all = new ArrayList<>(List.of(found.getOrDefault(table.name(), first)));
        found.values().stream()
                .filter(reading -> !reading.table().equals(table.name()))
                .forEach(all::add);
        return all;
    }

    private Table table(TableName name) throws UnknowableException {
        return catalog.table(name)
                .orElseThrow(() -> new UnknowableException("there is no table " + name + " in the schema cache"));
    }

    private void look(Table table, Query query, List<Item> items, List<String> path) throws UnknowableException {
        refuseComputed(table, query, items, path);
        for (Placed<Condition> placed : query.conditions()) {
            if (placed.path().equals(path)) {
                refuseClock(table, placed.value());
            }
        }
        for (Item item : items) {
            if (item instanceof Item.Embed embed) {
                Relationship relationship = relations.find(table, embed);
                if (relationship.function().isPresent()) {
                    throw unknowable(embed.name());
                }
                relationship.junction().ifPresent(junction -> add(junction.table(), List.of()));
                Table other = table(relationship.to());
                add(other.name(), other.key());
                var inner = new ArrayList<>(path);
                inner.add(embed.label());
                look(other, query, embed.select(), inner);
            }
        }
    }

    /** All of its rows matter: also those of the query's own table, where it is embedded in itself. */
    private void add(TableName table, List<String> key) {
        found.merge(
                table, new Reading(table, Map.of(), key), (known, more) -> new Reading(table, Map.of(), known.key()));
    }

    /** Of an embedded table. */
    private void refuseComputed(Query.Order order, List<Item> items, Table table) throws UnknowableException {
        var embed = EmbeddedPaths.find(items, order.embedded().orElseThrow());
        if (embed.isPresent()
                && table(relations.find(table, embed.get()).to())
                        .computed()
                        .containsKey(order.field().name())) {
            throw unknowable(order.field().name());
        }
    }

    private static UnknowableException unknowable(String function) {
        return new UnknowableException("nobody can tell what the function " + function + " reads");
    }

    private void refuseComputed(Table table, Query query, List<Item> items, List<String> path)
            throws UnknowableException {
        var names = new HashSet<String>();
        for (Item item : items) {
            if (item instanceof Item.Column column) {
                names.add(column.field().name());
            }
        }
        for (var placed : query.orders()) {
            if (placed.path().equals(path)) {
                for (Query.Order order : placed.value()) {
                    if (order.embedded().isEmpty()) {
                        names.add(order.field().name());
                    } else {
                        refuseComputed(order, items, table);
                    }
                }
            }
        }
        for (var placed : query.conditions()) {
            if (placed.path().equals(path)) {
                collect(placed.value(), names);
            }
        }
        names.retainAll(table.computed().keySet());
        if (!names.isEmpty()) {
            throw unknowable(names.iterator().next());
        }
    }

    private static void collect(Condition condition, Set<String> names) {
        switch (condition) {
            case Condition.Compare compare -> names.add(compare.field().name());
            case Condition.Group group -> group.members().forEach(member -> collect(member, names));
        }
    }

    private static void refuseClock(Table table, Condition condition) throws UnknowableException {
        switch (condition) {
            case Condition.Compare compare -> {
                boolean temporal = table.column(compare.field().name())
                        .filter(column -> isTemporal(column.baseType()))
                        .isPresent();
                for (String value : values(compare.comparison())) {
                    if (temporal && isOfTheClock(value)) {
                        throw new UnknowableException("what is compared with " + value
                                + " changes with the clock: compare with a time, and ask again");
                    }
                }
            }
            case Condition.Group group -> {
                for (Condition member : group.members()) {
                    refuseClock(table, member);
                }
            }
        }
    }

    /** Also ranges and arrays of such. */
    private static boolean isTemporal(String type) {
        return type.contains("date")
                || type.contains("time")
                || type.contains("tsrange")
                || type.contains("tstz")
                || type.contains("tsmulti");
    }

    /** As PostgreSQL reads it: among other words, and within arrays. */
    private static boolean isOfTheClock(String value) {
        return List.of(value.toLowerCase(Locale.ROOT).split("[^a-z]+")).stream().anyMatch(OF_THE_CLOCK::contains);
    }

    private static List<String> values(Comparison comparison) {
        return switch (comparison) {
            case Comparison.Operation operation -> List.of(operation.value());
            case Comparison.In in -> in.values();
            case Comparison.Distinct distinct -> List.of(distinct.value());
            case Comparison.Search search -> List.of(search.value());
            case Comparison.Is _ -> List.of();
        };
    }

    /** What all rows have in common that matter, as far as it is simply said. */
    private static Map<String, String> equal(Table table, Query query) {
        var equal = new HashMap<String, String>();
        for (Placed<Condition> placed : query.conditions()) {
            if (placed.path().isEmpty()
                    && placed.value()
                            instanceof Condition.Compare(Query.Field field, boolean not, Comparison comparison)
                    && !not
                    && field.steps().isEmpty()
                    && comparison instanceof Comparison.Operation operation
                    && operation.operator() == Query.Operator.EQ
                    && operation.quantifier().isEmpty()
                    && operation.value().matches("[A-Za-z0-9_-]+")
                    && table.column(field.name())
                            .filter(column -> PLAIN.contains(column.type()))
                            .isPresent()) {
                equal.put(field.name(), operation.value());
            }
        }
        return equal;
    }
}
