package dev.switchboard.engine.explain;

import java.util.List;
import java.util.Optional;

/**
 * One step that a change passes on its way to a screen, and what became of it there.
 *
 * @param name in one or two words, as docs/explain.md lists them
 */
public record Step(String name, Outcome outcome, String text) {
    /** The name of the step that the socket got it. */
    public static final String DELIVERED = "delivered";

    /** What became of a change at a step. */
    public enum Outcome {
        /** It goes on. */
        PASSED,
        /** It ends here; later steps are told all the same. */
        STOPPED,
        /** Nothing was decided; good to know. */
        TOLD
    }

    public static Step passed(String name, String text) {
        return new Step(name, Outcome.PASSED, text);
    }

    public static Step stopped(String name, String text) {
        return new Step(name, Outcome.STOPPED, text);
    }

    public static Step told(String name, String text) {
        return new Step(name, Outcome.TOLD, text);
    }

    /** Where changes end, if they do: a policy alone decides nothing, all of them together do. */
    public static Optional<Step> end(List<Step> steps) {
        return steps.stream()
                .filter(step ->
                        step.outcome() == Outcome.STOPPED && !step.name().startsWith("policy "))
                .findFirst();
    }
}
