package dev.switchboard.telephony.fake;

import java.time.Duration;

/**
 * What goes wrong with messages on their way. Questions for a document are not disturbed: a call waits for its answer.
 *
 * @param doubled   share of status messages that come twice
 * @param reordered share that comes later than what was sent after them
 * @param lost      share that never comes
 * @param delay     the longest that a reordered one takes
 * @param seed      the same seed, the same accidents
 */
public record Noise(double doubled, double reordered, double lost, Duration delay, long seed) {
    public static final Noise NONE = new Noise(0, 0, 0, Duration.ZERO, 0);
}
