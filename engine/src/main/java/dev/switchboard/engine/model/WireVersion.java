package dev.switchboard.engine.model;

import java.util.Optional;

/** The Phoenix serializer of a connection, query parameter {@code vsn} (SPEC W2). */
public enum WireVersion {
    /** Text frames, JSON objects. */
    V1,
    /** Text frames, JSON arrays; binary broadcasts. */
    V2;

    /** What the parameter asks for; absent means 1.0.0. */
    public static Optional<WireVersion> of(Optional<String> vsn) {
        return switch (vsn.orElse("1.0.0")) {
            case "1.0.0" -> Optional.of(V1);
            case "2.0.0" -> Optional.of(V2);
            default -> Optional.empty();
        };
    }
}
