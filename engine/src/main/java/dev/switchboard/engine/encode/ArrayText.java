package dev.switchboard.engine.encode;

import dev.switchboard.engine.protocol.JsonBytes;

/**
 * Reads an array's text form, {@code {a,"b \"c\"",NULL,{...}}}, optionally after its bounds, {@code [2:3]=}, and writes
 * it as JSON arrays (PostgreSQL, "Array Input and Output Syntax"). One use per value.
 */
final class ArrayText {
    private final JsonBytes out;
    private final ColumnType.Array type;
    private final byte[] bytes;
    private final int end;
    private int at;

    ArrayText(JsonBytes out, ColumnType.Array type, byte[] bytes, int offset, int length) {
        this.out = out;
        this.type = type;
        this.bytes = bytes;
        this.at = offset;
        this.end = offset + length;
    }

    void write() {
        while (peek() != '{') {
            at++; // bounds
        }
        array();
        if (at != end) {
            throw malformed();
        }
    }

    private void array() {
        at++;
        out.raw('[');
        boolean first = true;
        while (peek() != '}') {
            if (!first) {
                if (peek() != type.delimiter()) {
                    throw malformed();
                }
                at++;
            }
            out.raw(first ? "" : ",");
            first = false;
            element();
        }
        at++;
        out.raw(']');
    }

    private void element() {
        switch (peek()) {
            case '{' -> array();
            case '"' -> quoted();
            default -> plain();
        }
    }

    private void quoted() {
        byte[] value = new byte[end - at];
        int length = 0;
        at++;
        while (peek() != '"') {
            if (peek() == '\\') {
                at++;
            }
            value[length++] = peek();
            at++;
        }
        at++;
        ValueEncoder.write(out, type.element(), value, 0, length);
    }

    private void plain() {
        int start = at;
        while (peek() != type.delimiter() && peek() != '}') {
            at++;
        }
        if (isNull(start)) {
            out.raw("null");
        } else {
            ValueEncoder.write(out, type.element(), bytes, start, at - start);
        }
    }

    private boolean isNull(int start) {
        return at - start == 4
                && bytes[start] == 'N'
                && bytes[start + 1] == 'U'
                && bytes[start + 2] == 'L'
                && bytes[start + 3] == 'L';
    }

    private byte peek() {
        if (at >= end) {
            throw malformed();
        }
        return bytes[at];
    }

    private static UnsupportedTypeException malformed() {
        return new UnsupportedTypeException("the text of an array value does not follow its syntax");
    }
}
