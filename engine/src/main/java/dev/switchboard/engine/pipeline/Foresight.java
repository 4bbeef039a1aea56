package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.Decision;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.route.Subscription;
import dev.switchboard.engine.route.TableSelector;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Finds out how groups stand with the tables that they subscribe to while nothing else is to be done, so that the first change does
 * not have to wait for it: a few at a time, since a change may come at any moment. Bounded by the subscriptions there are. Owned by
 * the pipeline thread.
 */
final class Foresight {
    /** A change that comes meanwhile waits for so many answers. */
    private static final int AT_ONCE = 4;

    private final Authorizer authorizer;
    private final Set<Wanted> waiting = new LinkedHashSet<>();
    /** As the stream last described them. */
    private final Map<Integer, Relation> described = new HashMap<>();

    private record Wanted(TableSelector.One table, ClaimsGroup group) {}

    Foresight(Authorizer authorizer) {
        this.authorizer = authorizer;
    }

    boolean isIdle() {
        return waiting.isEmpty();
    }

    void want(Collection<Subscription> subscriptions) {
        for (Subscription subscription : subscriptions) {
            if (subscription.table() instanceof TableSelector.One one) {
                want(one, subscription.group());
            }
        }
    }

    void want(TableSelector.One table, ClaimsGroup group) {
        waiting.add(new Wanted(table, group));
    }

    void described(Relation relation) {
        described.put(relation.oid(), relation);
    }

    /**
     * Asks about the next few.
     *
     * @throws RowAccessUnavailableException if they cannot be answered now; they are asked when a change comes
     */
    List<Decision.Narrowing> ask() throws RowAccessUnavailableException {
        var questions = new ArrayList<RowAccess.Question>();
        var next = waiting.iterator();
        while (next.hasNext() && questions.size() < AT_ONCE) {
            Wanted wanted = next.next();
            next.remove();
            questions.add(RowAccess.Question.ofNoRow(relation(wanted.table()), wanted.group()));
        }
        return authorizer.foresee(questions);
    }

    /** Of a table that the stream has not described yet nothing but its name is known. */
    private Relation relation(TableSelector.One table) {
        return described.computeIfAbsent(
                table.oid(), _ -> new Relation(table.oid(), table.name(), ReplicaIdentity.DEFAULT, List.of()));
    }
}
