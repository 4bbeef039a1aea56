package dev.switchboard.data;

import dev.switchboard.data.Query.Item;
import dev.switchboard.data.Query.Item.Embed;
import dev.switchboard.data.Query.Placed;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Which embedded resource a name means that conditions, orders and ranges are placed at: the one of that label, or the one of that
 * table where it is the only one. Pure.
 */
final class EmbeddedPaths {
    private EmbeddedPaths() {}

    /** The resource among these that the name means. */
    static Optional<Embed> find(List<Item> items, String name) {
        List<Embed> embeds = items.stream()
                .filter(Embed.class::isInstance)
                .map(Embed.class::cast)
                .toList();
        Optional<Embed> labelled =
                embeds.stream().filter(embed -> embed.label().equals(name)).findFirst();
        List<Embed> named =
                embeds.stream().filter(embed -> embed.name().equals(name)).toList();
        return labelled.isPresent() || named.size() != 1 ? labelled : Optional.of(named.getFirst());
    }

    /**
     * The query with labels in all its paths.
     *
     * @throws DataException for a path that leads nowhere: it is never left out, as a condition less would mean more rows
     */
    static Query resolve(Query query) {
        return new Query(
                query.select(),
                placed(query, query.conditions()),
                placed(query, query.orders()),
                placed(query, query.ranges()),
                query.columns(),
                query.onConflict(),
                query.arguments());
    }

    private static <T> List<Placed<T>> placed(Query query, List<Placed<T>> all) {
        return all.stream()
                .map(one -> new Placed<>(labels(query.select(), one.path()), one.value()))
                .toList();
    }

    private static List<String> labels(List<Item> select, List<String> path) {
        var labels = new ArrayList<String>();
        List<Item> items = select;
        for (String name : path) {
            Embed embed = find(items, name).orElseThrow(() -> notEmbedded(name));
            labels.add(embed.label());
            items = embed.select();
        }
        return List.copyOf(labels);
    }

    static DataException notEmbedded(String name) {
        return new DataException(
                DataError.NOT_EMBEDDED,
                "'" + name + "' is not an embedded resource in this request",
                Optional.empty(),
                Optional.of("Verify that '" + name + "' is included in the 'select' query parameter"
                        + " once, or address it by its alias."));
    }
}
