package dev.switchboard.engine.decode;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Writes pgoutput messages for tests, as PostgreSQL's documentation lays them out. */
public final class Wal {
    private final ByteBuffer buffer = ByteBuffer.allocate(4096);

    private Wal(char tag) {
        buffer.put((byte) tag);
    }

    public static ByteBuffer begin(long finalLsn, int xid) {
        return new Wal('B').int8(finalLsn).int8(0).int4(xid).done();
    }

    public static ByteBuffer commit(long commit, long end) {
        return new Wal('C').int1(0).int8(commit).int8(end).int8(0).done();
    }

    /** Columns {@code id int4} in the key, and {@code name text}. */
    public static ByteBuffer relation(char identity) {
        return new Wal('R')
                .int4(77)
                .string("public")
                .string("calls")
                .int1(identity)
                .int2(2)
                .int1(1)
                .string("id")
                .int4(23)
                .int4(-1)
                .int1(identity == 'f' ? 1 : 0)
                .string("name")
                .int4(25)
                .int4(-1)
                .done();
    }

    public static ByteBuffer insert(String... values) {
        return new Wal('I').int4(77).int1('N').tuple(values).done();
    }

    /** @param part 'O', 'K', or ' ' for no old tuple */
    static ByteBuffer update(char part, String[] old, String... values) {
        Wal message = new Wal('U').int4(77);
        if (part != ' ') {
            message.int1(part).tuple(old);
        }
        return message.int1('N').tuple(values).done();
    }

    static ByteBuffer delete(char part, String... old) {
        return new Wal('D').int4(77).int1(part).tuple(old).done();
    }

    static ByteBuffer truncate() {
        return new Wal('T').int4(1).int1(0).int4(77).done();
    }

    /** "~" stands for an unchanged TOAST value, "!" for NULL. */
    private Wal tuple(String... values) {
        int2(values.length);
        for (String value : values) {
            if (value.equals("!")) {
                int1('n');
            } else if (value.equals("~")) {
                int1('u');
            } else {
                byte[] text = value.getBytes(StandardCharsets.UTF_8);
                int1('t').int4(text.length);
                buffer.put(text);
            }
        }
        return this;
    }

    private Wal int1(int value) {
        buffer.put((byte) value);
        return this;
    }

    private Wal int2(int value) {
        buffer.putShort((short) value);
        return this;
    }

    private Wal int4(int value) {
        buffer.putInt(value);
        return this;
    }

    private Wal int8(long value) {
        buffer.putLong(value);
        return this;
    }

    private Wal string(String text) {
        buffer.put(text.getBytes(StandardCharsets.UTF_8)).put((byte) 0);
        return this;
    }

    private ByteBuffer done() {
        buffer.flip();
        byte[] message = new byte[buffer.remaining()];
        buffer.get(message);
        return ByteBuffer.wrap(message);
    }
}
