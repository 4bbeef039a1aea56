package dev.switchboard.engine.authorize;

import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import java.util.BitSet;
import java.util.List;
import java.util.Set;

/**
 * What a round came to.
 *
 * @param verdicts per candidate, in order
 * @param failed channels whose filter PostgreSQL could not evaluate
 * @param narrowings by which subscriptions can be found from now on
 * @param aside      index set of the candidates about which nothing was found out, since it takes long
 */
public record Decision(List<Verdict> verdicts, Set<ChannelRef> failed, List<Narrowing> narrowings, BitSet aside) {
    /** Who may see a change, of those whom it concerns, and who may not. */
    public record Verdict(List<Grant> grants, List<Denial> denials) {}

    /** What rows of a table that a group may see have in common, which was found out on the way. */
    public record Narrowing(Relation relation, ClaimsGroup group, RowAccess.Known known) {}
}
