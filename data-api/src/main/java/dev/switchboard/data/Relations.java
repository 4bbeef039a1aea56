package dev.switchboard.data;

import dev.switchboard.data.Catalog.Junction;
import dev.switchboard.data.Catalog.Relationship;
import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Query.Item.Embed;
import dev.switchboard.engine.model.TableName;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/** Which relationship an embedded resource means. Pure. */
final class Relations {
    private final Catalog catalog;
    private final String role;

    /** @param role who asks: hints name nothing that it may not use */
    Relations(Catalog catalog, String role) {
        this.catalog = catalog;
        this.role = role;
    }

    /**
     * By the name of the other table, of the foreign key or of its column; a hint names foreign key, column or junction.
     *
     * @throws DataException if there is none, or more than one, or the role may do nothing with the table
     */
    Relationship find(Table from, Embed embed) {
        List<Relationship> all = catalog.relationshipsOf(from.name());
        Optional<Relationship> computed = all.stream()
                .filter(relationship -> relationship.function().isPresent()
                        && relationship.constraint().equals(embed.name()))
                .findFirst();
        if (computed.isPresent()) {
            return computed.get(); // it stands before keys of that name
        }
        List<Relationship> found = all.stream()
                .filter(relationship -> relationship.function().isEmpty() && matches(relationship, embed))
                .toList();
        if (found.isEmpty()) {
            throw none(from, embed);
        }
        if (found.size() > 1) {
            throw ambiguous(from, embed, found);
        }
        TableName to = found.getFirst().to();
        if (!catalog.mayUse(role, to)) {
            throw SqlErrors.denied(to, role);
        }
        return found.getFirst();
    }

    private static boolean matches(Relationship relationship, Embed embed) {
        boolean table = relationship.to().table().equals(embed.name())
                && relationship.to().schema().equals(relationship.from().schema());
        if (relationship.self()) {
            return isOfItself(relationship, embed, table);
        }
        if (embed.hint().isEmpty()) {
            return table || isNamed(relationship, embed.name());
        }
        return table && isHinted(relationship, embed.hint().get());
    }

    /** By the foreign key, or by its column where that is here. */
    private static boolean isNamed(Relationship relationship, String name) {
        boolean column = relationship.holdsKey() && relationship.fromColumns().equals(List.of(name));
        boolean constraint =
                relationship.junction().isEmpty() && relationship.constraint().equals(name);
        return !relationship.toView() && (column || constraint);
    }

    /**
     * A key of a table to itself is two relationships of one name: the table's name means the rows that refer to this one, also
     * with a hint; the name of the key or of its column means the row that this one refers to.
     */
    private static boolean isOfItself(Relationship relationship, Embed embed, boolean table) {
        Optional<String> hint = embed.hint();
        if (relationship.junction().isPresent()) {
            Junction junction = relationship.junction().get();
            return table
                    && hint.isPresent()
                    && (junction.table().table().equals(hint.get())
                            || junction.otherConstraint().equals(hint.get()));
        }
        if (relationship.holdsKey()) {
            return hint.isEmpty() && isNamed(relationship, embed.name());
        }
        return table
                && hint.map(name -> relationship.constraint().equals(name)
                                || relationship.toColumns().equals(List.of(name)))
                        .orElse(true);
    }

    private static boolean isHinted(Relationship relationship, String hint) {
        Optional<Junction> junction = relationship.junction();
        if (junction.isPresent()) {
            return junction.get().table().table().equals(hint)
                    || relationship.constraint().equals(hint)
                    || junction.get().otherConstraint().equals(hint);
        }
        return relationship.constraint().equals(hint)
                || relationship.fromColumns().equals(List.of(hint))
                || relationship.toColumns().equals(List.of(hint));
    }

    private DataException none(Table from, Embed embed) {
        List<String> neighbours = catalog.relationshipsOf(from.name()).stream()
                .filter(this::isUsable)
                .map(relationship -> relationship.to().table())
                .distinct()
                .toList();
        String hinted =
                embed.hint().map(hint -> " using the hint '" + hint + "'").orElse("");
        return new DataException(
                DataError.NO_RELATIONSHIP,
                "Could not find a relationship between '" + from.name().table() + "' and '" + embed.name()
                        + "' in the schema cache",
                Optional.of("Searched for a foreign key relationship between '"
                        + from.name().table() + "' and '"
                        + embed.name() + "'" + hinted + " in the schema '"
                        + from.name().schema()
                        + "', but no matches were found."),
                Suggestion.similar(embed.name(), neighbours)
                        .filter(meant -> !meant.equals(embed.name()))
                        .map(meant -> "Perhaps you meant '" + meant + "' instead of '" + embed.name() + "'."));
    }

    private boolean isUsable(Relationship relationship) {
        return catalog.mayUse(role, relationship.to())
                && relationship
                        .junction()
                        .map(junction -> catalog.mayUse(role, junction.table()))
                        .orElse(true);
    }

    private DataException ambiguous(Table from, Embed embed, List<Relationship> found) {
        ArrayNode details = JsonMapper.shared().createArrayNode();
        var hints = new ArrayList<String>();
        for (Relationship relationship : found.stream().filter(this::isUsable).toList()) {
            String name = relationship
                    .junction()
                    .map(junction -> junction.table().table())
                    .orElse(relationship.constraint());
            hints.add("'" + embed.name() + "!" + name + "'");
            details.addObject()
                    .put("cardinality", relationship.cardinality().wire())
                    .put(
                            "embedding",
                            from.name().table() + " with " + relationship.to().table())
                    .put("relationship", describe(relationship));
        }
        return new DataException(
                DataError.AMBIGUOUS_RELATIONSHIP.status(),
                DataError.AMBIGUOUS_RELATIONSHIP.code(),
                "Could not embed because more than one relationship was found for '"
                        + from.name().table() + "' and '" + embed.name() + "'",
                Optional.of(details),
                Optional.of("Try changing '" + embed.name() + "' to one of the following: " + String.join(", ", hints)
                        + ". Find the desired relationship in the 'details' key."));
    }

    private static String describe(Relationship relationship) {
        return relationship
                .junction()
                .map(junction ->
                        junction.table().table() + " using " + side(relationship.constraint(), junction.fromColumns())
                                + " and " + side(junction.otherConstraint(), junction.toColumns()))
                .orElseGet(() -> relationship.constraint() + " using "
                        + side(relationship.from(), relationship.fromColumns())
                        + " and " + side(relationship.to(), relationship.toColumns()));
    }

    private static String side(TableName table, List<String> columns) {
        return side(table.table(), columns);
    }

    private static String side(String name, List<String> columns) {
        return name + "(" + String.join(", ", columns) + ")";
    }
}
