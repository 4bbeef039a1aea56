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
 */
public record Changes(
        String event, String schema, Optional<String> table, Optional<String> filter, List<String> select) {
    public Changes {
        select = List.copyOf(select);
    }

    /** All changes of a table. */
    public static Changes of(String schema, String table) {
        return new Changes("*", schema, Optional.of(table), Optional.empty(), List.of());
    }

    /** Those that the filter lets through. */
    public Changes where(String condition) {
        return new Changes(event, schema, table, Optional.of(condition), select);
    }

    /** Those of one kind. */
    public Changes only(String kind) {
        return new Changes(kind, schema, table, filter, select);
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
        return json;
    }
}
