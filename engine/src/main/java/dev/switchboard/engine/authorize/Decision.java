package dev.switchboard.engine.authorize;

import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.route.Routed;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What a round came to.
 *
 * @param verdicts per candidate, in order
 * @param failed channels whose filter PostgreSQL could not evaluate
 * @param narrowings by which subscriptions can be found from now on
 */
public record Decision(List<Verdict> verdicts, Set<ChannelRef> failed, List<Narrowing> narrowings) {
    /**
     * Who may see a change, of those whom it concerns, and who may not.
     *
     * @param later those of whom it was not found out, since it takes long; a channel is among them with all of its subscriptions
     */
    public record Verdict(List<Grant> grants, List<Denial> denials, Routed later) {
        /** That nobody may see it. */
        public static final Verdict NOBODY = new Verdict(List.of(), List.of(), Routed.NOBODY);

        /** With what was found out of the others. */
        public Verdict completedBy(Verdict others) {
            return new Verdict(
                    Stream.concat(grants.stream(), others.grants.stream()).toList(),
                    Stream.concat(denials.stream(), others.denials.stream()).toList(),
                    others.later);
        }
    }

    /** What rows of a table that a group may see have in common, which was found out on the way. */
    public record Narrowing(Relation relation, ClaimsGroup group, RowAccess.Known known) {}
}
