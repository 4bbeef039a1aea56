package dev.switchboard.engine.postgres.policy;

import dev.switchboard.engine.model.TableName;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Port to what policies name besides the columns of their own table: functions, and the tables of subqueries. */
public interface PolicyCatalog {
    /**
     * A function in SQL that reads and does not write.
     *
     * @param arguments how many it is called with
     * @return empty for any other, and where several could be meant
     */
    Optional<Function> function(String schema, String name, int arguments);

    /**
     * A table whose changes are heard of.
     *
     * @param reader who reads it; empty for whose policies these are
     * @throws NotCompiledException saying why its changes are not, or that there is none
     */
    Table table(TableName name, Optional<String> reader) throws NotCompiledException;

    /** Whether every function of this name that PostgreSQL has itself comes to the same for the same arguments, always. */
    boolean isImmutable(String name);

    /** Whether a setting is the same as long as who asks is the same: those that hold the claims. */
    default boolean isFixed(String setting) {
        return setting.equals("request.jwt.claims") || setting.startsWith("request.jwt.claim.");
    }

    /**
     * What is known of a function.
     *
     * @param body        of one SELECT or RETURN
     * @param readAnew    whether its text is read anew at each call; else it was when the function was made
     * @param parameters  their names, empty for one without
     * @param returnsSet  of rows
     * @param owner       as whom it runs, if not as its caller
     */
    record Function(
            String body, boolean readAnew, List<String> parameters, boolean returnsSet, Optional<String> owner) {
        public Function {
            parameters = List.copyOf(parameters);
        }
    }

    /**
     * What is known of a table.
     *
     * @param columns  that can be compiled over
     * @param names    of all its columns
     * @param policies what rows have to satisfy that its reader sees; empty if that is every row
     */
    record Table(int oid, String name, Map<String, ColumnKind> columns, Set<String> names, Optional<String> policies) {
        public Table {
            columns = Map.copyOf(columns);
            names = Set.copyOf(names);
        }
    }
}
