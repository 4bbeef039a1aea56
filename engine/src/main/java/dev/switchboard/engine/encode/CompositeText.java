package dev.switchboard.engine.encode;

import dev.switchboard.engine.protocol.JsonBytes;

/**
 * Reads a composite value's text form, {@code (1,"a ""b""",)}, and writes it as a JSON object (PostgreSQL, "Composite Type
 * Input and Output Syntax"). Nothing between two commas is NULL. One use per value.
 */
final class CompositeText {
    private final JsonBytes out;
    private final ColumnType.Composite type;
    private final byte[] bytes;
    private final int end;
    private int at;

    CompositeText(JsonBytes out, ColumnType.Composite type, byte[] bytes, int offset, int length) {
        this.out = out;
        this.type = type;
        this.bytes = bytes;
        this.at = offset;
        this.end = offset + length;
    }

    void write() {
        expect('(');
        out.raw('{');
        for (int i = 0; i < type.fields().size(); i++) {
            if (i > 0) {
                expect(',');
                out.raw(',');
            }
            ColumnType.Field field = type.fields().get(i);
            out.string(field.name()).raw(':');
            value(field.type());
        }
        out.raw('}');
        expect(')');
        if (at != end) {
            throw malformed();
        }
    }

    private void value(ColumnType fieldType) {
        if (peek() == ',' || peek() == ')') {
            out.raw("null");
            return;
        }
        byte[] value = new byte[end - at];
        int length = 0;
        boolean quoted = false;
        while (quoted || (peek() != ',' && peek() != ')')) {
            byte b = peek();
            at++;
            if (b == '"' && quoted && peek() == '"') {
                value[length++] = b;
                at++;
            } else if (b == '"') {
                quoted = !quoted;
            } else {
                if (b == '\\') {
                    b = peek();
                    at++;
                }
                value[length++] = b;
            }
        }
        ValueEncoder.write(out, fieldType, value, 0, length);
    }

    private void expect(char wanted) {
        if (peek() != wanted) {
            throw malformed();
        }
        at++;
    }

    private byte peek() {
        if (at >= end) {
            throw malformed();
        }
        return bytes[at];
    }

    private UnsupportedTypeException malformed() {
        return new UnsupportedTypeException(
                "a value of type " + type.name() + " does not have the fields that the type has now");
    }
}
