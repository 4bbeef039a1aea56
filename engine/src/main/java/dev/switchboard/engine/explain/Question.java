package dev.switchboard.engine.explain;

import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import java.util.Optional;

/**
 * Who is to hear of what.
 *
 * @param group   under whose policies
 * @param subject whose channels are meant; without one, those that nobody in particular has, of the role
 * @param topic   of one channel alone, with the prefix {@code realtime:}
 */
public record Question(TableName table, ClaimsGroup group, Optional<String> subject, Optional<String> topic) {
    /** Whether a channel with these claims is one of theirs. */
    public boolean concerns(Claims claims) {
        return subject.isPresent()
                ? claims.subject().equals(subject)
                : claims.subject().isEmpty() && claims.group().role().equals(group.role());
    }

    /** Who that is, in words. */
    String who() {
        return subject.orElseGet(() -> "nobody in particular, as " + group.role());
    }
}
