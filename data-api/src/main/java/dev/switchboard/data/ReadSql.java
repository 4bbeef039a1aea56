package dev.switchboard.data;

import dev.switchboard.data.Catalog.Junction;
import dev.switchboard.data.Catalog.Relationship;
import dev.switchboard.data.Catalog.Representation;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Query.Condition;
import dev.switchboard.data.Query.Field;
import dev.switchboard.data.Query.Item;
import dev.switchboard.data.Query.Join;
import dev.switchboard.data.Query.Order;
import dev.switchboard.data.Query.Placed;
import dev.switchboard.data.Query.Range;
import dev.switchboard.engine.model.TableName;
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
    /** How columns are called of which a level above makes aggregates. */
    private static final String HOISTED = "_sb_h";

    private final Catalog catalog;
    private final Query query;
    private final DataSettings settings;
    private final Relations relations;
    private int aliases;
    private boolean asStored;

    /** An aggregate of a column of this level that a level above makes: of all its rows, not of each. */
    private record Hoisted(String column, String function, Optional<String> cast, String name) {}

    /**
     * A level that is written, with the names of its columns as far as they are known.
     *
     * @param hoisted that the level above makes of columns beside those
     */
    record Level(Sql sql, List<String> names, List<Hoisted> hoisted) {
        Level(Sql sql, List<String> names) {
            this(sql, names, List.of());
        }
    }

    /**
     * A resource to embed.
     *
     * @param alias of its lateral join
     * @param level whose columns become those of the level above where it is spread
     */
    private record Child(Item.Embed embed, boolean toOne, String alias, Sql join, Level level) {}

    /** What a level is written for. */
    private enum Purpose {
        ROWS,
        /** Only how many there are. */
        COUNT
    }

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
        var children = new ArrayList<Child>();
        var presence = new HashMap<String, Sql>();
        for (Item item : items) {
            if (item instanceof Item.Embed embed && (purpose == Purpose.ROWS || decides(embed, items, conditions))) {
                Child child = child(source, embed, items, path, purpose, orders);
                children.add(child);
                presence.put(embed.label(), presence(child));
                EmbeddedPaths.find(items, embed.name())
                        .filter(embed::equals)
                        .ifPresent(_ -> presence.put(embed.name(), presence(child)));
            }
        }
        var writer = new Conditions(source, presence);
        var sql = new Sql().add("select ");
        Outputs outputs =
                purpose == Purpose.COUNT ? new Outputs(source) : outputs(source, items, children, extras, spread);
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
        return new Level(sql, outputs.names(), outputs.hoisted);
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

    private Child child(
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
        Source source = Source.of(to, nextAlias("_sb_t"));
        Sql on = on(parent, relationship, source);
        if (relationship.function().isPresent()) {
            source = ofFunction(relationship.function().get(), parent, source);
        }
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
                    source.rows());
        }
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
        return new Child(embed, toOne, alias, join(embed, toOne, alias, level, purpose, extras.size()), level);
    }

    private static Source ofFunction(TableName function, Source parent, Source rows) {
        return new Source(
                new Sql().name(function).add("(").add(parent.row()).add(")"),
                rows.alias(),
                rows.table(),
                rows.columns(),
                rows.label(),
                rows.rows());
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
        if (relationship.function().isPresent() && relationship.cardinality().isToOne()) {
            // a function of one row gives one of nulls where it has none
            parts.add(new Sql().add("not (").name(child.alias()).add(" is null)"));
        }
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
                columns(sql, level.hoisted().stream().map(Hoisted::column).toList());
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

    /** Whether rows are grouped by what is selected: by aggregates of the level itself, or of what is spread into it. */
    private boolean isGrouped(Source source, List<Item> items) {
        return items.stream()
                .anyMatch(item -> isAggregate(source, item)
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

    /** Whether nothing is shown of a resource: it is only there to filter by. */
    private static boolean isHidden(Item.Embed embed) {
        return embed.select().stream().allMatch(item -> item instanceof Item.Embed inner && isHidden(inner));
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
        private final List<Hoisted> hoisted = new ArrayList<>();
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

        /** A column that the level above makes an aggregate of. */
        void hoist(Sql value, String column, String function, Optional<String> cast, String name) {
            expressions.add(value.add(" as ").name(column));
            hoisted.add(new Hoisted(column, function, cast, name));
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

    private Outputs outputs(Source source, List<Item> items, List<Child> children, List<Field> extras, boolean spread) {
        boolean aggregated = !spread && isGrouped(source, items);
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
                case Item.Count(Optional<String> alias, Optional<String> cast) -> {
                    requireAggregates();
                    count(outputs, alias, cast, spread);
                }
                case Item.Column column
                when isImplicitCount(source, column) && column.aggregate().isEmpty() ->
                    count(outputs, column.alias(), column.cast(), spread);
                case Item.Column column -> column(source, outputs, column, spread);
                case Item.Embed embed ->
                    children.stream()
                            .filter(child -> child.embed().equals(embed))
                            .findFirst()
                            .ifPresent(child -> embedded(outputs, child, aggregated, spread));
            }
        }
        return outputs;
    }

    private void star(Source source, Outputs outputs, boolean byName) {
        List<String> names = source.table()
                .map(table -> List.copyOf(table.columns().keySet()))
                .orElse(source.columns());
        boolean represented =
                !asStored && source.table().filter(Table::isRepresented).isPresent();
        if (!byName && !represented) {
            outputs.expressions.add(new Sql().name(source.alias()).add(".*"));
            outputs.names.addAll(names);
            return;
        }
        names.forEach(name -> outputs.add(represented(source, new Field(name, List.of())), name, false));
    }

    /** The value as clients see it. */
    private Sql represented(Source source, Field field) {
        Sql value = source.field(field);
        Optional<TableName> function =
                asStored ? Optional.empty() : source.representation(field).flatMap(Representation::toJson);
        return function.map(name -> new Sql().name(name).add("(").add(value).add(")"))
                .orElse(value);
    }

    private void count(Outputs outputs, Optional<String> alias, Optional<String> cast, boolean spread) {
        if (spread) {
            outputs.hoist(Sql.of("1"), nextAlias(HOISTED), "count", cast, alias.orElse("count"));
        } else {
            outputs.add(cast(Sql.of("count(*)"), cast), alias.orElse("count"), true);
        }
    }

    private void column(Source source, Outputs outputs, Item.Column column, boolean spread) {
        if (column.aggregate().isEmpty()) {
            Sql value = column.cast().isPresent()
                    ? cast(source.field(column.field()), column.cast())
                    : represented(source, column.field());
            outputs.add(value, column.alias().orElseGet(() -> Source.nameOf(column.field())), false);
            return;
        }
        requireAggregates();
        Sql value = cast(source.field(column.field()), column.cast());
        String function = column.aggregate().get(); // one of five words that the parser knows
        if (spread) {
            outputs.hoist(
                    value,
                    nextAlias(HOISTED),
                    function,
                    column.aggregateCast(),
                    column.alias().orElse(function));
            return;
        }
        Sql aggregate = new Sql().add(function).add("(").add(value).add(")");
        outputs.add(cast(aggregate, column.aggregateCast()), column.alias().orElse(function), true);
    }

    private void requireAggregates() {
        if (!settings.aggregates()) {
            throw new DataException(DataError.AGGREGATES, DataError.AGGREGATES.message());
        }
    }

    private void embedded(Outputs outputs, Child child, boolean aggregated, boolean spread) {
        if (isHidden(child.embed())) {
            return;
        }
        if (child.embed().spread()) {
            child.level().names().forEach(name -> outputs.add(of(child, name), name, false));
            for (Hoisted one : child.level().hoisted()) {
                if (spread) {
                    outputs.hoist(of(child, one.column()), nextAlias(HOISTED), one.function(), one.cast(), one.name());
                } else {
                    Sql aggregate = new Sql()
                            .add(one.function())
                            .add("(")
                            .add(of(child, one.column()))
                            .add(")");
                    outputs.add(cast(aggregate, one.cast()), one.name(), true);
                }
            }
            return;
        }
        Sql json = of(child, "_sb_j");
        outputs.add(aggregated ? json.add("::jsonb") : json, child.embed().label(), false);
    }

    private static Sql of(Child child, String column) {
        return new Sql().name(child.alias()).add(".").name(column);
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

    private static void orderBy(Sql sql, Source source, List<Order> orders, List<Item> items, List<Child> children) {
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
            Source source, String name, List<Item> items, List<Child> children, Map<String, Integer> places) {
        Item.Embed embed = EmbeddedPaths.find(items, name).orElseThrow(() -> EmbeddedPaths.notEmbedded(name));
        String label = embed.label();
        Child child = children.stream()
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
