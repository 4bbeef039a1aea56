package dev.switchboard.data;

import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Planner.Wanted;
import dev.switchboard.data.Preferences.Counted;
import dev.switchboard.data.Preferences.Returned;
import dev.switchboard.data.Query.Range;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.http.Response;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.json.JsonMapper;

/** The endpoints of tables and views: rows that are read, inserted, changed, replaced, deleted. Thread-safe. */
final class TableRoutes {
    /** Up to here an estimate is replaced by the exact count. */
    private static final long ESTIMATE_FROM = 1000;

    private final DataSettings settings;
    private final Statements statements;

    TableRoutes(DataSettings settings, Statements statements) {
        this.settings = settings;
        this.statements = statements;
    }

    Response answer(Asked request, Catalog catalog, String name) {
        var wanted = new TableName(request.schema(), name);
        Table table = catalog.table(wanted)
                .orElseThrow(() -> noTable(catalog, request.identity().role(), wanted));
        if (request.isOptions()) {
            return allowed(table);
        }
        refuseUnusable(request, catalog, table);
        Query query = QueryParser.parse(request.request().query(), false);
        Asked asked = request.in(new Negotiation(catalog, settings.offers().plans())
                .ofTable(table, query.isWhole(), request.accepted()));
        var planner = new Planner(catalog, settings, asked.identity().role());
        return switch (asked.request().method()) {
            case "GET", "HEAD" -> read(asked, catalog, planner, table, query);
            case "POST" -> insert(asked, catalog, planner, table, query);
            case "PATCH" -> update(asked, catalog, planner, table, query);
            case "PUT" -> replace(asked, catalog, planner, table, query);
            case "DELETE" -> written(asked, catalog, planner.delete(table, query, asked.wanted()), "*", 200, table);
            default ->
                throw new DataException(
                        DataError.METHOD,
                        "Unsupported HTTP method: " + asked.request().method());
        };
    }

    private static Response allowed(Table table) {
        var methods = new ArrayList<>(List.of("GET", "HEAD"));
        if (table.writable().inserts()) {
            methods.add("POST");
            if (table.writable().updates() && !table.key().isEmpty()) {
                methods.add("PUT");
            }
        }
        if (table.writable().updates()) {
            methods.add("PATCH");
        }
        if (table.writable().deletes()) {
            methods.add("DELETE");
        }
        return Answers.allowed(methods.toArray(String[]::new));
    }

    private static void refuseUnusable(Asked asked, Catalog catalog, Table table) {
        String role = asked.identity().role();
        if (!catalog.mayUse(role, table.name())) {
            throw SqlErrors.denied(table.name(), role);
        }
    }

    private static DataException noTable(Catalog catalog, String role, TableName name) {
        List<String> others = catalog.usableBy(role).tables().stream()
                .filter(other ->
                        other.schema().equals(name.schema()) && catalog.tables().containsKey(other))
                .map(TableName::table)
                .toList();
        return new DataException(
                DataError.NO_TABLE,
                "Could not find the table '" + name + "' in the schema cache",
                Optional.empty(),
                Suggestion.similar(name.table(), others)
                        .map(meant -> "Perhaps you meant the table '" + name.schema() + "." + meant + "'"));
    }

    private Response read(Asked asked, Catalog catalog, Planner planner, Table table, Query query) {
        Range range = Ranges.of(asked.request(), query, settings);
        Plan plan = planner.read(table, query, range, asked.wanted());
        Plan.Outcome outcome = statements.run(plan, asked, catalog);
        Optional<Long> total = total(asked, catalog, planner, table, query, outcome);
        return Answers.listed(asked, range, outcome, total)
                .with(
                        "Content-Location",
                        Answers.location(table, asked.request().query()));
    }

    /** An estimate that is small is not worth its error: the exact number is counted instead. */
    private Optional<Long> total(
            Asked asked, Catalog catalog, Planner planner, Table table, Query query, Plan.Outcome outcome) {
        if (outcome.estimated().isEmpty()) {
            return outcome.total();
        }
        long estimated = outcome.estimated().get();
        if (asked.preferences().counted() != Counted.ESTIMATED || estimated > ESTIMATE_FROM) {
            return Optional.of(Math.max(estimated, outcome.rows()));
        }
        Preferences exact = asked.preferences().counting(Counted.EXACT);
        Plan plan = planner.read(
                table, query, new Range(Optional.of(0L), Optional.empty()), new Wanted(MediaType.array(), exact, true));
        return statements.run(plan, asked, catalog).total();
    }

    private Response insert(Asked asked, Catalog catalog, Planner planner, Table table, Query query) {
        Body body = Body.of(asked.request(), query.columns().isEmpty());
        Plan plan = planner.insert(table, query, body, asked.wanted());
        return written(asked, catalog, plan, "*", 201, table);
    }

    private Response update(Asked asked, Catalog catalog, Planner planner, Table table, Query query) {
        Body body = Body.of(asked.request(), true);
        return written(asked, catalog, planner.update(table, query, body, asked.wanted()), "0", 200, table);
    }

    /** PUT: one row by its whole key, inserted or replaced. */
    private Response replace(Asked asked, Catalog catalog, Planner planner, Table table, Query query) {
        var key = new HashMap<String, String>();
        boolean exact = query.conditions().stream().allMatch(placed -> {
            if (placed.path().isEmpty()
                    && placed.value() instanceof Query.Condition.Compare(Query.Field field, boolean not, var comparison)
                    && !not
                    && comparison
                            instanceof Query.Comparison.Operation(Query.Operator operator, var quantifier, String value)
                    && operator == Query.Operator.EQ
                    && quantifier.isEmpty()) {
                key.put(field.name(), value);
                return true;
            }
            return false;
        });
        if (!exact || !key.keySet().equals(Set.copyOf(table.key()))) {
            throw new DataException(DataError.UPSERT_FILTERS, DataError.UPSERT_FILTERS.message());
        }
        Body body = Body.of(asked.request(), true);
        if (body.rows() != 1 || !matches(body, key)) {
            throw new DataException(DataError.KEY_MISMATCH, DataError.KEY_MISMATCH.message());
        }
        Asked upsert = asked.with(asked.preferences().merging());
        var unfiltered = new Query(
                query.select(), List.of(), List.of(), List.of(), query.columns(), Optional.empty(), List.of());
        Plan plan = planner.insert(table, unfiltered, body, upsert.wanted());
        return written(upsert, catalog, plan, "*", 201, table);
    }

    private static boolean matches(Body body, Map<String, String> key) {
        var row = JsonMapper.shared().readTree(body.json()).path(0);
        return key.entrySet().stream()
                .allMatch(entry -> row.path(entry.getKey()).asString("").equals(entry.getValue()));
    }

    /**
     * @param first  of the written rows, in {@code Content-Range}; {@code *} where they have no order
     * @param status where there is a representation, or for an insert
     */
    private Response written(Asked asked, Catalog catalog, Plan plan, String first, int status, Table table) {
        Preferences preferences = asked.preferences();
        Plan.Outcome outcome = statements.run(plan, asked, catalog);
        long written = outcome.written().orElse(0L);
        boolean represented = preferences.returned() == Returned.REPRESENTATION;
        boolean created = status == 201
                && outcome.inserted().filter(count -> count == 0 && written > 0).isEmpty();
        boolean put = asked.request().method().equals("PUT");
        int actual = created ? 201 : represented || (status == 201 && !put) ? 200 : 204;
        String rows = first.equals("0") && written > 0 ? "0-" + (written - 1) : "*";
        Response response =
                represented ? Answers.response(asked, actual, outcome) : Answers.plain(asked, actual, outcome);
        response = response.with(
                "Content-Range", rows + "/" + (preferences.counted() == Counted.NONE ? "*" : String.valueOf(written)));
        if (preferences.returned() == Returned.HEADERS && status == 201) {
            Optional<String> location = Answers.location(table, outcome);
            if (location.isPresent()) {
                response = response.with("Location", location.get());
            }
        }
        return response;
    }
}
