package dev.switchboard.data;

import dev.switchboard.data.Catalog.Representation;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Query.Field;
import dev.switchboard.data.Query.Item;
import dev.switchboard.engine.model.TableName;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/** What a query level gives, in order: columns, aggregates, and what is embedded. Owned by the level. */
final class SelectList {
    /** How columns are called of which a level above makes aggregates. */
    private static final String HOISTED = "_sb_h";

    /** A type as it may be written, with length or precision and brackets. */
    private static final Pattern TYPE =
            Pattern.compile("(?<name>[^(\\[]+?)\\s*(?<modifier>\\(\\d{1,4}(,\\s*\\d{1,4})?\\))?(?<array>(\\[\\])*)");

    private final Context context;
    private final Source source;
    private final boolean spread;
    private final boolean grouped;
    private final List<Sql> expressions = new ArrayList<>();
    private final List<String> names = new ArrayList<>();
    private final List<Integer> plain = new ArrayList<>();
    private final List<Level.Hoisted> hoisted = new ArrayList<>();
    private boolean aggregated;

    /**
     * What all levels of a statement share.
     *
     * @param asStored  whether values are as the table holds them, without representations
     * @param nextAlias a name with that prefix that nothing else in the statement has
     */
    record Context(Catalog catalog, DataSettings settings, boolean asStored, UnaryOperator<String> nextAlias) {}

    /**
     * @param spread  whether its columns become those of the level above, which makes its aggregates then
     * @param grouped whether its rows are grouped by what is selected
     */
    SelectList(Context context, Source source, boolean spread, boolean grouped) {
        this.context = context;
        this.source = source;
        this.spread = spread;
        this.grouped = grouped;
    }

    /** Whether an item of a level makes one row of several. */
    static boolean isAggregate(Source source, Item item) {
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

    /** @param named whether every column has to be named */
    void select(List<Item> items, List<Embedded> children, boolean named) {
        for (Item item : items) {
            switch (item) {
                case Item.Star _
                when !named && source.table().isEmpty() && source.columns().isEmpty() ->
                    expressions.add(new Sql().name(source.alias()).add(".*"));
                case Item.Star _ -> star(named);
                case Item.Count(Optional<String> alias, Optional<String> cast) -> {
                    requireAggregates();
                    count(alias, cast);
                }
                case Item.Column column
                when isImplicitCount(source, column) && column.aggregate().isEmpty() ->
                    count(column.alias(), column.cast());
                case Item.Column column -> column(column);
                case Item.Embed embed ->
                    children.stream()
                            .filter(child -> child.embed().equals(embed))
                            .findFirst()
                            .ifPresent(child -> embedded(child));
            }
        }
    }

    private void star(boolean byName) {
        List<String> columns = source.table()
                .map(table -> List.copyOf(table.columns().keySet()))
                .orElse(source.columns());
        boolean represented = !context.asStored()
                && source.table().filter(Table::isRepresented).isPresent();
        if (!byName && !represented) {
            expressions.add(new Sql().name(source.alias()).add(".*"));
            names.addAll(columns);
            return;
        }
        columns.forEach(name -> add(represented(new Field(name, List.of())), name, false));
    }

    /** The value as clients see it. */
    private Sql represented(Field field) {
        Sql value = source.field(field);
        Optional<TableName> function = context.asStored()
                ? Optional.empty()
                : source.representation(field).flatMap(Representation::toJson);
        return function.map(name -> new Sql().name(name).add("(").add(value).add(")"))
                .orElse(value);
    }

    private void count(Optional<String> alias, Optional<String> cast) {
        if (spread) {
            hoist(Sql.of("1"), context.nextAlias().apply(HOISTED), "count", cast, alias.orElse("count"));
        } else {
            add(cast(Sql.of("count(*)"), cast), alias.orElse("count"), true);
        }
    }

    private void column(Item.Column column) {
        if (column.aggregate().isEmpty()) {
            Sql value = column.cast().isPresent()
                    ? cast(source.field(column.field()), column.cast())
                    : represented(column.field());
            add(value, column.alias().orElseGet(() -> Source.nameOf(column.field())), false);
            return;
        }
        requireAggregates();
        Sql value = cast(source.field(column.field()), column.cast());
        String function = column.aggregate().get(); // one of five words that the parser knows
        if (spread) {
            hoist(
                    value,
                    context.nextAlias().apply(HOISTED),
                    function,
                    column.aggregateCast(),
                    column.alias().orElse(function));
            return;
        }
        Sql aggregate = new Sql().add(function).add("(").add(value).add(")");
        add(cast(aggregate, column.aggregateCast()), column.alias().orElse(function), true);
    }

    private void requireAggregates() {
        if (!context.settings().offers().aggregates()) {
            throw new DataException(DataError.AGGREGATES, DataError.AGGREGATES.message());
        }
    }

    private void embedded(Embedded child) {
        if (child.isHidden()) {
            return;
        }
        if (child.embed().spread()) {
            child.level().names().forEach(name -> add(child.column(name), name, false));
            for (Level.Hoisted one : child.level().hoisted()) {
                if (spread) {
                    hoist(
                            child.column(one.column()),
                            context.nextAlias().apply(HOISTED),
                            one.function(),
                            one.cast(),
                            one.name());
                } else {
                    Sql aggregate = new Sql()
                            .add(one.function())
                            .add("(")
                            .add(child.column(one.column()))
                            .add(")");
                    add(cast(aggregate, one.cast()), one.name(), true);
                }
            }
            return;
        }
        Sql json = child.column("_sb_j");
        add(grouped ? json.add("::jsonb") : json, child.embed().label(), false);
    }

    private void add(Sql expression, String name, boolean aggregate) {
        expressions.add(expression.add(" as ").label(name));
        names.add(name);
        if (!aggregate) {
            plain.add(expressions.size());
        }
        aggregated |= aggregate;
    }

    /** A column that the level above makes an aggregate of. */
    private void hoist(Sql value, String column, String function, Optional<String> cast, String name) {
        expressions.add(value.add(" as ").name(column));
        hoisted.add(new Level.Hoisted(column, function, cast, name));
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
                            plain.stream().map(place -> new Sql().number(place)).toList()));
        }
    }

    List<String> names() {
        return names;
    }

    List<Level.Hoisted> hoisted() {
        return hoisted;
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
        var matcher = TYPE.matcher(written);
        String type = matcher.matches()
                ? context.catalog().types().get(matcher.group("name").strip().toLowerCase(Locale.ROOT))
                : null;
        if (type == null) {
            throw new DataException(
                    400, "42704", "type \"" + written + "\" does not exist", Optional.empty(), Optional.empty());
        }
        return type + Optional.ofNullable(matcher.group("modifier")).orElse("") + matcher.group("array");
    }
}
