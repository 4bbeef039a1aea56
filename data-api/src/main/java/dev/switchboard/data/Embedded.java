package dev.switchboard.data;

import dev.switchboard.data.Catalog.Junction;
import dev.switchboard.data.Catalog.Relationship;
import dev.switchboard.data.Level.Purpose;
import dev.switchboard.data.Query.Item;
import dev.switchboard.data.Query.Join;
import dev.switchboard.engine.model.TableName;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A resource that is embedded: a lateral join, which gives its rows as JSON or, where it is spread, as columns.
 *
 * @param alias of its lateral join
 * @param level whose columns become those of the level above where it is spread
 */
record Embedded(Item.Embed embed, boolean toOne, String alias, Sql join, Level level) {
    /** @param extras how many columns there are besides, to order the level above by */
    static Embedded of(Item.Embed embed, boolean toOne, String alias, Level level, Purpose purpose, int extras) {
        return new Embedded(embed, toOne, alias, join(embed, toOne, alias, level, purpose, extras), level);
    }

    /** Where a relationship's rows come from: the table, a function of the parent's row, or the table behind a junction. */
    static Source source(Relationship relationship, Source parent, Source rows) {
        Source source = rows;
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
        return source;
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

    private static String junctionAlias(Source source) {
        return "_sb_j" + source.alias();
    }

    /** What joins the rows to their parent. */
    static Sql on(Source parent, Relationship relationship, Source child) {
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
                columns(sql, level.hoisted().stream().map(Level.Hoisted::column).toList());
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

    /** Whether there are any rows. */
    Sql presence() {
        var lateral = new Sql().name(alias);
        return toOne ? lateral.add(".\"_sb_p\" is not null") : lateral.add(".\"_sb_n\" > 0");
    }

    /** One of its columns, as the level above names it. */
    Sql column(String column) {
        return new Sql().name(alias).add(".").name(column);
    }

    /** Whether nothing is shown of a resource: it is only there to filter by. */
    boolean isHidden() {
        return isHidden(embed);
    }

    private static boolean isHidden(Item.Embed embed) {
        return embed.select().stream().allMatch(item -> item instanceof Item.Embed inner && isHidden(inner));
    }
}
