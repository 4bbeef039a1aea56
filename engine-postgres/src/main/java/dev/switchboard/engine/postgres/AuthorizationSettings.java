package dev.switchboard.engine.postgres;

import java.time.Duration;

/**
 * How it is found out who may see a row.
 *
 * @param patience   how long changes are held while PostgreSQL cannot be asked, before the channels that they concern are told
 * @param checkOneIn of how many decisions that are made without PostgreSQL one is asked about all the same; 0: none
 */
public record AuthorizationSettings(Duration patience, int checkOneIn) {
    /** Everything as it is where nothing is set. */
    public static AuthorizationSettings defaults() {
        return new AuthorizationSettings(Duration.ofSeconds(30), 10_000);
    }
}
