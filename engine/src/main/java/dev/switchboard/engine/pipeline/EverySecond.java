package dev.switchboard.engine.pipeline;

import java.time.Duration;

/** Looks at something every second until the pipeline closes. Runs on a thread of its own. */
final class EverySecond implements Runnable {
    private static final Duration SECOND = Duration.ofSeconds(1);

    private final String what;
    private final Runnable look;
    private final Progress progress;
    private final Time time;
    private final Trouble trouble;

    /** @param what is looked at, for who reads that it could not be */
    EverySecond(String what, Runnable look, Progress progress, Time time, Trouble trouble) {
        this.what = what;
        this.look = look;
        this.progress = progress;
        this.time = time;
        this.trouble = trouble;
    }

    @Override
    public void run() {
        try {
            while (!progress.isClosing()) {
                time.pause(SECOND);
                lookSafely();
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        }
    }

    private void lookSafely() {
        try {
            look.run();
        } catch (RuntimeException fault) {
            trouble.report(what + " could not be looked at; trying again every second", fault);
        }
    }
}
