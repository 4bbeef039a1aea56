package dev.switchboard.callcenter.analysis;

import java.util.List;
import java.util.Locale;
import java.util.UUID;

/**
 * What was said in a call, in its order.
 *
 * @param language that is most likely spoken: the organization's
 */
public record Conversation(UUID call, Locale language, List<Utterance> utterances) {
    public Conversation {
        utterances = List.copyOf(utterances);
    }

    /** Who speaks. */
    public enum Speaker {
        AGENT,
        CUSTOMER
    }

    /** @param startMillis since the beginning of the transcript */
    public record Utterance(Speaker speaker, String text, long startMillis) {}
}
