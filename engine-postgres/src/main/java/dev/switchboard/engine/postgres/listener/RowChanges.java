package dev.switchboard.engine.postgres.listener;

import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.encode.ColumnType;
import dev.switchboard.engine.encode.TypeCatalog;
import dev.switchboard.engine.encode.ValueEncoder;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.pipeline.SubscriptionCatalog;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.protocol.JsonBytes;
import dev.switchboard.engine.route.Filter;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** From batches of the WAL to what a listener is to hear of: its table, its filter, its policies. Owned by its thread. */
final class RowChanges {
    private final ListenerSettings settings;
    private final SubscriptionCatalog catalog;
    private final RowAccess access;
    private final TypeCatalog types;
    private final String user;
    private @Nullable Relation known;
    private Optional<Filter> filter = Optional.empty();

    /** The listener cannot be: its table or its filter is wrong. */
    static final class RefusedListenerException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        RefusedListenerException(String message) {
            super(message);
        }
    }

    /** @param user of the database, who resolves the filter where the listener has no role of its own */
    RowChanges(
            ListenerSettings settings, SubscriptionCatalog catalog, RowAccess access, TypeCatalog types, String user) {
        this.settings = settings;
        this.catalog = catalog;
        this.access = access;
        this.types = types;
        this.user = user;
    }

    /** What a listener is to hear of one change, and whether the table was emptied. */
    record Heard(List<RowChange> changes, boolean emptied) {}

    Heard of(Batch batch)
            throws RowAccessUnavailableException, SubscriptionCatalog.CatalogUnavailableException,
                    TypeCatalog.TypeCatalogUnavailableException {
        var heard = new ArrayList<RowChange>();
        boolean emptied = false;
        long index = batch.firstIndex();
        for (Change change : batch.changes()) {
            var position = new Position(batch.transaction().finalLsn(), index++);
            if (!change.relation().name().equals(settings.table())) {
                continue;
            }
            if (change instanceof Change.Truncate) {
                emptied = true;
                continue;
            }
            refilter(change.relation());
            Optional<BitSet> columns = columns(change, batch.transaction().xid());
            if (columns.isPresent()) {
                heard.add(rowChange(batch, change, position, columns.get()));
            }
        }
        return new Heard(heard, emptied);
    }

    /** Looks the filter up, and again when the table is another one than it was. */
    void refilter(Relation relation) throws SubscriptionCatalog.CatalogUnavailableException {
        if (relation.equals(known) || settings.filter().isEmpty()) {
            return;
        }
        filter = resolve();
        known = relation;
    }

    /** @throws RefusedListenerException naming the table and the cause */
    Optional<Filter> resolve() throws SubscriptionCatalog.CatalogUnavailableException {
        var binding = new Binding(
                "*",
                Optional.of(settings.table().schema()),
                Optional.of(settings.table().table()),
                settings.filter(),
                Optional.empty());
        ClaimsGroup group = settings.identity().orElseGet(() -> new ClaimsGroup(user, "{}"));
        return switch (catalog.resolve(binding, group)) {
            case SubscriptionCatalog.Resolution.Resolved resolved -> resolved.filter();
            case SubscriptionCatalog.Resolution.Refused(String message) -> throw new RefusedListenerException(message);
        };
    }

    /** The columns that may be shown of it; empty where it is not to be heard of. */
    private Optional<BitSet> columns(Change change, int xid) throws RowAccessUnavailableException {
        Relation relation = change.relation();
        Row image = change.decisive().orElseThrow();
        if (filter.isPresent() && !passes(filter.get(), relation, image, xid)) {
            return Optional.empty();
        }
        if (settings.identity().isEmpty()) {
            var all = new BitSet();
            all.set(0, relation.columns().size());
            return Optional.of(all);
        }
        RowAccess.Answer answer = ask(relation, image, Optional.empty(), xid);
        return answer.visible().get(0) ? Optional.of(answer.columns()) : Optional.empty();
    }

    private boolean passes(Filter wanted, Relation relation, Row image, int xid) throws RowAccessUnavailableException {
        return switch (wanted.of(relation, image)) {
            case TRUE -> true;
            case FALSE, UNKNOWN -> false;
            case UNDECIDED -> evaluated(ask(relation, image, Optional.of(wanted), xid));
        };
    }

    /** A filter that cannot be evaluated now says nothing of the row: the change is asked about again. */
    private static boolean evaluated(RowAccess.Answer answer) throws RowAccessUnavailableException {
        if (answer.failed()) {
            throw new RowAccessUnavailableException(
                    "the filter could not be evaluated", new IllegalStateException("no answer of the condition"));
        }
        return answer.visible().get(0);
    }

    private RowAccess.Answer ask(Relation relation, Row image, Optional<Filter> condition, int xid)
            throws RowAccessUnavailableException {
        ClaimsGroup group = settings.identity().orElseGet(() -> new ClaimsGroup(user, "{}"));
        var question = new RowAccess.Question(relation, group, List.of(image), condition);
        return access.ask(List.of(question), Set.of(xid)).getFirst();
    }

    private RowChange rowChange(Batch batch, Change change, Position position, BitSet columns)
            throws TypeCatalog.TypeCatalogUnavailableException {
        RowChange.Type type = switch (change) {
            case Change.Insert _ -> RowChange.Type.INSERT;
            case Change.Update _ -> RowChange.Type.UPDATE;
            case Change.Delete _, Change.Truncate _ -> RowChange.Type.DELETE;
        };
        // of a row that may be seen now, what it was before may still be somebody else's
        Optional<String> old =
                change instanceof Change.Update update && settings.identity().isEmpty()
                        ? Optional.of(json(change.relation(), update.old(), columns))
                        : Optional.empty();
        return new RowChange(
                type,
                settings.table(),
                json(change.relation(), change.decisive().orElseThrow(), columns),
                old,
                position,
                batch.transaction().committedAt());
    }

    private String json(Relation relation, Row row, BitSet columns) throws TypeCatalog.TypeCatalogUnavailableException {
        var out = new JsonBytes(256).raw('{');
        String separator = "";
        for (int i = columns.nextSetBit(0); i >= 0; i = columns.nextSetBit(i + 1)) {
            if (row.isAbsent(i)) {
                continue;
            }
            out.raw(separator).string(relation.columns().get(i).name()).raw(':');
            separator = ",";
            if (row.isNull(i)) {
                out.raw("null");
            } else {
                ColumnType type = types.typeOf(relation.columns().get(i).typeOid());
                ValueEncoder.write(out, type, row.bytes(), row.offset(i), row.length(i));
            }
        }
        return out.raw('}').toString();
    }
}
