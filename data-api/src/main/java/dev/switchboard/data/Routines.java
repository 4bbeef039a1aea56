package dev.switchboard.data;

import dev.switchboard.data.Catalog.Parameter;
import dev.switchboard.data.Catalog.Routine;
import dev.switchboard.engine.model.TableName;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Which function a call means, and the call as SQL. Pure. */
final class Routines {
    /** What a parameter without a name has to be to take a body as a whole, by the body's media type. */
    private static final Map<String, Set<String>> WHOLE = Map.of(
            "application/json", Set.of("json", "jsonb"),
            "text/plain", Set.of("text"),
            "text/xml", Set.of("xml"),
            "application/octet-stream", Set.of("bytea"));

    private final Catalog catalog;
    private final String role;

    /** @param role who calls: hints name nothing that it may not use */
    Routines(Catalog catalog, String role) {
        this.catalog = catalog;
        this.role = role;
    }

    /**
     * A call.
     *
     * @param arguments where its arguments come from in a FROM clause; empty if from nowhere
     */
    record Call(Sql arguments, Sql expression) {
        /** Its rows, or its value as a row, in a FROM clause. */
        Sql rows() {
            return arguments.isEmpty()
                    ? expression
                    : new Sql().add(arguments).add(" cross join lateral ").add(expression);
        }

        /** Its value as column {@code v}. */
        Sql value() {
            Sql select = new Sql().add("select ").add(expression).add(" as \"v\"");
            return arguments.isEmpty() ? select : select.add(" from ").add(arguments);
        }
    }

    /**
     * By name and the names of the arguments; overloads that fit both are told apart by nothing else.
     *
     * @param body whether there is one that a function with a single unnamed parameter could take as a whole
     * @throws DataException if there is none, or more than one
     */
    Routine find(TableName name, Collection<String> arguments, boolean body) {
        List<Routine> all = catalog.routines().getOrDefault(name, List.of());
        List<Routine> fitting =
                all.stream().filter(routine -> fits(routine, arguments)).toList();
        if (fitting.isEmpty() && body) {
            fitting = taking(all, "application/json");
        }
        if (fitting.isEmpty()) {
            throw none(name, arguments, all);
        }
        return one(fitting);
    }

    private static Routine one(List<Routine> fitting) {
        if (fitting.size() > 1) {
            throw new DataException(
                    DataError.AMBIGUOUS_ROUTINE,
                    "Could not choose the best candidate function between: "
                            + fitting.stream().map(Routines::signature).collect(Collectors.joining(", ")),
                    Optional.empty(),
                    Optional.of(
                            "Try renaming the parameters or the function itself in the database so function overloading"
                                    + " can be resolved"));
        }
        return fitting.getFirst();
    }

    /**
     * Any function of that name.
     *
     * @throws DataException if there is none
     */
    Routine any(TableName name) {
        List<Routine> all = catalog.routines().getOrDefault(name, List.of());
        if (all.isEmpty()) {
            throw none(name, List.of(), all);
        }
        return all.getFirst();
    }

    /** Whether bodies of this media type are never objects of arguments. */
    static boolean isWhole(String mediaType) {
        return WHOLE.containsKey(mediaType) && !mediaType.equals("application/json");
    }

    /**
     * The function whose one unnamed parameter takes a whole body.
     *
     * @param mediaType of the body
     * @throws DataException if there is none, or more than one
     */
    Routine findWhole(TableName name, String mediaType) {
        List<Routine> all = catalog.routines().getOrDefault(name, List.of());
        List<Routine> fitting = taking(all, mediaType);
        if (fitting.isEmpty()) {
            throw none(name, List.of(), all);
        }
        return one(fitting);
    }

    private static List<Routine> taking(List<Routine> routines, String mediaType) {
        return routines.stream()
                .filter(routine -> routine.takesOneUnnamed()
                        && WHOLE.getOrDefault(mediaType, Set.of())
                                .contains(routine.parameters().getFirst().baseType()))
                .toList();
    }

    private static boolean fits(Routine routine, Collection<String> arguments) {
        List<String> names = routine.parameters().stream().map(Parameter::name).toList();
        return !names.contains("")
                && names.containsAll(arguments)
                && routine.parameters().stream()
                        .filter(parameter -> parameter.required() && !parameter.variadic())
                        .allMatch(parameter -> arguments.contains(parameter.name()));
    }

    private static String signature(Routine routine) {
        return routine.name()
                + routine.parameters().stream()
                        .map(parameter -> parameter.name() + " => " + parameter.type())
                        .collect(Collectors.joining(", ", "(", ")"));
    }

    private DataException none(TableName name, Collection<String> arguments, List<Routine> overloads) {
        String list = String.join(", ", arguments.stream().sorted().toList());
        String called = name + (list.isEmpty() ? "" : "(" + list + ")");
        String with =
                list.isEmpty() ? " without parameters" : " with parameter" + (arguments.size() > 1 ? "s " : " ") + list;
        Set<TableName> usable = catalog.usableBy(role).routines();
        Optional<String> hint = overloads.isEmpty() || !usable.contains(name)
                ? Suggestion.similar(
                                name.table(),
                                usable.stream()
                                        .filter(other -> other.schema().equals(name.schema())
                                                && catalog.routines().containsKey(other))
                                        .map(TableName::table)
                                        .toList())
                        .map(meant -> "Perhaps you meant to call the function " + name.schema() + "." + meant)
                : Optional.of("Perhaps you meant to call the function " + signatureOf(overloads.getFirst()));
        return new DataException(
                DataError.NO_ROUTINE,
                "Could not find the function " + called + (list.isEmpty() ? " without parameters" : "")
                        + " in the schema cache",
                Optional.of("Searched for the function " + name + with
                        + (list.isEmpty() ? "" : " or with a single unnamed json/jsonb parameter")
                        + ", but no matches were found in the schema cache."),
                hint);
    }

    private static String signatureOf(Routine routine) {
        return routine.name()
                + routine.parameters().stream().map(Parameter::name).collect(Collectors.joining(", ", "(", ")"));
    }

    /** A call whose arguments are members of a JSON object. */
    static Call call(Routine routine, Set<String> arguments, String json) {
        List<Parameter> given = routine.parameters().stream()
                .filter(parameter -> arguments.contains(parameter.name()))
                .toList();
        if (routine.takesOneUnnamed() && given.isEmpty()) {
            return whole(routine, json);
        }
        var values = new ArrayList<Sql>();
        var columns = new ArrayList<Sql>();
        for (Parameter parameter : given) {
            columns.add(new Sql().name(parameter.name()).add(" ").fromCatalog(parameter.type()));
            values.add(named(parameter).add("\"args\".").name(parameter.name()));
        }
        Sql source = given.isEmpty()
                ? new Sql()
                : new Sql()
                        .add("json_to_record(")
                        .value(json)
                        .add("::json) as \"args\" (")
                        .add(Sql.join(", ", columns))
                        .add(")");
        return new Call(source, expression(routine, values));
    }

    /** A call whose one argument is the whole body. */
    static Call whole(Routine routine, String body) {
        Parameter parameter = routine.parameters().getFirst();
        Sql value = new Sql().value(body).add("::").fromCatalog(parameter.type());
        return new Call(new Sql(), expression(routine, List.of(value)));
    }

    /** A call whose arguments came as text; one that came several times is the elements of what is variadic, else the last counts. */
    static Call call(Routine routine, Map<String, List<String>> arguments) {
        var values = new ArrayList<Sql>();
        for (Parameter parameter : routine.parameters()) {
            List<String> given = arguments.getOrDefault(parameter.name(), List.of());
            if (!given.isEmpty()) {
                String value = parameter.variadic() ? Conditions.array(given) : given.getLast();
                values.add(named(parameter).value(value).add("::").fromCatalog(parameter.type()));
            }
        }
        return new Call(new Sql(), expression(routine, values));
    }

    private static Sql expression(Routine routine, List<Sql> values) {
        return new Sql()
                .name(routine.name())
                .add("(")
                .add(Sql.join(", ", values))
                .add(")");
    }

    private static Sql named(Parameter parameter) {
        return new Sql()
                .add(parameter.variadic() ? "variadic " : "")
                .name(parameter.name())
                .add(" => ");
    }
}
