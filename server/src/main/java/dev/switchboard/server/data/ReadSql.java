package dev.switchboard.server.data;

import dev.switchboard.server.config.DataSettings;
import dev.switchboard.server.data.Catalog.Junction;
import dev.switchboard.server.data.Catalog.Relationship;
import dev.switchboard.server.data.Catalog.Table;
import dev.switchboard.server.data.Query.Condition;
import dev.switchboard.server.data.Query.Field;
import dev.switchboard.server.data.Query.Item;
import dev.switchboard.server.data.Query.Join;
import dev.switchboard.server.data.Query.Order;
import dev.switchboard.server.data.Query.Placed;
import dev.switchboard.server.data.Query.Range;
import java.util.ArrayList;
import java.util.HashMap;
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

    /** A level that is written, with the names of its columns as far as they are known. */
    record Level(Sql sql, List<String> names) {}

    /**
     * A resource to embed.
     *
     * @param alias of its lateral join
     * @param names of its columns, where they become those of the level above
     */
    private record Child(Item.Embed embed, boolean toOne, String alias, Sql join, List<String> names) {}

    /** What a level is written for. */
    private enum Purpose {
        ROWS,
        /** Only how many there are. */
        COUNT
    }

    ReadSql(Catalog catalog, Query query, DataSettings settings, String role) {
        this.catalog = catalog;
        this.query = query;
        this.settings = settings;
        this.relations = new Relations(catalog, role);
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
        refuseUnknownPaths();
        return level(source, query.select(), List.of(), new Sql(), range, Purpose.ROWS, List.of(), filtered);
    }

    /** How many rows there are, whatever the range. */
    Sql count(Source source) {
        boolean grouped = query.select().stream().anyMatch(item -> isAggregate(source, item));
        return level(
                        source,
                        query.select(),
                        List.of(),
                        new Sql(),
                        new Range(Optional.empty(), Optional.empty()),
                        grouped ? Purpose.ROWS : Purpose.COUNT,
                        List.of(),
                        true)
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
        return settings.maxRows() == 0
                ? range
                : new Range(
                        Optional.of(Math.min(settings.maxRows(), range.limit().orElse(Long.MAX_VALUE))),
                        range.offset());
    }

    private static <T> List<T> at(List<Placed<T>> all, List<String> path) {
        return all.stream()
                .filter(placed -> placed.path().equals(path))
                .map(Placed::value)
                .toList();
    }

    /** A path that leads nowhere is refused, and never left out: a condition less would mean more rows. */
    void refuseUnknownPaths() {
        var paths = new ArrayList<List<String>>();
        query.conditions().forEach(placed -> paths.add(placed.path()));
        query.orders().forEach(placed -> paths.add(placed.path()));
        query.ranges().forEach(placed -> paths.add(placed.path()));
        for (List<String> path : paths) {
            List<Item> items = query.select();
            for (String name : path) {
                items = items.stream()
                        .filter(item -> item instanceof Item.Embed embed
                                && embed.label().equals(name))
                        .map(item -> ((Item.Embed) item).select())
                        .findFirst()
                        .orElseThrow(() -> new DataException(
                                DataError.NOT_EMBEDDED,
                                "'" + name + "' is not an embedded resource in this request",
                                Optional.empty(),
                                Optional.of(
                                        "Verify that '" + name + "' is included in the 'select' query parameter.")));
            }
        }
    }

    /**
     * @param on     what joins it to the level above
     * @param extras columns that the level above orders by, as o0, o1 ...
     */
    private Level level(
            Source source,
            List<Item> items,
            List<String> path,
            Sql on,
            Range range,
            Purpose purpose,
            List<Field> extras,
            boolean filtered) {
        List<Order> orders =
                at(query.orders(), path).stream().flatMap(List::stream).toList();
        List<Condition> conditions = filtered ? at(query.conditions(), path) : List.of();
        var children = new ArrayList<Child>();
        var presence = new HashMap<String, Sql>();
        for (Item item : items) {
            if (item instanceof Item.Embed embed && (purpose == Purpose.ROWS || decides(embed, conditions))) {
                Child child = child(source, embed, path, purpose, orders);
                children.add(child);
                presence.put(embed.label(), presence(child));
            }
        }
        var writer = new Conditions(source, presence);
        var sql = new Sql().add("select ");
        Outputs outputs = purpose == Purpose.COUNT ? new Outputs(source) : outputs(source, items, children, extras);
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
            orderBy(sql, source, orders, children);
            sql.add(limits(range));
        }
        return new Level(sql, outputs.names());
    }

    /** Whether rows stay or go by what is embedded. */
    private static boolean decides(Item.Embed embed, List<Condition> conditions) {
        return embed.join() == Join.INNER
                || conditions.stream().anyMatch(condition -> mentions(condition, embed.label()));
    }

    private static boolean mentions(Condition condition, String label) {
        return switch (condition) {
            case Condition.Compare compare -> compare.field().name().equals(label);
            case Condition.Group group -> group.members().stream().anyMatch(member -> mentions(member, label));
        };
    }

    private static Sql presence(Child child) {
        var alias = new Sql().name(child.alias());
        return child.toOne() ? alias.add(".\"_sb_p\" is not null") : alias.add(".\"_sb_n\" > 0");
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

    private Child child(Source parent, Item.Embed embed, List<String> path, Purpose purpose, List<Order> parentOrders) {
        Table from = parent.table()
                .orElseThrow(() -> new DataException(
                        DataError.NO_RELATIONSHIP,
                        "Could not find a relationship between '" + parent.label() + "' and '" + embed.name()
                                + "' in the schema cache"));
        Relationship relationship = relations.find(from, embed);
        Table to = catalog.table(relationship.to()).orElseThrow();
        Source source = Source.of(to, nextAlias("_sb_t"));
        Sql on = on(parent, relationship, source);
        if (relationship.junction().isPresent()) {
            // the junction first: "a as t1" is written after the source's own FROM
            source = new Source(
                    new Sql()
                            .name(relationship.junction().get().table())
                            .add(" as ")
                            .name(junctionAlias(source))
                            .add(" cross join ")
                            .add(source.from()),
                    source.alias(),
                    source.table(),
                    source.columns(),
                    source.label(),
                    false);
        }
        var childPath = new ArrayList<>(path);
        childPath.add(embed.label());
        boolean toOne = relationship.cardinality().isToOne();
        List<Field> extras = toOne && purpose == Purpose.ROWS
                ? parentOrders.stream()
                        .filter(order ->
                                order.embedded().filter(embed.label()::equals).isPresent())
                        .map(Order::field)
                        .toList()
                : List.of();
        String alias = nextAlias("_sb_e");
        Level level = level(
                source,
                embed.spread() ? expanded(to, embed.select()) : embed.select(),
                List.copyOf(childPath),
                on,
                rangeOf(childPath),
                purpose,
                extras,
                true);
        return new Child(embed, toOne, alias, join(embed, toOne, alias, level, purpose, extras.size()), level.names());
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

    private static String junctionAlias(Source source) {
        return "_sb_j" + source.alias();
    }

    private static Sql on(Source parent, Relationship relationship, Source child) {
        var parts = new ArrayList<Sql>();
        Optional<Junction> junction = relationship.junction();
        for (int i = 0; i < relationship.fromColumns().size(); i++) {
            Sql left = new Sql()
                    .name(parent.alias())
                    .add(".")
                    .name(relationship.fromColumns().get(i))
                    .add(" = ");
            parts.add(
                    junction.isPresent()
                            ? left.name(junctionAlias(child))
                                    .add(".")
                                    .name(junction.get().fromColumns().get(i))
                            : left.name(child.alias())
                                    .add(".")
                                    .name(relationship.toColumns().get(i)));
        }
        junction.ifPresent(between -> {
            for (int i = 0; i < relationship.toColumns().size(); i++) {
                parts.add(new Sql()
                        .name(junctionAlias(child))
                        .add(".")
                        .name(between.toColumns().get(i))
                        .add(" = ")
                        .name(child.alias())
                        .add(".")
                        .name(relationship.toColumns().get(i)));
            }
        });
        return Sql.join(" and ", parts);
    }

    private static Sql join(Item.Embed embed, boolean toOne, String alias, Level level, Purpose purpose, int extras) {
        boolean inner = embed.join() == Join.INNER;
        var sql = new Sql().add(inner ? " join lateral (" : " left join lateral (");
        if (purpose == Purpose.COUNT) {
            sql.add(toOne ? "select 1 as \"_sb_p\" from (" : "select count(*) as \"_sb_n\" from (")
                    .add(level.sql())
                    .add(") as \"_sb_r\"");
        } else if (toOne) {
            sql.add("select ");
            if (embed.spread()) {
                columns(sql, level.names());
            } else {
                row(sql, level.names(), extras).add(" as \"_sb_j\", ");
            }
            for (int i = 0; i < extras; i++) {
                sql.add("\"_sb_r\".\"_sb_o" + i + "\", ");
            }
            sql.add("1 as \"_sb_p\" from (").add(level.sql()).add(") as \"_sb_r\"");
        } else {
            sql.add("select ");
            if (embed.spread()) {
                level.names()
                        .forEach(name -> sql.add("coalesce(json_agg(\"_sb_r\".")
                                .name(name)
                                .add("), '[]') as ")
                                .name(name)
                                .add(", "));
            } else {
                sql.add("coalesce(json_agg(\"_sb_r\"), '[]') as \"_sb_j\", ");
            }
            sql.add("count(*) filter (where ")
                    .add(AnswerBound.holds())
                    .add(") as \"_sb_n\" from (")
                    .add(level.sql())
                    .add(") as \"_sb_r\"");
        }
        return sql.add(") as ")
                .name(alias)
                .add(" on ")
                .add(inner && !toOne ? new Sql().name(alias).add(".\"_sb_n\" > 0") : Sql.of("true"));
    }

    private static void columns(Sql sql, List<String> names) {
        names.forEach(name -> sql.add("\"_sb_r\".").name(name).add(", "));
    }

    /** The row as JSON, without what is only there to order by. */
    private static Sql row(Sql sql, List<String> names, int extras) {
        if (extras == 0) {
            return sql.add("row_to_json(\"_sb_r\")");
        }
        sql.add("(select row_to_json(\"_sb_s\") from (select ");
        for (int i = 0; i < names.size(); i++) {
            sql.add(i == 0 ? "\"_sb_r\"." : ", \"_sb_r\".").name(names.get(i));
        }
        return sql.add(") as \"_sb_s\")");
    }

    // Columns

    private static boolean isAggregate(Source source, Item item) {
        return switch (item) {
            case Item.Count _ -> true;
            case Item.Column column -> column.aggregate().isPresent() || isImplicitCount(source, column);
            case Item.Star _, Item.Embed _ -> false;
        };
    }

    /** {@code readings(count)}: how many there are, unless there is a column of that name. */
    private static boolean isImplicitCount(Source source, Item.Column column) {
        return column.field().name().equals("count") && column.field().steps().isEmpty() && !source.has("count");
    }

    /** What a level gives, in order. Owned by it. */
    private static final class Outputs {
        private final Source source;
        private final List<Sql> expressions = new ArrayList<>();
        private final List<String> names = new ArrayList<>();
        private final List<Integer> plain = new ArrayList<>();
        private boolean aggregated;

        Outputs(Source source) {
            this.source = source;
        }

        void add(Sql expression, String name, boolean aggregate) {
            expressions.add(expression.add(" as ").label(name));
            names.add(name);
            if (!aggregate) {
                plain.add(expressions.size());
            }
            aggregated |= aggregate;
        }

        Sql list(List<Field> extras) {
            var all = new ArrayList<>(expressions);
            for (int i = 0; i < extras.size(); i++) {
                if (aggregated) {
                    throw new DataException(
                            DataError.RELATED_ORDER,
                            "A related order on '" + source.label() + "' is not possible with aggregates");
                }
                all.add(source.field(extras.get(i)).add(" as \"_sb_o" + i + "\""));
            }
            return Sql.join(", ", all);
        }

        void groupBy(Sql sql) {
            if (aggregated && !plain.isEmpty()) {
                sql.add(" group by ")
                        .add(Sql.join(
                                ", ",
                                plain.stream()
                                        .map(place -> new Sql().number(place))
                                        .toList()));
            }
        }

        List<String> names() {
            return names;
        }
    }

    private Outputs outputs(Source source, List<Item> items, List<Child> children, List<Field> extras) {
        boolean aggregated = items.stream().anyMatch(item -> isAggregate(source, item));
        var outputs = new Outputs(source);
        for (Item item : items) {
            switch (item) {
                case Item.Star _
                when !aggregated
                        && extras.isEmpty()
                        && source.table().isEmpty()
                        && source.columns().isEmpty() ->
                    outputs.expressions.add(new Sql().name(source.alias()).add(".*"));
                case Item.Star _ -> star(source, outputs, aggregated || !extras.isEmpty());
                case Item.Count(Optional<String> alias, Optional<String> cast) -> count(outputs, alias, cast);
                case Item.Column column
                when isImplicitCount(source, column) && column.aggregate().isEmpty() ->
                    outputs.add(
                            cast(Sql.of("count(*)"), column.cast()),
                            column.alias().orElse("count"),
                            true);
                case Item.Column column -> column(source, outputs, column);
                case Item.Embed embed ->
                    children.stream()
                            .filter(child -> child.embed().equals(embed))
                            .findFirst()
                            .ifPresent(child -> embedded(outputs, child, aggregated));
            }
        }
        return outputs;
    }

    private static void star(Source source, Outputs outputs, boolean byName) {
        List<String> names = source.table()
                .map(table -> List.copyOf(table.columns().keySet()))
                .orElse(source.columns());
        if (!byName) {
            outputs.expressions.add(new Sql().name(source.alias()).add(".*"));
            outputs.names.addAll(names);
            return;
        }
        names.forEach(name -> outputs.add(source.column(name), name, false));
    }

    private void count(Outputs outputs, Optional<String> alias, Optional<String> cast) {
        requireAggregates();
        outputs.add(cast(Sql.of("count(*)"), cast), alias.orElse("count"), true);
    }

    private void column(Source source, Outputs outputs, Item.Column column) {
        Sql value = cast(source.field(column.field()), column.cast());
        if (column.aggregate().isEmpty()) {
            outputs.add(value, column.alias().orElseGet(() -> Source.nameOf(column.field())), false);
            return;
        }
        requireAggregates();
        String function = column.aggregate().get(); // one of five words that the parser knows
        Sql aggregate = new Sql().add(function).add("(").add(value).add(")");
        outputs.add(cast(aggregate, column.aggregateCast()), column.alias().orElse(function), true);
    }

    private void requireAggregates() {
        if (!settings.aggregates()) {
            throw new DataException(DataError.AGGREGATES, DataError.AGGREGATES.message());
        }
    }

    private static void embedded(Outputs outputs, Child child, boolean aggregated) {
        if (child.embed().select().isEmpty()) {
            return; // only there to filter by
        }
        if (child.embed().spread()) {
            child.names()
                    .forEach(name ->
                            outputs.add(new Sql().name(child.alias()).add(".").name(name), name, false));
            return;
        }
        Sql json = new Sql().name(child.alias()).add(".\"_sb_j\"");
        outputs.add(aggregated ? json.add("::jsonb") : json, child.embed().label(), false);
    }

    private Sql cast(Sql value, Optional<String> type) {
        return type.map(name -> new Sql()
                        .add("cast(")
                        .add(value)
                        .add(" as ")
                        .fromCatalog(typeOf(name))
                        .add(")"))
                .orElse(value);
    }

    /** A type that the catalog knows, with length or precision and brackets as they were written. */
    private String typeOf(String written) {
        var matcher = java.util.regex.Pattern.compile(
                        "(?<name>[^(\\[]+?)\\s*(?<modifier>\\(\\d{1,4}(,\\s*\\d{1,4})?\\))?(?<array>(\\[\\])*)")
                .matcher(written);
        String type = matcher.matches()
                ? catalog.types().get(matcher.group("name").strip().toLowerCase(java.util.Locale.ROOT))
                : null;
        if (type == null) {
            throw new DataException(
                    400, "42704", "type \"" + written + "\" does not exist", Optional.empty(), Optional.empty());
        }
        return type + Optional.ofNullable(matcher.group("modifier")).orElse("") + matcher.group("array");
    }

    // Order

    private static void orderBy(Sql sql, Source source, List<Order> orders, List<Child> children) {
        var terms = new ArrayList<Sql>();
        var places = new HashMap<String, Integer>();
        for (Order order : orders) {
            Sql term = order.embedded().isPresent()
                    ? related(source, order.embedded().get(), children, places)
                    : source.field(order.field());
            term.add(order.descending() ? " desc" : " asc");
            order.nullsFirst().ifPresent(first -> term.add(first ? " nulls first" : " nulls last"));
            terms.add(term);
        }
        if (!terms.isEmpty()) {
            sql.add(" order by ").add(Sql.join(", ", terms));
        }
    }

    private static Sql related(Source source, String label, List<Child> children, Map<String, Integer> places) {
        Child child = children.stream()
                .filter(candidate -> candidate.embed().label().equals(label))
                .findFirst()
                .orElseThrow(() -> new DataException(
                        DataError.NOT_EMBEDDED,
                        "'" + label + "' is not an embedded resource in this request",
                        Optional.empty(),
                        Optional.of("Verify that '" + label + "' is included in the 'select' query parameter.")));
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

    /** The columns that the answer is made of; empty for all of them. */
    Optional<Set<String>> needed(Table table) {
        var needed = new java.util.LinkedHashSet<String>();
        for (Item item : query.select()) {
            switch (item) {
                case Item.Star _ -> {
                    return Optional.empty();
                }
                case Item.Column column -> needed.add(column.field().name());
                case Item.Count _ -> {}
                case Item.Embed embed ->
                    needed.addAll(relations.find(table, embed).fromColumns());
            }
        }
        at(query.orders(), List.of()).stream()
                .flatMap(List::stream)
                .filter(order -> order.embedded().isEmpty())
                .forEach(order -> needed.add(order.field().name()));
        return Optional.of(needed);
    }
}
