package dev.switchboard.engine.decode;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Decodes pgoutput messages, protocol version 1 in text form. Rows keep pointing into the received message, so nothing
 * is copied per value. The relation cache is replaced by every Relation message, also in mid-transaction. Owned by the
 * thread that reads the stream.
 *
 * <p>Messages must be backed by an array that nobody writes to afterwards. Two facts are settled here, so that no later stage has to know them: an unchanged TOAST value is taken from the
 * old image where the WAL carried it, and an UPDATE without an old tuple gets the key of the new row as its old image.
 */
@SuppressWarnings("ByteBufferBackingArray") // a Row keeps the array and absolute offsets, arrayOffset included
final class PgOutputDecoder {
    private static final Instant POSTGRES_EPOCH = Instant.parse("2000-01-01T00:00:00Z");

    private final Map<Integer, Relation> relations = new HashMap<>();

    /** Decodes one message, all of it. */
    WalMessage decode(ByteBuffer message) {
        if (!message.hasRemaining()) {
            throw new MalformedWalException("empty message");
        }
        byte tag = message.get();
        try {
            WalMessage decoded = decode(tag, message);
            if (message.hasRemaining() && !(decoded instanceof WalMessage.Ignored)) {
                throw new MalformedWalException(
                        message.remaining() + " bytes left over after message '" + (char) tag + "'");
            }
            return decoded;
        } catch (BufferUnderflowException | IndexOutOfBoundsException | IllegalArgumentException malformed) {
            throw new MalformedWalException(
                    "message '" + (char) tag + "' of " + message.limit() + " bytes: " + malformed, malformed);
        }
    }

    private WalMessage decode(byte tag, ByteBuffer message) {
        return switch (tag) {
            case 'B' -> begin(message);
            case 'C' -> commit(message);
            case 'R' -> relation(message);
            case 'I' -> new WalMessage.Changed(List.of(insert(message)));
            case 'U' -> new WalMessage.Changed(List.of(update(message)));
            case 'D' -> new WalMessage.Changed(List.of(delete(message)));
            case 'T' -> truncate(message);
            case 'O', 'Y', 'M' -> new WalMessage.Ignored();
            default -> throw new MalformedWalException("unknown message '" + (char) tag + "'");
        };
    }

    private static WalMessage begin(ByteBuffer message) {
        var finalLsn = new Lsn(message.getLong());
        Instant committedAt = POSTGRES_EPOCH.plusNanos(Math.multiplyExact(message.getLong(), 1000L));
        return new WalMessage.Begin(new Transaction(finalLsn, committedAt, message.getInt()));
    }

    private static WalMessage commit(ByteBuffer message) {
        message.get(); // flags, none in use
        var commit = new Lsn(message.getLong());
        var end = new Lsn(message.getLong());
        message.getLong(); // commit time, known from Begin
        return new WalMessage.Commit(commit, end);
    }

    private WalMessage relation(ByteBuffer message) {
        int oid = message.getInt();
        String namespace = string(message);
        // pg_catalog is sent as the empty string
        var name = new TableName(namespace.isEmpty() ? "pg_catalog" : namespace, string(message));
        var identity = ReplicaIdentity.of((char) message.get());
        int count = message.getShort();
        var columns = new ArrayList<Column>();
        for (int i = 0; i < count; i++) {
            boolean key = (message.get() & 1) == 1;
            String column = string(message);
            int typeOid = message.getInt();
            message.getInt(); // type modifier: the text form already obeys it
            columns.add(new Column(column, typeOid, key));
        }
        var relation = new Relation(oid, name, identity, columns);
        relations.put(oid, relation);
        return new WalMessage.Described(relation);
    }

    private Change insert(ByteBuffer message) {
        Relation relation = known(message.getInt());
        expect('N', message.get());
        return new Change.Insert(relation, tuple(relation, message).build());
    }

    private Change update(ByteBuffer message) {
        Relation relation = known(message.getInt());
        byte part = message.get();
        if (part == 'N') {
            Row row = tuple(relation, message).build();
            return new Change.Update(relation, keyOf(relation, row), row);
        }
        Row old = oldTuple(relation, part, message);
        expect('N', message.get());
        Row.Builder row = tuple(relation, message);
        return new Change.Update(relation, old, fill(row, old));
    }

    private Change delete(ByteBuffer message) {
        Relation relation = known(message.getInt());
        return new Change.Delete(relation, oldTuple(relation, message.get(), message));
    }

    private WalMessage truncate(ByteBuffer message) {
        int count = message.getInt();
        message.get(); // CASCADE and RESTART IDENTITY
        var changes = new ArrayList<Change>();
        for (int i = 0; i < count; i++) {
            changes.add(new Change.Truncate(known(message.getInt())));
        }
        return new WalMessage.Changed(changes);
    }

    private Relation known(int oid) {
        Relation relation = relations.get(oid);
        if (relation == null) {
            throw new MalformedWalException("change to relation " + oid + ", which was never described");
        }
        return relation;
    }

    private static void expect(char wanted, byte got) {
        if (got != wanted) {
            throw new MalformedWalException("expected '" + wanted + "', got '" + (char) got + "'");
        }
    }

    /** 'O' is the whole old row, 'K' its key with nulls elsewhere. */
    private static Row oldTuple(Relation relation, byte part, ByteBuffer message) {
        if (part == 'O') {
            return tuple(relation, message).build();
        }
        expect('K', part);
        return keyOf(relation, tuple(relation, message).build());
    }

    private static Row keyOf(Relation relation, Row row) {
        var key = new Row.Builder(row.bytes(), row.size());
        for (int column = 0; column < row.size(); column++) {
            if (relation.columns().get(column).key()) {
                key.copy(column, row);
            }
        }
        return key.build();
    }

    private static Row fill(Row.Builder row, Row old) {
        Row sent = row.build();
        for (int column = 0; column < sent.size(); column++) {
            if (sent.isAbsent(column)) {
                row.copy(column, old);
            }
        }
        return row.build();
    }

    private static Row.Builder tuple(Relation relation, ByteBuffer message) {
        int count = message.getShort();
        if (count != relation.columns().size()) {
            throw new MalformedWalException("a row of " + count + " columns for " + relation.name() + ", which has "
                    + relation.columns().size());
        }
        var row = new Row.Builder(message.array(), count);
        for (int column = 0; column < count; column++) {
            byte kind = message.get();
            switch (kind) {
                case 'n' -> row.setNull(column);
                case 'u' -> row.setAbsent(column);
                case 't' -> text(row, column, message);
                default -> throw new MalformedWalException("unknown kind of value '" + (char) kind + "'");
            }
        }
        return row;
    }

    private static void text(Row.Builder row, int column, ByteBuffer message) {
        int length = message.getInt();
        if (length < 0 || length > message.remaining()) {
            throw new MalformedWalException(
                    "a value of " + length + " bytes where " + message.remaining() + " are left");
        }
        row.setText(column, message.arrayOffset() + message.position(), length);
        message.position(message.position() + length);
    }

    private static String string(ByteBuffer message) {
        int start = message.position();
        while (message.get() != 0) {
            // to the terminating zero
        }
        int length = message.position() - start - 1;
        return new String(message.array(), message.arrayOffset() + start, length, StandardCharsets.UTF_8);
    }
}
