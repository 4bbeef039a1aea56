package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.protocol.ServerMessage;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Topics that are one user's by their name, {@code realtime:<name>_changes_<id>}: what is said in them is for the token
 * whose subject is that id, and for the service role (SPEC J9; FEATURES F003-02).
 */
public final class PersonalTopic {
    /** A suffix after # tells channels of one name apart, and changes nothing about whose it is. */
    private static final Pattern NAME = Pattern.compile(
            Pattern.quote(ServerMessage.TOPIC_PREFIX)
                    + ".+_changes_(\\p{XDigit}{8}-\\p{XDigit}{4}-\\p{XDigit}{4}-\\p{XDigit}{4}-\\p{XDigit}{12})(?:#.*)?",
            Pattern.DOTALL);

    private static final String SERVICE_ROLE = "service_role";

    private PersonalTopic() {}

    /** Whether the topic is somebody else's than the token's. */
    public static boolean isForeign(String topic, Claims claims) {
        Matcher matcher = NAME.matcher(topic);
        return matcher.matches()
                && !claims.group().role().equals(SERVICE_ROLE)
                && claims.subject().filter(matcher.group(1)::equalsIgnoreCase).isEmpty();
    }
}
