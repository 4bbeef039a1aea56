package dev.switchboard.engine.route;

import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import java.util.List;
import java.util.Optional;

/**
 * One live {@code postgres_changes} binding of a channel. Immutable.
 *
 * @param binding   the id that the client was told
 * @param selection what of a change is sent
 * @param group     under whose policies
 */
public record Subscription(
        ChannelRef channel,
        int binding,
        EventKind event,
        TableSelector table,
        Optional<Filter> filter,
        Selection selection,
        ClaimsGroup group) {
    /** Whether the relation is the table that was meant, and has every column that it filters by or selects. */
    boolean fits(Relation relation) {
        boolean meant = !(table instanceof TableSelector.One one) || one.oid() == relation.oid();
        return meant
                && filter.map(condition -> condition.fits(relation)).orElse(true)
                && selection.columns().orElse(List.of()).stream().allMatch(column -> relation.indexOf(column) >= 0);
    }
}
