package dev.switchboard.data;

import dev.switchboard.data.Catalog.Relationship;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Level.Purpose;
import dev.switchboard.data.Query.Condition;
import dev.switchboard.data.Query.Field;
import dev.switchboard.data.Query.Item;
import dev.switchboard.data.Query.Join;
import dev.switchboard.data.Query.Order;
import dev.switchboard.data.Query.Placed;
import dev.switchboard.data.Query.Range;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A {@link Query} as a SELECT. Each resource is one query level: its columns, and for each embedded resource a lateral join
 * that gives its rows as JSON (to many: an array, to one: an object), so that PostgreSQL makes the whole answer. Pure; owned by
 * one request.
 */
final class ReadSql {
    private final Catalog catalog;
    private final Query query;
    private final DataSettings settings;
    private final Relations relations;
    private int aliases;
    private boolean asStored;

    /** @throws DataException if something is placed at a resource that is not embedded */
    ReadSql(Catalog catalog, Query query, DataSettings settings, String role) {
        this.catalog = catalog;
        this.query = EmbeddedPaths.resolve(query);
        this.settings = settings;
        this.relations = new Relations(catalog, role);
    }

    /** Values as the table holds them, without representations: for what takes its rows. */
    ReadSql asStored() {
        asStored = true;
        return this;
    }

    String nextAlias(String prefix) {
        return prefix + aliases++;
    }

    /**
     * The rows of the whole.
     *
     * @param range of rows; conditions of the query apply only where {@code filtered}
     */
    Level rows(Source source, Range range, boolean filtered) {
        return level(source, query.select(), List.of(), new Sql(), range, Purpose.ROWS, List.of(), filtered, false);
    }

    /** How many rows there are, whatever the range. */
    Sql count(Source source) {
        boolean grouped = isGrouped(source, query.select());
        return level(
                        source,
                        query.select(),
                        List.of(),
                        new Sql(),
                        new Range(Optional.empty(), Optional.empty()),
                        grouped ? Purpose.ROWS : Purpose.COUNT,
                        List.of(),
                        true,
                        false)
                .sql();
    }

    private Range rangeOf(List<String> path) {
        return query.ranges().stream()
                .filter(placed -> placed.path().equals(path))
                .map(Placed::value)
                .findFirst()
                .map(this::bounded)
                .orElseGet(() -> bounded(new Range(Optional.empty(), Optional.empty())));
    }

    private Range bounded(Range range) {
        return settings.limits().rows() == 0
                ? range
                : new Range(
                        Optional.of(
                                Math.min(settings.limits().rows(), range.limit().orElse(Long.MAX_VALUE))),
                        range.offset());
    }

    private static <T> List<T> at(List<Placed<T>> all, List<String> path) {
        return all.stream()
                .filter(placed -> placed.path().equals(path))
                .map(Placed::value)
                .toList();
    }

    /**
     * @param on     what joins it to the level above
     * @param extras columns that the level above orders by, as o0, o1 ...
     * @param spread whether its columns become those of the level above, which makes its aggregates then
     */
    private Level level(
            Source source,
            List<Item> items,
            List<String> path,
            Sql on,
            Range range,
            Purpose purpose,
            List<Field> extras,
            boolean filtered,
            boolean spread) {
        List<Order> orders =
                at(query.orders(), path).stream().flatMap(List::stream).toList();
        List<Condition> conditions = filtered ? at(query.conditions(), path) : List.of();
        var children = new ArrayList<Embedded>();
        var presence = new HashMap<String, Sql>();
        for (Item item : items) {
            if (item instanceof Item.Embed embed && (purpose == Purpose.ROWS || decides(embed, items, conditions))) {
                Embedded child = embedded(source, embed, items, path, purpose, orders);
                children.add(child);
                presence.put(embed.label(), child.presence());
                EmbeddedPaths.find(items, embed.name())
                        .filter(embed::equals)
                        .ifPresent(_ -> presence.put(embed.name(), child.presence()));
            }
        }
        var writer = new Conditions(source, presence);
        var sql = new Sql().add("select ");
        boolean grouped = purpose == Purpose.ROWS && !spread && isGrouped(source, items);
        var outputs = new SelectList(
                new SelectList.Context(catalog, settings, asStored, this::nextAlias), source, spread, grouped);
        if (purpose == Purpose.ROWS) {
            outputs.select(items, children, grouped || !extras.isEmpty());
        }
        sql.add(outputs.list(extras.isEmpty() || purpose == Purpose.COUNT ? List.of() : extras));
        sql.add(" from ").add(source.from()).add(" as ").name(source.alias());
        children.forEach(child -> sql.add(child.join()));
        var where = new ArrayList<Sql>();
        if (!on.isEmpty()) {
            where.add(on);
        }
        conditions.forEach(condition -> where.add(writer.write(condition)));
        if (!where.isEmpty()) {
            sql.add(" where ").add(Sql.join(" and ", where));
        }
        outputs.groupBy(sql);
        if (purpose == Purpose.ROWS) {
            orderBy(sql, source, orders, items, children);
            sql.add(limits(range));
        }
        return new Level(sql, outputs.names(), outputs.hoisted());
    }

    /** Whether rows stay or go by what is embedded. */
    private static boolean decides(Item.Embed embed, List<Item> siblings, List<Condition> conditions) {
        return embed.join() == Join.INNER
                || conditions.stream()
                        .anyMatch(condition -> mentions(condition, embed.label())
                                || (mentions(condition, embed.name())
                                        && EmbeddedPaths.find(siblings, embed.name())
                                                .filter(embed::equals)
                                                .isPresent()));
    }

    private static boolean mentions(Condition condition, String label) {
        return switch (condition) {
            case Condition.Compare compare -> compare.field().name().equals(label);
            case Condition.Group group -> group.members().stream().anyMatch(member -> mentions(member, label));
        };
    }

    static Sql limits(Range range) {
        var sql = new Sql();
        range.limit()
                .ifPresent(limit -> sql.add(" limit ").value(limit.toString()).add("::bigint"));
        range.offset()
                .filter(offset -> offset > 0)
                .ifPresent(
                        offset -> sql.add(" offset ").value(offset.toString()).add("::bigint"));
        return sql;
    }

    // Embedded resources

    private Embedded embedded(
            Source parent,
            Item.Embed embed,
            List<Item> siblings,
            List<String> path,
            Purpose purpose,
            List<Order> parentOrders) {
        Table from = parent.table()
                .orElseThrow(() -> new DataException(
                        DataError.NO_RELATIONSHIP,
                        "Could not find a relationship between '" + parent.label() + "' and '" + embed.name()
                                + "' in the schema cache"));
        Relationship relationship = relations.find(from, embed);
        Table to = catalog.table(relationship.to()).orElseThrow();
        Source rows = Source.of(to, nextAlias("_sb_t"));
        Sql on = Embedded.on(parent, relationship, rows);
        Source source = Embedded.source(relationship, parent, rows);
        var childPath = new ArrayList<>(path);
        childPath.add(embed.label());
        boolean toOne = relationship.cardinality().isToOne();
        List<Field> extras = toOne && purpose == Purpose.ROWS
                ? parentOrders.stream()
                        .filter(order -> order.embedded()
                                .flatMap(name -> EmbeddedPaths.find(siblings, name))
                                .filter(embed::equals)
                                .isPresent())
                        .map(Order::field)
                        .toList()
                : List.of();
        if (embed.spread() && !toOne && isGrouped(source, embed.select())) {
            throw new DataException(
                    DataError.NOT_IMPLEMENTED,
                    DataError.NOT_IMPLEMENTED.message(),
                    "Aggregates are not implemented for one-to-many or many-to-many spreads.");
        }
        String alias = nextAlias("_sb_e");
        Level level = level(
                source,
                embed.spread() ? expanded(to, embed.select()) : embed.select(),
                List.copyOf(childPath),
                on,
                rangeOf(childPath),
                purpose,
                extras,
                true,
                embed.spread());
        return Embedded.of(embed, toOne, alias, level, purpose, extras.size());
    }

    /** Columns by name instead of a star, since they become the level above's. */
    private static List<Item> expanded(Table table, List<Item> items) {
        var all = new ArrayList<Item>();
        for (Item item : items) {
            if (item instanceof Item.Star) {
                table.columns()
                        .keySet()
                        .forEach(column -> all.add(new Item.Column(
                                new Field(column, List.of()),
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty())));
            } else {
                all.add(item);
            }
        }
        return all;
    }

    /** Whether rows are grouped by what is selected: by aggregates of the level itself, or of what is spread into it. */
    private boolean isGrouped(Source source, List<Item> items) {
        return items.stream()
                .anyMatch(item -> SelectList.isAggregate(source, item)
                        || (item instanceof Item.Embed embed
                                && embed.spread()
                                && source.table()
                                        .map(table -> relations.find(table, embed))
                                        .filter(relationship ->
                                                relationship.cardinality().isToOne())
                                        .flatMap(relationship -> catalog.table(relationship.to()))
                                        .filter(to -> isGrouped(Source.of(to, ""), embed.select()))
                                        .isPresent()));
    }

    // Order

    private static void orderBy(Sql sql, Source source, List<Order> orders, List<Item> items, List<Embedded> children) {
        var terms = new ArrayList<Sql>();
        var places = new HashMap<String, Integer>();
        for (Order order : orders) {
            Sql term = order.embedded().isPresent()
                    ? related(source, order.embedded().get(), items, children, places)
                    : source.field(order.field());
            term.add(order.descending() ? " desc" : " asc");
            order.nullsFirst().ifPresent(first -> term.add(first ? " nulls first" : " nulls last"));
            terms.add(term);
        }
        if (!terms.isEmpty()) {
            sql.add(" order by ").add(Sql.join(", ", terms));
        }
    }

    private static Sql related(
            Source source, String name, List<Item> items, List<Embedded> children, Map<String, Integer> places) {
        Item.Embed embed = EmbeddedPaths.find(items, name).orElseThrow(() -> EmbeddedPaths.notEmbedded(name));
        String label = embed.label();
        Embedded child = children.stream()
                .filter(candidate -> candidate.embed().equals(embed))
                .findFirst()
                .orElseThrow();
        if (!child.toOne()) {
            throw new DataException(
                    DataError.RELATED_ORDER,
                    "A related order on '" + label + "' is not possible",
                    "'" + source.label() + "' and '" + label
                            + "' do not form a many-to-one or one-to-one relationship");
        }
        int place = places.merge(label, 1, Integer::sum) - 1;
        return new Sql().name(child.alias()).add(".\"_sb_o" + place + "\"");
    }

    // What a statement that writes has to give back

    /** The columns that the answer is made of. */
    Set<String> needed(Table table) {
        var needed = new LinkedHashSet<String>();
        for (Item item : query.select()) {
            switch (item) {
                case Item.Star _ -> needed.addAll(table.columns().keySet());
                case Item.Column column -> needed.add(column.field().name());
                case Item.Count _ -> {}
                case Item.Embed embed -> {
                    Relationship relationship = relations.find(table, embed);
                    needed.addAll(
                            relationship.function().isPresent()
                                    ? table.columns().keySet() // it takes the row
                                    : relationship.fromColumns());
                }
            }
        }
        at(query.orders(), List.of()).stream()
                .flatMap(List::stream)
                .filter(order -> order.embedded().isEmpty())
                .forEach(order -> needed.add(order.field().name()));
        return needed;
    }
}
