package dev.switchboard.data;

import dev.switchboard.data.Catalog.Representation;
import dev.switchboard.data.Query.Comparison;
import dev.switchboard.data.Query.Condition;
import dev.switchboard.data.Query.Field;
import dev.switchboard.data.Query.Operator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Conditions as SQL. Pure. */
final class Conditions {
    private final Source source;
    private final Map<String, Sql> presence;

    /** @param presence of embedded resources by their label: an expression that is true where there is something */
    Conditions(Source source, Map<String, Sql> presence) {
        this.source = source;
        this.presence = presence;
    }

    Sql write(Condition condition) {
        return switch (condition) {
            case Condition.Compare(Field field, boolean not, Comparison comparison)
            when isEmbedded(field) -> embedded(field, not, comparison);
            case Condition.Compare(Field field, boolean not, Comparison comparison) ->
                new Sql()
                        .add(not ? "(not " : "(")
                        .add(compare(field, comparison))
                        .add(")");
            case Condition.Group(boolean not, boolean or, List<Condition> members) ->
                new Sql()
                        .add(not ? "(not (" : "((")
                        .add(Sql.join(
                                or ? " or " : " and ",
                                members.stream().map(this::write).toList()))
                        .add("))");
        };
    }

    private boolean isEmbedded(Field field) {
        return field.steps().isEmpty() && presence.containsKey(field.name()) && !source.has(field.name());
    }

    private Sql embedded(Field field, boolean not, Comparison comparison) {
        if (!(comparison instanceof Comparison.Is(String what)) || !what.endsWith("null")) {
            throw new DataException(
                    DataError.EMBEDDED_NULL,
                    "Bad operator on the '" + field.name() + "' embedded resource",
                    "Only is null or not is null filters are allowed on embedded resources");
        }
        boolean present = not == what.equals("null");
        return new Sql()
                .add(present ? "(" : "(not ")
                .add(presence.getOrDefault(field.name(), new Sql()))
                .add(")");
    }

    /** A value of the client's, as the column's domain reads it. */
    private Sql value(Field field, String value) {
        return source.representation(field)
                .flatMap(Representation::fromText)
                .map(function -> new Sql().name(function).add("(").value(value).add("::text)"))
                .orElseGet(() -> new Sql().value(value));
    }

    private Sql values(Field field, List<String> values) {
        boolean read =
                source.representation(field).flatMap(Representation::fromText).isPresent();
        return read && !values.isEmpty()
                ? new Sql()
                        .add("array[")
                        .add(Sql.join(
                                ", ",
                                values.stream()
                                        .map(value -> value(field, value))
                                        .toList()))
                        .add("]")
                : new Sql().value(array(values));
    }

    private Sql compare(Field field, Comparison comparison) {
        Sql left = source.field(field);
        return switch (comparison) {
            case Comparison.Operation(Operator operator, Optional<String> quantifier, String value) -> {
                String pattern = operator.takesPattern() ? value.replace('*', '%') : value;
                left.add(" ").add(operator.sql()).add(" ");
                yield quantifier.isEmpty()
                        ? left.add(value(field, pattern))
                        : left.add(quantifier.get().equals("any") ? "any (" : "all (")
                                .value(pattern)
                                .add(")");
            }
            case Comparison.In(List<String> values) ->
                left.add(" = any (").add(values(field, values)).add(")");
            case Comparison.Is(String what) -> left.add(" is ").add(what);
            case Comparison.Distinct(String value) ->
                left.add(" is distinct from ").add(value(field, value));
            case Comparison.Search(String function, Optional<String> language, String value) ->
                search(field, left, function, language, value);
        };
    }

    private Sql search(Field field, Sql left, String function, Optional<String> language, String value) {
        var text = new Sql();
        if (field.steps().isEmpty() && source.isSearchVector(field.name())) {
            text.add(left);
        } else {
            language(text.add("to_tsvector("), language).add(left).add(")");
        }
        return language(text.add(" @@ ").add(function).add("("), language)
                .value(value)
                .add(")");
    }

    private static Sql language(Sql sql, Optional<String> language) {
        return language.map(name -> sql.value(name).add("::regconfig, ")).orElse(sql);
    }

    /** An array as text (PostgreSQL, section 8.15.6), every element in quotes. */
    static String array(List<String> values) {
        var text = new StringBuilder("{");
        for (String value : values) {
            text.append(text.length() > 1 ? "," : "")
                    .append('"')
                    .append(value.replace("\\", "\\\\").replace("\"", "\\\""))
                    .append('"');
        }
        return text.append('}').toString();
    }
}
