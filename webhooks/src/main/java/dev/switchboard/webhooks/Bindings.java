package dev.switchboard.webhooks;

import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.protocol.Json;
import dev.switchboard.engine.protocol.JsonBytes;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** What an endpoint is told of, as its row has it. */
final class Bindings {
    private static final String ALL = "*";

    private Bindings() {}

    static List<Binding> parse(String json) {
        if (!(Json.parse(json.getBytes(StandardCharsets.UTF_8)).orElse(null) instanceof Json.Items(var items))) {
            throw new IllegalArgumentException("no list of bindings: " + json);
        }
        return items.stream().map(Bindings::binding).toList();
    }

    /** Without a table: every published one of the schema; without both, every one. */
    private static Binding binding(Json item) {
        if (!(item instanceof Json.Fields fields)) {
            throw new IllegalArgumentException("a binding is an object");
        }
        return new Binding(
                fields.text("event").orElse(ALL),
                fields.text("schema"),
                fields.text("table"),
                fields.text("filter"),
                Optional.empty());
    }

    static String write(List<Binding> bindings) {
        var out = new JsonBytes(256).raw('[');
        String separator = "";
        for (Binding binding : bindings) {
            out.raw(separator).raw("{\"event\":").string(binding.event());
            binding.schema().ifPresent(schema -> out.raw(",\"schema\":").string(schema));
            binding.table().ifPresent(table -> out.raw(",\"table\":").string(table));
            binding.filter().ifPresent(filter -> out.raw(",\"filter\":").string(filter));
            out.raw('}');
            separator = ",";
        }
        return out.raw(']').toString();
    }
}
