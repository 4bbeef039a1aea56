package dev.switchboard.engine.explain;

import dev.switchboard.engine.channel.ChannelStatus;
import dev.switchboard.engine.journal.Passage;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.pipeline.SubscriptionCatalog;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.route.EventKind;
import dev.switchboard.engine.route.Filter;
import dev.switchboard.engine.route.Predicate;
import dev.switchboard.engine.route.TableSelector;
import dev.switchboard.engine.route.Truth;
import java.util.List;
import java.util.Optional;

/** Whether bindings of a channel fit a change: table, event, filter. */
final class Matching {
    private final SubscriptionCatalog catalog;
    private final Question question;
    private final Optional<Image> image;
    private final Optional<Passage> passage;

    /** @param fits whether a change of the row would be looked at for it */
    record Verdict(boolean fits, String text) {}

    Matching(SubscriptionCatalog catalog, Question question, Optional<Image> image, Optional<Passage> passage) {
        this.catalog = catalog;
        this.question = question;
        this.image = image;
        this.passage = passage;
    }

    /** Of each binding that is about the table; none if there is none. */
    List<Verdict> of(ChannelStatus channel) {
        return channel.wanted().stream()
                .map(wanted -> wanted.binding())
                .filter(binding -> isAbout(binding, question.table()))
                .map(binding -> verdict(channel, binding))
                .toList();
    }

    private static boolean isAbout(Binding binding, TableName table) {
        return List.of("*", table.schema()).contains(binding.schema().orElse("public"))
                && List.of("*", table.table()).contains(binding.table().orElse("*"));
    }

    private Verdict verdict(ChannelStatus channel, Binding binding) {
        String name = channel.channel().topic() + " " + binding.words();
        Optional<Passage> change = passage.filter(known -> known.row().isPresent());
        if (change.isPresent()
                && !EventKind.of(binding.event()).includes(change.get().change())) {
            return new Verdict(
                    false,
                    name + " is for " + binding.event() + ", and the change is an "
                            + change.get().event());
        }
        try {
            return switch (catalog.resolve(binding, channel.claims().group())) {
                case SubscriptionCatalog.Resolution.Refused(var message) -> new Verdict(false, message);
                case SubscriptionCatalog.Resolution.Resolved resolved -> resolved(name, resolved);
            };
        } catch (SubscriptionCatalog.CatalogUnavailableException unavailable) {
            return new Verdict(false, name + " cannot be looked at now: " + unavailable.getMessage());
        }
    }

    private Verdict resolved(String name, SubscriptionCatalog.Resolution.Resolved resolved) {
        String columns = resolved.selection()
                .columns()
                .map(names -> "; it is sent " + String.join(", ", names) + " alone")
                .orElse("");
        if (resolved.table() instanceof TableSelector.One one
                && passage.filter(known -> known.change().relation().oid() != one.oid())
                        .isPresent()) {
            return new Verdict(false, name + " is about another table of that name than the change");
        }
        if (resolved.filter().isEmpty() || image.isEmpty()) {
            return new Verdict(true, name + columns);
        }
        Filter filter = resolved.filter().get();
        return switch (filter.of(image.get().relation(), image.get().row())) {
            case TRUE -> new Verdict(true, name + ": the filter is true" + columns);
            case UNDECIDED -> new Verdict(true, name + ": PostgreSQL decides the filter, " + filter.sql() + columns);
            case FALSE, UNKNOWN -> new Verdict(false, name + ": " + failing(filter.predicate(), image.get()));
        };
    }

    /** The first condition that does not hold, and what the row has there. */
    private static String failing(Predicate predicate, Image image) {
        if (predicate instanceof Predicate.All(var all)) {
            return all.stream()
                    .filter(one -> one.of(image.relation(), image.row()) != Truth.TRUE)
                    .findFirst()
                    .map(one -> failing(one, image))
                    .orElse("the filter is not true");
        }
        return "the condition " + predicate.words() + " is not true"
                + predicate
                        .onlyColumn()
                        .map(column -> ", " + value(column, image))
                        .orElse("");
    }

    private static String value(String column, Image image) {
        int index = image.relation().indexOf(column);
        if (index < 0 || image.row().isAbsent(index)) {
            return "and what " + column + " is, the change does not carry (replica identity), or may not be read";
        }
        return column + " is "
                + (image.row().isNull(index) ? "NULL" : image.row().text(index));
    }
}
