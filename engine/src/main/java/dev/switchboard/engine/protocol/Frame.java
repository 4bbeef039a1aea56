package dev.switchboard.engine.protocol;

import java.nio.charset.StandardCharsets;

/** The payload of one WebSocket text frame. Encoded once, shared by all receivers; nobody writes to the array. */
public final class Frame {
    private final byte[] payload;

    public Frame(byte[] payload) {
        this.payload = payload;
    }

    public byte[] payload() {
        return payload;
    }

    @Override
    public String toString() {
        return new String(payload, StandardCharsets.UTF_8);
    }
}
