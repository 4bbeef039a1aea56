package dev.switchboard.spring;

/** A bean that is told where changes may be missing; without one it is an ERROR of the log. */
@FunctionalInterface
public interface GapListener {
    /**
     * The slot was dropped or invalidated, or the table emptied by TRUNCATE, or dropped and made anew. Where this throws, it is told
     * again. What comes from here on comes whole.
     *
     * @param listener its name
     */
    void onGap(String listener, String why);
}
