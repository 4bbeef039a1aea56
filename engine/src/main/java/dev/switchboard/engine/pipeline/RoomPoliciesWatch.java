package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.channel.RoomPolicies;
import java.time.Duration;

/** Has the policies of private rooms looked at every second, whatever else waits for PostgreSQL. Runs on a thread of its own. */
final class RoomPoliciesWatch implements Runnable {
    private static final Duration EVERY = Duration.ofSeconds(1);

    private final RoomPolicies policies;
    private final Progress progress;
    private final Time time;
    private final Trouble trouble;

    RoomPoliciesWatch(RoomPolicies policies, Progress progress, Time time, Trouble trouble) {
        this.policies = policies;
        this.progress = progress;
        this.time = time;
        this.trouble = trouble;
    }

    @Override
    public void run() {
        try {
            while (!progress.isClosing()) {
                time.pause(EVERY);
                look();
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        }
    }

    private void look() {
        try {
            policies.look(progress.isStreaming(time.instant()));
        } catch (RuntimeException fault) {
            trouble.report("the policies of private rooms could not be looked at", fault);
        }
    }
}
