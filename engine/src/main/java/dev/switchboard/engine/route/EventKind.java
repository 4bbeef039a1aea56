package dev.switchboard.engine.route;

import dev.switchboard.engine.model.Change;
import java.util.Locale;

/** Which changes a subscription asks for. */
public enum EventKind {
    ALL,
    INSERT,
    UPDATE,
    DELETE;

    /** Reads {@code event} of a binding; anything unknown means all, as the original does. */
    public static EventKind of(String event) {
        return switch (event.toUpperCase(Locale.ROOT)) {
            case "INSERT" -> INSERT;
            case "UPDATE" -> UPDATE;
            case "DELETE" -> DELETE;
            default -> ALL;
        };
    }

    public boolean includes(Change change) {
        return switch (this) {
            case ALL -> true;
            case INSERT -> change instanceof Change.Insert;
            case UPDATE -> change instanceof Change.Update;
            case DELETE -> change instanceof Change.Delete;
        };
    }
}
