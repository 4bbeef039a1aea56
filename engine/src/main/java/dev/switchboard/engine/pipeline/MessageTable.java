package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Room;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.ServerMessage;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Optional;

/** Rows of {@code realtime.messages} as the broadcasts that they are. Pure. */
final class MessageTable {
    private static final String SCHEMA = "realtime";
    private static final String TABLE = "messages";
    private static final String BROADCAST = "broadcast";
    private static final String HEX = "\\x";

    private MessageTable() {}

    /** What is to be said, and where. */
    record Message(Room room, BroadcastContent content) {}

    static boolean is(Change change) {
        TableName name = change.relation().name();
        return change instanceof Change.Insert
                && name.schema().equals(SCHEMA)
                // a publication that the original made names the partition
                && (name.table().equals(TABLE) || name.table().startsWith(TABLE + "_"));
    }

    /** Empty for a row that cannot be broadcast. */
    static Optional<Message> message(Change change) {
        if (!(change instanceof Change.Insert(Relation relation, Row row))) {
            return Optional.empty();
        }
        Optional<String> topic =
                text(relation, row, "topic").filter(name -> !isTooLong(ServerMessage.TOPIC_PREFIX + name));
        Optional<String> event = text(relation, row, "event").filter(name -> !isTooLong(name));
        boolean extension =
                text(relation, row, "extension").filter(BROADCAST::equals).isPresent();
        Optional<BroadcastContent> content = event.filter(_ -> extension).flatMap(name -> content(relation, row, name));
        if (topic.isEmpty() || content.isEmpty()) {
            return Optional.empty();
        }
        boolean isPrivate = text(relation, row, "private").filter("t"::equals).isPresent();
        return Optional.of(new Message(new Room(ServerMessage.TOPIC_PREFIX + topic.get(), isPrivate), content.get()));
    }

    private static Optional<BroadcastContent> content(Relation relation, Row row, String event) {
        Optional<String> id = text(relation, row, "id");
        Optional<String> json = text(relation, row, "payload");
        if (json.isPresent()) {
            return Optional.of(BroadcastContent.of(event, json.get().getBytes(StandardCharsets.UTF_8), id));
        }
        return text(relation, row, "binary_payload")
                .filter(hex -> hex.startsWith(HEX))
                .map(hex -> new BroadcastContent.Binary(
                        event, HexFormat.of().parseHex(hex.substring(HEX.length())), id, false));
    }

    private static Optional<String> text(Relation relation, Row row, String column) {
        int index = relation.indexOf(column);
        return index >= 0 && row.hasValue(index) ? Optional.of(row.text(index)) : Optional.empty();
    }

    private static boolean isTooLong(String name) {
        return name.getBytes(StandardCharsets.UTF_8).length > BroadcastContent.LONGEST_NAME;
    }
}
