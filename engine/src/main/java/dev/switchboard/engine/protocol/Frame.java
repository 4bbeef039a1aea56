package dev.switchboard.engine.protocol;

import java.nio.charset.StandardCharsets;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** The payload of one WebSocket message. Encoded once, shared by all receivers; nobody writes to the array. */
public final class Frame {
    private final Kind kind;
    private final byte[] payload;
    private volatile byte @Nullable [] deflated;

    /** The data opcodes (RFC 6455, section 5.6). */
    public enum Kind {
        TEXT,
        BINARY
    }

    private Frame(Kind kind, byte[] payload) {
        this.kind = kind;
        this.payload = payload;
    }

    /** @param utf8 the text */
    public static Frame text(byte[] utf8) {
        return new Frame(Kind.TEXT, utf8);
    }

    public static Frame binary(byte[] payload) {
        return new Frame(Kind.BINARY, payload);
    }

    public Kind kind() {
        return kind;
    }

    public byte[] payload() {
        return payload;
    }

    /** The payload as it is where messages are compressed; made by whoever needs it first, or by several who do at one moment. */
    public byte[] deflated(UnaryOperator<byte[]> deflate) {
        byte[] known = deflated;
        if (known == null) {
            known = deflate.apply(payload);
            deflated = known;
        }
        return known;
    }

    @Override
    public String toString() {
        return new String(payload, StandardCharsets.UTF_8);
    }
}
