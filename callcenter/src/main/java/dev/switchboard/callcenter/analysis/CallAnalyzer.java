package dev.switchboard.callcenter.analysis;

import dev.switchboard.engine.protocol.Json;
import java.util.List;

/**
 * Finds out what a call was like, step by step, so that each can be shown as it lands. Thread-safe; blocking.
 */
public interface CallAnalyzer {
    /** What it finds out, in this order; names of at most 40 characters, a to z and _. */
    List<String> steps();

    /**
     * One of them.
     *
     * @return what was found: of {@code summary} the members {@code summary} and {@code topic}, of {@code sentiment} the member
     *     {@code sentiment} from -1 to 1, of any step {@code score} from 0 to 100, go to the call itself
     * @throws AnalysisFailedException with what to do about it; the steps after it are tried all the same
     */
    Json.Fields analyze(String step, Conversation conversation) throws AnalysisFailedException, InterruptedException;

    /** A step came to nothing. */
    final class AnalysisFailedException extends Exception {
        private static final long serialVersionUID = 1L;

        private final boolean passing;

        /**
         * @param message for who reads the call; no addresses
         * @param passing whether the same may go well a little later
         */
        public AnalysisFailedException(String message, boolean passing) {
            super(message);
            this.passing = passing;
        }

        public boolean isPassing() {
            return passing;
        }
    }
}
