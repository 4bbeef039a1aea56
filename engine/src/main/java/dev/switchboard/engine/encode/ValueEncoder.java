package dev.switchboard.engine.encode;

import dev.switchboard.engine.protocol.JsonBytes;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * PostgreSQL's text form of a value to JSON, equal as jsonb to {@code to_jsonb(value)} under TimeZone UTC and DateStyle
 * ISO (SPEC E1). Pure.
 */
public final class ValueEncoder {
    private static final byte[] BEFORE_CHRIST = " BC".getBytes(StandardCharsets.US_ASCII);

    private ValueEncoder() {}

    /** Writes one value that is not null. */
    public static void write(JsonBytes out, ColumnType type, byte[] bytes, int offset, int length) {
        switch (type) {
            case ColumnType.Scalar scalar -> write(out, scalar.form(), bytes, offset, length);
            case ColumnType.Array array -> new ArrayText(out, array, bytes, offset, length).write();
            case ColumnType.Composite composite -> new CompositeText(out, composite, bytes, offset, length).write();
            case ColumnType.Unsupported unsupported ->
                throw new UnsupportedTypeException("type " + unsupported.name() + " cannot be sent");
        }
    }

    private static void write(JsonBytes out, ColumnType.Form form, byte[] bytes, int offset, int length) {
        switch (form) {
            case BOOL -> out.raw(bytes[offset] == 't' ? "true" : "false");
            case NUMBER -> number(out, bytes, offset, length);
            case NUMBER_VECTOR -> vector(out, new String(bytes, offset, length, StandardCharsets.US_ASCII), "");
            case TEXT_VECTOR -> vector(out, new String(bytes, offset, length, StandardCharsets.US_ASCII), "\"");
            case TEXT -> out.string(bytes, offset, length);
            case JSON -> out.raw(bytes, offset, length);
            case TIMESTAMP -> timestamp(out, bytes, offset, length, "");
            case TIMESTAMP_WITH_ZONE -> timestamp(out, bytes, offset, length, ":00");
        }
    }

    private static void vector(JsonBytes out, String numbers, String quote) {
        out.raw('[');
        String separator = "";
        for (String number : numbers.isEmpty() ? new String[0] : numbers.split(" ")) {
            out.raw(separator).raw(quote).raw(number).raw(quote);
            separator = ",";
        }
        out.raw(']');
    }

    private static void number(JsonBytes out, byte[] bytes, int offset, int length) {
        byte last = bytes[offset + length - 1];
        if (last >= '0' && last <= '9') {
            out.raw(bytes, offset, length);
        } else {
            out.string(bytes, offset, length); // NaN, Infinity, -Infinity
        }
    }

    /** {@code 2025-11-03 09:32:55+00} becomes {@code 2025-11-03T09:32:55+00:00}; infinity stays as it is. */
    private static void timestamp(JsonBytes out, byte[] bytes, int offset, int length, String zoneEnd) {
        byte[] text = Arrays.copyOfRange(bytes, offset, offset + length);
        int space = indexOf(text, ' ');
        if (space < 0) {
            out.string(text, 0, length);
            return;
        }
        text[space] = 'T';
        int end = endsWith(text, BEFORE_CHRIST) ? length - BEFORE_CHRIST.length : length;
        out.raw('"').raw(text, 0, end).raw(zoneEnd).raw(text, end, length - end).raw('"');
    }

    private static int indexOf(byte[] text, char wanted) {
        for (int i = 0; i < text.length; i++) {
            if (text[i] == wanted) {
                return i;
            }
        }
        return -1;
    }

    private static boolean endsWith(byte[] text, byte[] end) {
        return text.length >= end.length
                && Arrays.equals(text, text.length - end.length, text.length, end, 0, end.length);
    }
}
