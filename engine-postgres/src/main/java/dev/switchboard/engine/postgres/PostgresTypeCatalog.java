package dev.switchboard.engine.postgres;

import dev.switchboard.engine.encode.ColumnType;
import dev.switchboard.engine.encode.TypeCatalog;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;

/**
 * pg_type, remembered: an oid never changes its meaning, but for composites, whose fields are looked at again each second. The rules are those of {@code to_jsonb} (PostgreSQL, "JSON
 * Functions", and json_categorize_type). Thread-safe.
 */
public final class PostgresTypeCatalog implements TypeCatalog {
    private static final int FIRST_USER_OID = 16384;
    private static final String QUERY = """
            select t.typname, t.typtype, t.typbasetype, t.typelem, t.typrelid, e.typdelim,
                   t.typelem <> 0 and t.typsubscript = 'array_subscript_handler'::regproc as is_array,
                   exists (select from pg_cast c where c.castsource = t.oid and c.casttarget = 'json'::regtype) as to_json
              from pg_type t left join pg_type e on e.oid = t.typelem
             where t.oid = ?
            """;

    private static final String FIELDS = """
            select attname, atttypid from pg_attribute
             where attrelid = ? and attnum > 0 and not attisdropped order by attnum
            """;

    /** A composite type may get and lose attributes, and keeps its oid. */
    private static final long COMPOSITES_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final DataSource dataSource;
    private final Map<Integer, Known> known = new ConcurrentHashMap<>();

    /** @param until System.nanoTime up to which it holds; empty for ever */
    private record Known(ColumnType type, OptionalLong until) {
        boolean holds() {
            return until.isEmpty() || System.nanoTime() - until.getAsLong() < 0;
        }
    }

    public PostgresTypeCatalog(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    @Override
    public ColumnType typeOf(int oid) throws TypeCatalogUnavailableException {
        Known remembered = known.get(oid);
        if (remembered != null && remembered.holds()) {
            return remembered.type();
        }
        try (Connection connection = dataSource.getConnection()) {
            return load(connection, oid);
        } catch (SQLException unavailable) {
            throw new TypeCatalogUnavailableException(unavailable);
        }
    }

    private ColumnType load(Connection connection, int oid) throws SQLException {
        try (PreparedStatement query = connection.prepareStatement(QUERY)) {
            query.setLong(1, Integer.toUnsignedLong(oid));
            try (ResultSet row = query.executeQuery()) {
                if (!row.next()) {
                    return new ColumnType.Unsupported("oid " + Integer.toUnsignedString(oid));
                }
                ColumnType type = classify(connection, oid, row);
                OptionalLong until =
                        isFixed(type) ? OptionalLong.empty() : OptionalLong.of(System.nanoTime() + COMPOSITES_NANOS);
                known.put(oid, new Known(type, until));
                return type;
            }
        }
    }

    private ColumnType classify(Connection connection, int oid, ResultSet row) throws SQLException {
        String name = row.getString("typname");
        char kind = row.getString("typtype").charAt(0);
        boolean userDefined = Integer.compareUnsigned(oid, FIRST_USER_OID) >= 0;
        if (kind == 'd') {
            return renamed(load(connection, (int) row.getLong("typbasetype")), name);
        }
        if (userDefined && row.getBoolean("to_json")) {
            return new ColumnType.Unsupported(name);
        }
        if (!userDefined && (name.equals("int2vector") || name.equals("oidvector"))) {
            boolean numbers = name.equals("int2vector");
            return new ColumnType.Scalar(name, numbers ? ColumnType.Form.NUMBER_VECTOR : ColumnType.Form.TEXT_VECTOR);
        }
        if (row.getBoolean("is_array")) {
            ColumnType element = load(connection, (int) row.getLong("typelem"));
            return element instanceof ColumnType.Unsupported
                    ? new ColumnType.Unsupported(name)
                    : new ColumnType.Array(
                            name, element, row.getString("typdelim").charAt(0));
        }
        return switch (kind) {
            case 'b' -> new ColumnType.Scalar(name, userDefined ? ColumnType.Form.TEXT : builtIn(name));
            case 'e', 'r', 'm' -> new ColumnType.Scalar(name, ColumnType.Form.TEXT);
            case 'c' -> composite(connection, name, row.getLong("typrelid"));
            default -> new ColumnType.Unsupported(name);
        };
    }

    private ColumnType composite(Connection connection, String name, long relation) throws SQLException {
        var fields = new ArrayList<ColumnType.Field>();
        try (PreparedStatement query = connection.prepareStatement(FIELDS)) {
            query.setLong(1, relation);
            try (ResultSet row = query.executeQuery()) {
                while (row.next()) {
                    ColumnType type = load(connection, (int) row.getLong("atttypid"));
                    if (type instanceof ColumnType.Unsupported) {
                        return new ColumnType.Unsupported(name);
                    }
                    fields.add(new ColumnType.Field(row.getString("attname"), type));
                }
            }
        }
        return new ColumnType.Composite(name, fields);
    }

    private static boolean isFixed(ColumnType type) {
        return switch (type) {
            case ColumnType.Scalar _ -> true;
            case ColumnType.Array array -> isFixed(array.element());
            case ColumnType.Composite _, ColumnType.Unsupported _ -> false;
        };
    }

    private static ColumnType renamed(ColumnType type, String name) {
        return switch (type) {
            case ColumnType.Scalar scalar -> new ColumnType.Scalar(name, scalar.form());
            case ColumnType.Array array -> new ColumnType.Array(name, array.element(), array.delimiter());
            case ColumnType.Composite composite -> new ColumnType.Composite(name, composite.fields());
            case ColumnType.Unsupported _ -> new ColumnType.Unsupported(name);
        };
    }

    private static ColumnType.Form builtIn(String name) {
        return switch (name) {
            case "bool" -> ColumnType.Form.BOOL;
            case "int2", "int4", "int8", "float4", "float8", "numeric" -> ColumnType.Form.NUMBER;
            case "json", "jsonb" -> ColumnType.Form.JSON;
            case "timestamp" -> ColumnType.Form.TIMESTAMP;
            case "timestamptz" -> ColumnType.Form.TIMESTAMP_WITH_ZONE;
            default -> ColumnType.Form.TEXT;
        };
    }
}
