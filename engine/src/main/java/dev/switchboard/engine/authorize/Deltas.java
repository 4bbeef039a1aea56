package dev.switchboard.engine.authorize;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.route.EventKind;
import dev.switchboard.engine.route.Selection;
import dev.switchboard.engine.route.Truth;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Which columns of an UPDATE are enough for a subscriber who completes rows (SPEC E4): the key, what was changed, and what it always
 * wants. Asked of subscriptions that are not {@link #isOutdated outdated}. One per change; owned by the pipeline thread.
 */
public final class Deltas {
    /** Characters of a column beside its name and its values. */
    private static final int DESCRIPTION = 40;

    private final Change change;
    private final Map<Basis, Optional<BitSet>> known = new HashMap<>();
    private final Map<Basis, Boolean> fitting = new HashMap<>();

    private record Basis(BitSet columns, Selection.Deltas wanted) {}

    public Deltas(Change change) {
        this.change = change;
    }

    /** Whether rows have other columns than when the subscription was made: what its subscriber has cannot be completed any more. */
    public boolean isOutdated(Grant grant) {
        Optional<Selection.Deltas> wanted = grant.subscription().selection().deltas();
        return wanted.isPresent() && !fits(new Basis(grant.columns(), wanted.get()));
    }

    private boolean fits(Basis basis) {
        return fitting.computeIfAbsent(basis, _ -> basis.wanted().fits(change.relation(), basis.columns()));
    }

    /** Empty where all columns have to be sent, to one who wants no less, or may not have had the row, which was not within all that it asked for. */
    public Optional<BitSet> enough(Grant grant) {
        Optional<Selection.Deltas> wanted = grant.subscription().selection().deltas();
        if (wanted.isEmpty()
                || !(change instanceof Change.Update update)
                || grant.old() != Grant.OldImage.SHOWN
                || update.relation().identity() != ReplicaIdentity.FULL
                || grant.subscription().event() != EventKind.ALL) {
            return Optional.empty();
        }
        boolean within = grant.subscription()
                .filter()
                .map(filter -> filter.of(update.relation(), update.old()) == Truth.TRUE)
                .orElse(true);
        return within
                ? known.computeIfAbsent(new Basis(grant.columns(), wanted.get()), basis -> enough(update, basis))
                : Optional.empty();
    }

    /** Where it saves more than half, and the key is what it was. */
    private static Optional<BitSet> enough(Change.Update update, Basis basis) {
        Relation relation = update.relation();
        Selection.Deltas wanted = basis.wanted();
        var some = new BitSet();
        basis.columns().stream().filter(i -> differs(update, i)).forEach(some::set);
        if (wanted.key().stream().anyMatch(column -> some.get(relation.indexOf(column)))) {
            return Optional.empty();
        }
        basis.columns().stream()
                .filter(i -> {
                    String name = relation.columns().get(i).name();
                    return wanted.key().contains(name) || wanted.always().contains(name);
                })
                .forEach(some::set);
        return Optional.of(some).filter(_ -> 2 * size(update, some) < size(update, basis.columns()));
    }

    private static boolean differs(Change.Update update, int column) {
        Row now = update.row();
        Row before = update.old();
        if (now.isAbsent(column)) {
            return false; // it is as it was, or it would be here
        }
        if (!now.hasValue(column) || !before.hasValue(column)) {
            return now.hasValue(column) || !before.isNull(column);
        }
        return !Arrays.equals(
                now.bytes(),
                now.offset(column),
                now.offset(column) + now.length(column),
                before.bytes(),
                before.offset(column),
                before.offset(column) + before.length(column));
    }

    /** About the bytes that these columns take: their description, and twice name and value. */
    private static long size(Change.Update update, BitSet columns) {
        return columns.stream()
                .mapToLong(i -> {
                    Column column = update.relation().columns().get(i);
                    return DESCRIPTION + 3L * column.name().length() + size(update.row(), i) + size(update.old(), i);
                })
                .sum();
    }

    private static int size(Row row, int column) {
        return row.hasValue(column) ? row.length(column) : 0;
    }
}
