package dev.switchboard.simulation;

import java.time.Duration;
import java.time.Instant;

/** What is to happen when, in the simulation's time; one thing after the other. */
interface Agenda {
    Instant now();

    void at(Instant when, Runnable work);

    default void in(Duration wait, Runnable work) {
        at(now().plus(wait), work);
    }
}
