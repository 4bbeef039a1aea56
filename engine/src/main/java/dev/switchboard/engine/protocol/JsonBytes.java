package dev.switchboard.engine.protocol;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A growing buffer of JSON in UTF-8. The caller keeps the grammar. Not thread-safe. */
public final class JsonBytes {
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

    private byte[] buffer;
    private int size;

    public JsonBytes() {
        this(256);
    }

    public JsonBytes(int capacity) {
        buffer = new byte[capacity];
    }

    /** Appends JSON text as it is. */
    public JsonBytes raw(String json) {
        return raw(json.getBytes(StandardCharsets.UTF_8));
    }

    public JsonBytes raw(byte[] json) {
        return raw(json, 0, json.length);
    }

    public JsonBytes raw(byte[] json, int offset, int length) {
        reserve(length);
        System.arraycopy(json, offset, buffer, size, length);
        size += length;
        return this;
    }

    public JsonBytes raw(char ascii) {
        reserve(1);
        buffer[size++] = (byte) ascii;
        return this;
    }

    /** Appends a JSON string. */
    public JsonBytes string(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        return string(utf8, 0, utf8.length);
    }

    /** Appends a JSON string, or {@code null}. */
    public JsonBytes stringOrNull(@Nullable String text) {
        return text == null ? raw("null") : string(text);
    }

    /** Appends a JSON string of UTF-8 bytes, escaped as RFC 8259, section 7 demands. */
    public JsonBytes string(byte[] utf8, int offset, int length) {
        reserve(length + 2);
        buffer[size++] = '"';
        for (int i = offset; i < offset + length; i++) {
            byte b = utf8[i];
            if (b < 0 || (b >= 0x20 && b != '"' && b != '\\')) {
                reserve(1);
                buffer[size++] = b;
            } else {
                escape(b);
            }
        }
        return raw('"');
    }

    private void escape(byte b) {
        reserve(6);
        buffer[size++] = '\\';
        switch (b) {
            case '"', '\\' -> buffer[size++] = b;
            case '\n' -> buffer[size++] = 'n';
            case '\r' -> buffer[size++] = 'r';
            case '\t' -> buffer[size++] = 't';
            case '\b' -> buffer[size++] = 'b';
            case '\f' -> buffer[size++] = 'f';
            default -> {
                buffer[size++] = 'u';
                buffer[size++] = '0';
                buffer[size++] = '0';
                buffer[size++] = HEX[b >> 4];
                buffer[size++] = HEX[b & 15];
            }
        }
    }

    private void reserve(int more) {
        if (buffer.length - size < more) {
            buffer = Arrays.copyOf(buffer, Math.max(buffer.length * 2, size + more));
        }
    }

    public byte[] toBytes() {
        return Arrays.copyOf(buffer, size);
    }

    @Override
    public String toString() {
        return new String(buffer, 0, size, StandardCharsets.UTF_8);
    }
}
