package dev.switchboard.engine.pipeline;

/** Port to the log of the pipeline's threads. Thread-safe. */
@FunctionalInterface
public interface Trouble {
    /** Says once what went wrong and how the pipeline goes on. */
    void report(String what, Throwable cause);
}
