package dev.switchboard.callcenter.command;

import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** Who asks for a command. */
public sealed interface Actor {
    /**
     * Somebody signed in.
     *
     * @param permissions that they have in the organization, as {@code app.role_permissions} names them
     */
    record User(UUID id, Set<String> permissions) implements Actor {
        public User {
            permissions = Set.copyOf(permissions);
        }
    }

    /** The server itself, its telephone provider, or a program with the service key. */
    record Server() implements Actor {}

    /** Whether they may do this to everybody's calls or state. */
    default boolean may(String permission) {
        return switch (this) {
            case User user -> user.permissions().contains(permission);
            case Server _ -> true;
        };
    }

    default boolean is(UUID user) {
        return switch (this) {
            case User actor -> actor.id().equals(user);
            case Server _ -> false;
        };
    }

    default Optional<UUID> user() {
        return switch (this) {
            case User actor -> Optional.of(actor.id());
            case Server _ -> Optional.empty();
        };
    }
}
