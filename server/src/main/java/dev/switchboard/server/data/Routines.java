package dev.switchboard.server.data;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.server.data.Catalog.Parameter;
import dev.switchboard.server.data.Catalog.Routine;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Which function a call means, and the call as SQL. Pure. */
final class Routines {
    private static final Set<String> WHOLE_BODY = Set.of("json", "jsonb", "text", "bytea", "xml");

    private final Catalog catalog;
    private final String role;

    /** @param role who calls: hints name nothing that it may not use */
    Routines(Catalog catalog, String role) {
        this.catalog = catalog;
        this.role = role;
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
            fitting = all.stream().filter(Routines::takesBody).toList();
        }
        if (fitting.isEmpty()) {
            throw none(name, arguments, all);
        }
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
     * The function whose one unnamed parameter takes a whole body.
     *
     * @throws DataException if there is none
     */
    Routine findWhole(TableName name) {
        List<Routine> all = catalog.routines().getOrDefault(name, List.of());
        return all.stream().filter(Routines::takesBody).findFirst().orElseThrow(() -> none(name, List.of(), all));
    }

    private static boolean takesBody(Routine routine) {
        return routine.takesOneUnnamed()
                && WHOLE_BODY.contains(routine.parameters().getFirst().baseType());
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
    static Sql call(Routine routine, Set<String> arguments, String json) {
        List<Parameter> given = routine.parameters().stream()
                .filter(parameter -> arguments.contains(parameter.name()))
                .toList();
        if (routine.takesOneUnnamed() && given.isEmpty()) {
            return whole(routine, json);
        }
        if (given.isEmpty()) {
            return new Sql().name(routine.name()).add("()");
        }
        var sql = new Sql().add("json_to_record(").value(json).add("::json) as \"args\" (");
        var values = new ArrayList<Sql>();
        for (int i = 0; i < given.size(); i++) {
            Parameter parameter = given.get(i);
            sql.add(i == 0 ? "" : ", ").name(parameter.name()).add(" ").fromCatalog(parameter.type());
            values.add(named(parameter).add("\"args\".").name(parameter.name()));
        }
        return sql.add(") cross join lateral ")
                .name(routine.name())
                .add("(")
                .add(Sql.join(", ", values))
                .add(")");
    }

    /** A call whose one argument is the whole body. */
    static Sql whole(Routine routine, String body) {
        Parameter parameter = routine.parameters().getFirst();
        Sql value = new Sql().value(body).add("::").fromCatalog(parameter.type());
        return new Sql().name(routine.name()).add("(").add(value).add(")");
    }

    /** A call whose arguments came as text. */
    static Sql call(Routine routine, Map<String, String> arguments) {
        var values = new ArrayList<Sql>();
        for (Parameter parameter : routine.parameters()) {
            String value = arguments.get(parameter.name());
            if (value != null) {
                values.add(named(parameter).value(value).add("::").fromCatalog(parameter.type()));
            }
        }
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
