package dev.switchboard.client;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which changes a channel asks for.
 *
 * @param event  {@code *}, {@code INSERT}, {@code UPDATE} or {@code DELETE}
 * @param table  empty for every published table of the schema
 * @param filter such as {@code state=in.(ringing,active),score=gte.90}
 * @param select columns to be sent, with the primary key; empty for all
 * @param deltas whether an UPDATE may come as the key and what it changed ({@link #asDeltas})
 * @param leaving whether it is said what leaves its reader's sight ({@link #andLeaving})
 */
public record Changes(
        String event,
        String schema,
        Optional<String> table,
        Optional<String> filter,
        List<String> select,
        boolean deltas,
        boolean leaving) {
    public Changes {
        select = List.copyOf(select);
    }

    public Changes(String event, String schema, Optional<String> table, Optional<String> filter, List<String> select) {
        this(event, schema, table, filter, select, false, false);
    }

    /** All changes of a table. */
    public static Changes of(String schema, String table) {
        return new Changes("*", schema, Optional.of(table), Optional.empty(), List.of());
    }

    /** Those that the filter lets through. */
    public Changes where(String condition) {
        return new Changes(event, schema, table, Optional.of(condition), select, deltas, leaving);
    }

    /** Those of one kind. */
    public Changes only(String kind) {
        return new Changes(kind, schema, table, filter, select, deltas, leaving);
    }

    /**
     * For who keeps the rows: an UPDATE of one that was within the filter before, and visible by the rights of now, comes as the key and
     * what it changed, where that is less than half of it ({@link Event.Change#isDelta}). Who has other values than it says there were has
     * missed something, rights that came and went, and reads the row again. Only of tables with {@code REPLICA IDENTITY FULL} and a primary key,
     * and where all kinds of changes are asked for; a server that does not know of it sends whole rows.
     */
    public Changes asDeltas() {
        return new Changes(event, schema, table, filter, select, true, leaving);
    }

    /**
     * For who keeps the rows: one that is not within the filter any more, or not for its reader, comes as {@link Event.Kind#LEAVE}, and
     * {@link Event.RightsChanged} says when rows may have come or gone that nobody touched. Rows that leave are told of tables with {@code REPLICA
     * IDENTITY FULL}, and both where all kinds of changes of one table are asked for; a server that does not know of it tells neither.
     */
    public Changes andLeaving() {
        return new Changes(event, schema, table, filter, select, deltas, true);
    }

    Map<String, Object> json() {
        var json = new LinkedHashMap<String, Object>();
        json.put("event", event);
        json.put("schema", schema);
        table.ifPresent(name -> json.put("table", name));
        filter.ifPresent(condition -> json.put("filter", condition));
        if (!select.isEmpty()) {
            json.put("select", select);
        }
        if (deltas) {
            json.put("delta", true);
        }
        if (leaving) {
            json.put("leave", true);
        }
        return json;
    }
}
