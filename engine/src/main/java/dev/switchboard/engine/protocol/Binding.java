package dev.switchboard.engine.protocol;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One requested {@code postgres_changes} entry, as sent; the reply echoes it with an id. A member that is null counts
 * as absent, and an unknown one is neither kept nor echoed.
 *
 * @param delta that an UPDATE may come as the key and what it changed, and which columns come besides (SPEC E4); else empty
 * @param leave whether it is told of rows that leave its sight, and when others may have come into it (SPEC A14)
 * @param silent whether it is there for the query that it wishes to be kept, and is told of no changes (SPEC I1)
 */
public record Binding(
        String event,
        Optional<String> schema,
        Optional<String> table,
        Optional<String> filter,
        Optional<List<String>> select,
        Optional<List<String>> delta,
        boolean leave,
        boolean silent) {
    public Binding {
        select = select.map(List::copyOf);
        delta = delta.map(List::copyOf);
    }

    public Binding(
            String event,
            Optional<String> schema,
            Optional<String> table,
            Optional<String> filter,
            Optional<List<String>> select) {
        this(event, schema, table, filter, select, Optional.empty(), false, false);
    }

    /**
     * Reads one entry; a missing event means all.
     *
     * @return empty for one that is malformed: what is wrongly understood must not become a wider subscription
     */
    static Optional<Binding> of(Json entry) {
        if (!(entry instanceof Json.Fields fields)
                || !List.of("event", "schema", "table", "filter").stream()
                        .allMatch(name -> isTextOrAbsent(fields, name))
                || !isNamesOrAbsent(fields.get("select"))) {
            return Optional.empty();
        }
        Optional<List<String>> select = fields.get("select").map(_ -> names(fields, "select"));
        return Optional.of(new Binding(
                fields.text("event").orElse("*"),
                fields.text("schema"),
                fields.text("table"),
                fields.text("filter"),
                select,
                delta(fields),
                fields.isTrue("leave"),
                isSilent(fields)));
    }

    private static boolean isSilent(Json.Fields fields) {
        return fields.fields("switchboard")
                .filter(wish -> wish.get("live").isPresent())
                .flatMap(wish -> wish.get("changes"))
                .equals(Optional.of(new Json.Literal("false")));
    }

    /** {@code true}, or a list of columns; anything else is no wish. */
    private static Optional<List<String>> delta(Json.Fields fields) {
        if (fields.isTrue("delta")) {
            return Optional.of(List.of());
        }
        return fields.get("delta")
                .filter(wish -> wish instanceof Json.Items && isNamesOrAbsent(Optional.of(wish)))
                .map(_ -> names(fields, "delta"));
    }

    private static List<String> names(Json.Fields fields, String member) {
        return fields.items(member).stream()
                .flatMap(item -> item instanceof Json.Text text ? Stream.of(text.value()) : Stream.empty())
                .toList();
    }

    private static boolean isTextOrAbsent(Json.Fields fields, String name) {
        return fields.get(name).isEmpty() || fields.text(name).isPresent();
    }

    private static boolean isNamesOrAbsent(Optional<Json> select) {
        return select.map(json ->
                        json instanceof Json.Items(var items) && items.stream().allMatch(Json.Text.class::isInstance))
                .orElse(true);
    }

    /**
     * The id of this binding: positive, 31 bits, the same for the same request wherever and whenever it is made, so that
     * channels with equal bindings share frames.
     */
    public int id() {
        int hash = hashCode() & 0x7FFFFFFF;
        return hash == 0 ? 1 : hash;
    }

    void echo(JsonBytes out, int id) {
        out.raw("{\"event\":").string(event);
        schema.ifPresent(value -> out.raw(",\"schema\":").string(value));
        table.ifPresent(value -> out.raw(",\"table\":").string(value));
        filter.ifPresent(value -> out.raw(",\"filter\":").string(value));
        select.ifPresent(columns -> echo(out.raw(",\"select\":"), columns));
        delta.ifPresent(columns -> {
            out.raw(",\"delta\":");
            if (columns.isEmpty()) {
                out.raw("true");
            } else {
                echo(out, columns);
            }
        });
        out.raw(leave ? ",\"leave\":true" : "");
        out.raw(",\"id\":").raw(Integer.toString(id)).raw('}');
    }

    private static void echo(JsonBytes out, List<String> names) {
        out.raw('[');
        for (int i = 0; i < names.size(); i++) {
            out.raw(i == 0 ? "" : ",").string(names.get(i));
        }
        out.raw(']');
    }

    /** How messages name it: {@code [event: *, schema: public, table: calls, filter: id=eq.7]}. */
    public String words() {
        return "[event: " + event + ", schema: " + schema.orElse("-") + ", table: " + table.orElse("-")
                + filter.map(text -> ", filter: " + text).orElse("") + "]";
    }
}
