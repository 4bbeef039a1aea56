package dev.switchboard.engine.encode;

import dev.switchboard.engine.authorize.Grant;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.Frame;
import dev.switchboard.engine.protocol.JsonBytes;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Encodes one change: its data once per view of it, a frame once per (topic, binding ids, view, wire version).
 * One per change; owned by the pipeline thread.
 */
public final class ChangeEncoder {
    private static final DateTimeFormatter MILLISECONDS =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);

    private final Transaction transaction;
    private final long number;
    private final Change change;
    private final List<ColumnType> types;
    private final Map<View, byte[]> data = new HashMap<>();
    private final Map<Target, Frame> frames = new HashMap<>();

    /**
     * What of the change is sent.
     *
     * @param columns index set of the relation's columns
     * @param changed those of them that are enough: the key, what is always wanted, and what an UPDATE changed; empty where all are sent
     * @param positioned whether it is told where the change stands
     */
    public record View(BitSet columns, Grant.OldImage old, Optional<BitSet> changed, boolean positioned) {}

    private record Target(View view, String topic, List<Integer> ids, WireVersion version) {}

    /**
     * @param number of the change in its transaction
     * @param types  of the relation's columns, in order
     */
    public ChangeEncoder(Transaction transaction, long number, Change change, List<ColumnType> types) {
        this.transaction = transaction;
        this.number = number;
        this.change = change;
        this.types = List.copyOf(types);
    }

    /** The types of a relation's columns. */
    public static List<ColumnType> types(Change change, TypeCatalog catalog)
            throws TypeCatalog.TypeCatalogUnavailableException {
        var types = new ArrayList<ColumnType>();
        for (var column : change.relation().columns()) {
            types.add(catalog.typeOf(column.typeOid()));
        }
        return types;
    }

    /**
     * The frame for every channel on that topic whose bindings {@code ids} got the same view.
     *
     * @throws UnsupportedTypeException if a column of the view cannot be sent
     */
    public Frame frame(View view, String topic, List<Integer> ids, WireVersion version) {
        return frames.computeIfAbsent(new Target(view, topic, ids, version), this::encode);
    }

    /**
     * The change itself, as frames carry it: {@code {"schema", "table", "type", "record", ...}} (SPEC C). Not to be written into.
     *
     * @throws UnsupportedTypeException if a column of the view cannot be sent
     */
    public byte[] data(View view) {
        return data.computeIfAbsent(view, this::encode);
    }

    private Frame encode(Target target) {
        byte[] body = data(target.view());
        var out = new JsonBytes(body.length + 128);
        switch (target.version()) {
            case V1 ->
                out.raw("{\"topic\":")
                        .string(target.topic())
                        .raw(",\"event\":\"postgres_changes\",\"payload\":{\"ids\":")
                        .raw(ids(target.ids()))
                        .raw(",\"data\":")
                        .raw(body)
                        .raw("},\"ref\":null}");
            case V2 ->
                out.raw("[null,null,")
                        .string(target.topic())
                        .raw(",\"postgres_changes\",{\"ids\":")
                        .raw(ids(target.ids()))
                        .raw(",\"data\":")
                        .raw(body)
                        .raw("}]");
        }
        return Frame.text(out.toBytes());
    }

    private static String ids(List<Integer> ids) {
        return ids.stream().map(String::valueOf).collect(Collectors.joining(",", "[", "]"));
    }

    private byte[] encode(View view) {
        var out = new JsonBytes(1024)
                .raw("{\"schema\":")
                .string(change.relation().name().schema())
                .raw(",\"table\":")
                .string(change.relation().name().table())
                .raw(",\"type\":\"")
                .raw(isLeft(view) ? "DELETE" : type()) // to who knows of no other kind it is gone
                .raw("\",\"commit_timestamp\":\"")
                .raw(timestamp(transaction.committedAt()))
                .raw("\",\"errors\":null")
                .raw(isLeft(view) ? ",\"left\":true" : "")
                .raw(view.changed().isPresent() ? ",\"delta\":true" : "")
                .raw(view.positioned() ? ",\"position\":\"" + position() + '"' : "")
                .raw(",\"columns\":");
        BitSet shown = view.changed().orElse(view.columns());
        columns(out, shown);
        switch (change) {
            case Change.Insert insert -> record(out.raw(",\"record\":"), insert.row(), shown);
            case Change.Update update when isLeft(view) -> record(out.raw(",\"old_record\":"), update.old(), shown);
            case Change.Update update -> {
                record(out.raw(",\"record\":"), update.row(), shown);
                record(out.raw(",\"old_record\":"), update.old(), old(view, shown));
            }
            case Change.Delete delete -> record(out.raw(",\"old_record\":"), delete.old(), shown);
            case Change.Truncate _ -> throw new IllegalStateException("TRUNCATE has no frame");
        }
        return out.raw('}').toBytes();
    }

    private static boolean isLeft(View view) {
        return view.old() == Grant.OldImage.LEFT;
    }

    private Position position() {
        return new Position(transaction.finalLsn(), number);
    }

    private String type() {
        return switch (change) {
            case Change.Insert _ -> "INSERT";
            case Change.Update _ -> "UPDATE";
            case Change.Delete _ -> "DELETE";
            case Change.Truncate _ -> "TRUNCATE";
        };
    }

    /** What of the old image is shown; where the identity is not FULL it holds the key alone. */
    private BitSet old(View view, BitSet shown) {
        boolean full = change.relation().identity() == ReplicaIdentity.FULL;
        boolean is = view.old() == Grant.OldImage.SHOWN || (view.old() == Grant.OldImage.KEY && !full);
        return is ? shown : new BitSet();
    }

    private void columns(JsonBytes out, BitSet shown) {
        out.raw('[');
        String separator = "";
        for (int i = shown.nextSetBit(0); i >= 0; i = shown.nextSetBit(i + 1)) {
            out.raw(separator)
                    .raw("{\"name\":")
                    .string(change.relation().columns().get(i).name())
                    .raw(",\"type\":")
                    .string(types.get(i).name())
                    .raw('}');
            separator = ",";
        }
        out.raw(']');
    }

    private void record(JsonBytes out, Row row, BitSet shown) {
        out.raw('{');
        String separator = "";
        for (int i = shown.nextSetBit(0); i >= 0; i = shown.nextSetBit(i + 1)) {
            if (row.isAbsent(i)) {
                continue;
            }
            out.raw(separator).string(change.relation().columns().get(i).name()).raw(':');
            separator = ",";
            if (row.isNull(i)) {
                out.raw("null");
            } else {
                ValueEncoder.write(out, types.get(i), row.bytes(), row.offset(i), row.length(i));
            }
        }
        out.raw('}');
    }

    private static String timestamp(Instant instant) {
        return MILLISECONDS.format(instant);
    }
}
