package dev.switchboard.engine.authorize;

import dev.switchboard.engine.model.ChannelRef;
import java.util.List;
import java.util.Set;

/**
 * What a round came to.
 *
 * @param grants per candidate, in order
 * @param failed channels whose filter PostgreSQL could not evaluate
 */
public record Decision(List<List<Grant>> grants, Set<ChannelRef> failed) {}
