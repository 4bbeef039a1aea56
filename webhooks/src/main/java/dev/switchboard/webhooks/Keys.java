package dev.switchboard.webhooks;

import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.protocol.JsonBytes;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.UUID;
import javax.sql.DataSource;

/** By what messages are put in order: the primary keys of rows. Owned by the feed's thread. */
final class Keys {
    private static final String PRIMARY_KEY =
            "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid"
                    + " and a.attnum = any (i.indkey) where i.indrelid = ?::oid and i.indisprimary order by a.attnum";
    private static final int MOST_KNOWN = 1_000;

    private final DataSource connections;
    /** By identity: another Relation message may be of another table. */
    private final IdentityHashMap<Relation, List<Integer>> known = new IdentityHashMap<>();

    Keys(DataSource connections) {
        this.connections = connections;
    }

    UUID of(Endpoint.Ordering ordering, Relation relation, Row row) throws SQLException {
        return switch (ordering) {
            case ALL -> of("gap"); // also behind the gaps
            case TABLE -> of(relation.name().toString());
            case ROW -> ofRow(relation, row);
        };
    }

    /** Rows of a table without a primary key are all of one. */
    private UUID ofRow(Relation relation, Row row) throws SQLException {
        var text = new JsonBytes(128).string(relation.name().toString());
        for (int column : primaryKey(relation)) {
            if (!row.hasValue(column)) { // REPLICA IDENTITY USING INDEX keeps other columns of what is gone
                return of(relation.name().toString());
            }
            text.raw(',').string(row.text(column));
        }
        return of(text.toString());
    }

    static UUID of(String text) {
        return UUID.nameUUIDFromBytes(text.getBytes(StandardCharsets.UTF_8));
    }

    private List<Integer> primaryKey(Relation relation) throws SQLException {
        List<Integer> columns = known.get(relation);
        if (columns == null) {
            if (known.size() >= MOST_KNOWN) {
                known.clear();
            }
            columns = read(relation);
            known.put(relation, columns);
        }
        return columns;
    }

    private List<Integer> read(Relation relation) throws SQLException {
        var columns = new ArrayList<Integer>();
        try (Connection connection = connections.getConnection();
                PreparedStatement query = connection.prepareStatement(PRIMARY_KEY)) {
            query.setLong(1, Integer.toUnsignedLong(relation.oid()));
            try (ResultSet rows = query.executeQuery()) {
                while (rows.next()) {
                    int column = relation.indexOf(rows.getString(1));
                    if (column >= 0) {
                        columns.add(column);
                    }
                }
            }
        }
        return columns;
    }
}
