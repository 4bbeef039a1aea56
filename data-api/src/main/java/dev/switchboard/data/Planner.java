package dev.switchboard.data;

import dev.switchboard.data.Catalog.Result;
import dev.switchboard.data.Catalog.Routine;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Query.Range;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** From parsed requests to the statements that answer them. Pure. */
final class Planner {
    private static final Range ALL = new Range(Optional.empty(), Optional.empty());

    private final Catalog catalog;
    private final DataSettings settings;
    private final String role;

    /** @param role who asks: hints name nothing that it may not use */
    Planner(Catalog catalog, DataSettings settings, String role) {
        this.catalog = catalog;
        this.settings = settings;
        this.role = role;
    }

    /**
     * How the answer is wanted.
     *
     * @param headOnly whether its body is not
     */
    record Wanted(MediaType media, Preferences preferences, boolean headOnly) {}

    // Reading

    Plan read(Table table, Query query, Range range, Wanted wanted) {
        ReadSql writer = reader(query, wanted);
        Source source = Source.of(table, writer.nextAlias("_sb_t"));
        Level rows = writer.rows(source, range, true);
        Preferences.Counted counted = counted(table, query, wanted.preferences().counted());
        Optional<Sql> counting =
                counted == Preferences.Counted.NONE ? Optional.empty() : Optional.of(writer.count(source));
        Sql main = answer(
                wanted,
                new Sql(),
                rows,
                body(wanted, rows.names(), true, Optional.of(table)),
                total(counting, counted),
                Optional.empty());
        return plan(main, counting.filter(_ -> counted != Preferences.Counted.EXACT), true, wanted);
    }

    private ReadSql reader(Query query, Wanted wanted) {
        var reader = new ReadSql(catalog, query, settings, role);
        return isOfRow(wanted) ? reader.asStored() : reader;
    }

    private static boolean isOfRow(Wanted wanted) {
        return wanted.media() instanceof MediaType.Handled handled && handled.ofRow();
    }

    /** An estimate is made of all rows, hidden ones too: it is given only of a table that hides none, and of that alone. */
    private static Preferences.Counted counted(Table table, Query query, Preferences.Counted wanted) {
        boolean reachesOthers = query.select().stream().anyMatch(Query.Item.Embed.class::isInstance)
                || !table.computed().isEmpty();
        return wanted == Preferences.Counted.NONE || (table.estimable() && !reachesOthers)
                ? wanted
                : Preferences.Counted.EXACT;
    }

    private static Sql total(Optional<Sql> counting, Preferences.Counted counted) {
        return counting.filter(_ -> counted == Preferences.Counted.EXACT)
                .map(sql -> new Sql().add("(select count(*) from (").add(sql).add(") as \"c\")"))
                .orElseGet(() -> Sql.of("null::bigint"));
    }

    private static Plan plan(Sql main, Optional<Sql> estimate, boolean readOnly, Wanted wanted) {
        Optional<MediaType.Plan> explained =
                wanted.media() instanceof MediaType.Plan asked ? Optional.of(asked) : Optional.empty();
        return new Plan(main, estimate, readOnly, explained);
    }

    /**
     * One row that holds everything about the answer.
     *
     * @param with    what comes before the SELECT
     * @param body    an aggregate of the rows r, as text
     * @param total   how many rows there are whatever the range
     * @param written how a statement's own rows are counted, and those inserted
     */
    private static Sql answer(Wanted wanted, Sql with, Level rows, Sql body, Sql total, Optional<Sql> written) {
        return new Sql()
                .add(with)
                .add("select case ")
                .add(refusals(wanted, written.isPresent()))
                .add("else \"q\".\"b\" end, \"q\".\"_sb_n\", ")
                .add(total)
                .add(", ")
                .add(written.orElseGet(() -> Sql.of("null::bigint, null::bigint")))
                .add(
                        ", nullif(current_setting('response.headers', true), ''), nullif(current_setting('response.status', true), '')")
                .add(" from (select ")
                .add(body)
                .add(" as \"b\", count(*)")
                .add(
                        wanted.headOnly()
                                ? Sql.of("")
                                : new Sql()
                                        .add(" filter (where ")
                                        .add(AnswerBound.holds())
                                        .add(")"))
                .add(" as \"_sb_n\" from (")
                .add(rows.sql())
                .add(") as \"_sb_r\") as \"q\"");
    }

    /**
     * When the statement must fail instead of answering, so that nothing of it is committed: it asks for a setting that there is
     * not, whose name says why; see {@link SqlErrors}.
     */
    private static Sql refusals(Wanted wanted, boolean writes) {
        var sql = new Sql();
        String affected = writes ? "(select count(*) from \"_sb_src\")" : "\"q\".\"_sb_n\"";
        wanted.preferences()
                .maxAffected()
                .ifPresent(most -> sql.add("when ")
                        .add(affected)
                        .add(" > ")
                        .number(most)
                        .add(" then current_setting('" + SqlErrors.AFFECTED + "' || ")
                        .add(affected)
                        .add(") "));
        if (wanted.media() instanceof MediaType.Json(boolean single, boolean _) && single) {
            sql.add("when \"q\".\"_sb_n\" <> 1 then current_setting('" + SqlErrors.ROWS + "' || \"q\".\"_sb_n\") ");
        }
        return sql.add("when octet_length(\"q\".\"b\") > current_setting('" + AnswerBound.MOST + "')::bigint")
                .add(" then current_setting('" + SqlErrors.BYTES + "' || octet_length(\"q\".\"b\")) ");
    }

    /**
     * The rows {@code r} as the text of an answer.
     *
     * @param list whether an array is wanted where no single object is
     * @param table whose rows they are
     */
    private static Sql body(Wanted wanted, List<String> names, boolean list, Optional<Table> table) {
        if (wanted.headOnly()) {
            return Sql.of("''::text");
        }
        return switch (wanted.media()) {
            case MediaType.Json(boolean single, boolean stripped) -> {
                Sql rows = Sql.of(
                        stripped
                                ? "json_strip_nulls(coalesce(json_agg(\"_sb_r\"), '[]'))"
                                : "coalesce(json_agg(\"_sb_r\"), '[]')");
                yield single || !list
                        ? new Sql().add("coalesce((").add(rows).add(" -> 0)::text, 'null')")
                        : rows.add("::text");
            }
            case MediaType.Csv _ -> csv(names);
            case MediaType.GeoJson _ ->
                Sql.of(
                        "json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(ST_AsGeoJSON(\"_sb_r\")::json), '[]'))::text");
            case MediaType.Plan _ -> Sql.of("coalesce(json_agg(\"_sb_r\"), '[]')::text");
            case MediaType.Handled handled -> handled(handled, table);
            case MediaType.OpenApi _, MediaType.Raw _, MediaType.Any _, MediaType.Other _ ->
                throw new DataException(
                        DataError.MEDIA_TYPE,
                        "None of these media types are available: "
                                + wanted.media().contentType());
        };
    }

    /** What an aggregate of the database makes of the rows. */
    private static Sql handled(MediaType.Handled handled, Optional<Table> table) {
        Sql row = handled.ofRow()
                ? new Source(Sql.of(""), "_sb_r", table, List.of(), "", Source.Rows.CALLED).row()
                : Sql.of("\"_sb_r\"");
        Sql made = new Sql()
                .name(handled.aggregate().orElseThrow())
                .add("(")
                .add(row)
                .add(")");
        return handled.binary() ? new Sql().add("encode(").add(made).add("::bytea, 'base64')") : made.add("::text");
    }

    /** A row's text is nearly CSV (RFC 4180) already: in parentheses, with backslashes doubled. */
    private static Sql csv(List<String> names) {
        String header = String.join(
                ",",
                names.stream()
                        .map(name -> name.matches("[^\",\r\n]*") ? name : "\"" + name.replace("\"", "\"\"") + "\"")
                        .toList());
        return new Sql()
                .value(header)
                .add(
                        "::text || coalesce(E'\\n' || string_agg(replace(substring(\"_sb_r\"::text, 2, length(\"_sb_r\"::text) - 2), E'\\\\\\\\', E'\\\\'), E'\\n'), '')");
    }

    // Writing

    Plan insert(Table table, Query query, Body body, Wanted wanted) {
        boolean merges = wanted.preferences()
                .resolution()
                .filter(Preferences.Resolution.MERGE::equals)
                .isPresent();
        var write = new WriteSql(table, query, wanted.preferences());
        return written(table, query, write.insert(body, returning(table, query, wanted)), wanted, merges);
    }

    Plan update(Table table, Query query, Body body, Wanted wanted) {
        var write = new WriteSql(table, query, wanted.preferences());
        Set<String> returning = returning(table, query, wanted);
        refuseConditionsOnEmbedded(query);
        return written(table, query, write.update(body, returning), wanted, false);
    }

    Plan delete(Table table, Query query, Wanted wanted) {
        var write = new WriteSql(table, query, wanted.preferences());
        Set<String> returning = returning(table, query, wanted);
        refuseConditionsOnEmbedded(query);
        return written(table, query, Optional.of(write.delete(returning)), wanted, false);
    }

    /** It would say which rows are shown, not which are written: whoever meant the latter would lose every row. */
    private static void refuseConditionsOnEmbedded(Query query) {
        query.conditions().stream()
                .filter(placed -> !placed.path().isEmpty())
                .findFirst()
                .ifPresent(placed -> {
                    String path = String.join(".", placed.path());
                    throw new DataException(
                            DataError.EMBEDDED_CONDITION,
                            "The condition on '" + path + "' does not choose which rows are written",
                            Optional.of(
                                    "Conditions on embedded resources choose what is shown of them; every row that the other"
                                            + " conditions leave would be written."),
                            Optional.of("Read the keys of the rows first, with '" + path
                                    + "!inner' in select, and filter the write by those keys."));
                });
    }

    private Set<String> returning(Table table, Query query, Wanted wanted) {
        var reader = new ReadSql(catalog, query, settings, role);
        return switch (wanted.preferences().returned()) {
            case MINIMAL -> Set.of();
            case HEADERS -> new LinkedHashSet<>(table.key());
            case REPRESENTATION -> isOfRow(wanted) ? table.columns().sequencedKeySet() : reader.needed(table);
        };
    }

    private Plan written(Table table, Query query, Optional<Sql> statement, Wanted wanted, boolean merges) {
        Sql source = statement.orElseGet(
                () -> new Sql().add("select * from ").name(table.name()).add(" where false"));
        var with = new Sql()
                .add("with ")
                .name(WriteSql.WRITTEN)
                .add(" as (")
                .add(source)
                .add(") ");
        boolean represented = wanted.preferences().returned() != Preferences.Returned.MINIMAL;
        Level rows = represented
                ? writtenRows(table, query, wanted)
                : new Level(Sql.of("select 1 as \"_sb_p\" from \"_sb_src\""), List.of());
        Sql counts = new Sql()
                .add("(select count(*) from \"_sb_src\"), ")
                .add(merges ? WriteSql.inserted() : Sql.of("null::bigint"));
        boolean headers = wanted.preferences().returned() == Preferences.Returned.HEADERS;
        Wanted form = headers ? new Wanted(MediaType.array(), wanted.preferences(), false) : wanted;
        Sql body = represented ? body(form, rows.names(), true, Optional.of(table)) : Sql.of("''::text");
        return plan(
                answer(wanted, with, rows, body, Sql.of("null::bigint"), Optional.of(counts)),
                Optional.empty(),
                false,
                wanted);
    }

    private Level writtenRows(Table table, Query query, Wanted wanted) {
        boolean headers = wanted.preferences().returned() == Preferences.Returned.HEADERS;
        Query answered = headers ? keyOnly(table) : withoutRootConditions(query, table);
        var source = new Source(
                Sql.of("\"_sb_src\""),
                "_sb_t0",
                Optional.of(table),
                List.of(),
                table.name().table(),
                Source.Rows.WRITTEN);
        ReadSql reader = reader(answered, wanted);
        reader.nextAlias("_sb_t");
        return reader.rows(source, ALL, true);
    }

    private static Query keyOnly(Table table) {
        List<Query.Item> items =
                table.key().stream().<Query.Item>map(Planner::item).toList();
        return new Query(items, List.of(), List.of(), List.of(), Optional.empty(), Optional.empty(), List.of());
    }

    /** Conditions chose which rows were written; how these are now, they need not hold. Stars are spelt out. */
    private static Query withoutRootConditions(Query query, Table table) {
        List<Query.Item> items = query.select().stream()
                .flatMap(item -> item instanceof Query.Item.Star
                        ? table.columns().keySet().stream().map(Planner::item)
                        : java.util.stream.Stream.of(item))
                .toList();
        return new Query(
                items,
                query.conditions().stream()
                        .filter(placed -> !placed.path().isEmpty())
                        .toList(),
                query.orders(),
                query.ranges(),
                query.columns(),
                query.onConflict(),
                List.of());
    }

    private static Query.Item item(String column) {
        return new Query.Item.Column(
                new Query.Field(column, List.of()),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }

    // Calling

    /**
     * @param call of the function in a FROM clause.
     *
     * @param reading whether it was asked for by GET or HEAD
     */
    Plan call(Routine routine, Routines.Call call, Query query, Range range, Wanted wanted, boolean reading) {
        Result result = routine.result();
        boolean readOnly = reading || !routine.changes();
        boolean counted = wanted.preferences().counted() != Preferences.Counted.NONE;
        boolean composite = result.composite() && !result.record();
        var with = new Sql();
        Sql from = call.rows();
        if (routine.changes() || (counted && !composite)) { // called once, however often its rows are read
            with.add("with \"_sb_src\" as materialized (")
                    .add(
                            composite
                                    ? new Sql()
                                            .add("select \"f\".* from ")
                                            .add(from)
                                            .add(" as \"f\"")
                                    : values(result, call))
                    .add(") ");
            from = Sql.of("\"_sb_src\"");
        }
        Sql main =
                composite ? rows(routine, from, with, query, range, wanted) : scalar(result, call, with, range, wanted);
        return plan(main, Optional.empty(), readOnly, wanted).with(routine.settings());
    }

    private Sql rows(Routine routine, Sql from, Sql with, Query query, Range range, Wanted wanted) {
        Result result = routine.result();
        Optional<Table> table = result.table().flatMap(catalog::table);
        ReadSql writer = reader(query, wanted);
        var source = new Source(
                from,
                writer.nextAlias("_sb_t"),
                table,
                result.columns(),
                routine.name().table(),
                routine.changes() ? Source.Rows.CALLED : Source.Rows.STORED);
        Level rows = writer.rows(source, range, true);
        Sql total = wanted.preferences().counted() == Preferences.Counted.NONE
                ? Sql.of("null::bigint")
                : total(Optional.of(writer.count(source)), Preferences.Counted.EXACT);
        return answer(wanted, with, rows, body(wanted, rows.names(), result.set(), table), total, Optional.empty());
    }

    /** One column of the values that a call gives. A record says only itself what columns it has, so it is one value. */
    private static Sql values(Result result, Routines.Call call) {
        if (result.record()) {
            return call.value();
        }
        return new Sql()
                .add(result.isVoid() ? "select null::text as \"v\" from " : "select \"t0\".\"v\" from ")
                .add(call.rows())
                .add(" as \"t0\" (\"v\")");
    }

    /** @param with holds the call's values as {@code _sb_src}, if anything */
    private static Sql scalar(Result result, Routines.Call call, Sql with, Range range, Wanted wanted) {
        boolean set = result.set();
        Sql values = with.isEmpty() ? values(result, call) : Sql.of("select \"v\" from \"_sb_src\"");
        var rows = new Level(values.add(set ? ReadSql.limits(range) : new Sql()), List.of("v"));
        Sql total = wanted.preferences().counted() == Preferences.Counted.NONE
                ? Sql.of("null::bigint")
                : Sql.of("(select count(*) from \"_sb_src\")");
        return answer(wanted, with, rows, valuesBody(wanted, set), total, Optional.empty());
    }

    private static Sql valuesBody(Wanted wanted, boolean set) {
        if (wanted.headOnly()) {
            return Sql.of("''::text");
        }
        return switch (wanted.media()) {
            case MediaType.Raw(boolean binary) -> concatenated(binary);
            case MediaType.Handled handled when handled.aggregate().isEmpty() -> concatenated(handled.binary());
            case MediaType.Json(boolean single, boolean _)
            when set && single -> Sql.of("(json_agg(\"_sb_r\".\"v\") -> 0)::text");
            case MediaType.Json _, MediaType.Plan _ ->
                Sql.of(
                        set
                                ? "coalesce(json_agg(\"_sb_r\".\"v\"), '[]')::text"
                                : "coalesce((json_agg(\"_sb_r\".\"v\") -> 0)::text, 'null')");
            default -> body(wanted, List.of("v"), set, Optional.empty());
        };
    }

    private static Sql concatenated(boolean binary) {
        return Sql.of(
                binary
                        ? "encode(string_agg(\"_sb_r\".\"v\"::bytea, ''), 'base64')"
                        : "string_agg(\"_sb_r\".\"v\"::text, '')");
    }
}
