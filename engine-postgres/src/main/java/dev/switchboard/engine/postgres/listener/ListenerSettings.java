package dev.switchboard.engine.postgres.listener;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import java.time.Duration;
import java.util.Optional;

/**
 * What a listener hears of, and how often it tries.
 *
 * @param name     of the listener, unique in its database: its slot and its publication are called by it
 * @param filter   as subscriptions have it, {@code state=eq.paid}; empty for every row
 * @param identity under whose policies: what those hide is not handed over; empty for everything
 * @param attempts at one change, before it becomes a dead letter
 * @param pause    between attempts, doubled each time, at most a minute
 */
public record ListenerSettings(
        String name,
        TableName table,
        Optional<String> filter,
        Optional<ClaimsGroup> identity,
        int attempts,
        Duration pause) {
    private static final int LONGEST_NAME = 40;

    public ListenerSettings {
        if (!name.matches("[a-z0-9_]{1," + LONGEST_NAME + "}")) {
            throw new InvalidSettingException("the listener's name '" + name
                    + "' becomes part of a slot's: a to z, 0 to 9" + " and _, at most " + LONGEST_NAME);
        }
        if (attempts < 1) {
            throw new InvalidSettingException(
                    "attempts of listener " + name + " is " + attempts + ", and has to be 1 or more");
        }
    }

    /** Every row of a table, with three attempts a second and two apart. */
    public static ListenerSettings of(String name, TableName table) {
        return new ListenerSettings(name, table, Optional.empty(), Optional.empty(), 3, Duration.ofSeconds(1));
    }
}
