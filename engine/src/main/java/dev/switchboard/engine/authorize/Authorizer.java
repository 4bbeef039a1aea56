package dev.switchboard.engine.authorize;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.route.Subscription;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Candidates to grants. Subscriptions of one (table, claims group) share one question with all images of the round, so
 * a round costs PostgreSQL one execution per table and group, however many subscribe.
 *
 * <p>The new image decides INSERT and UPDATE, the old one DELETE. The old image of an UPDATE rides along only where the
 * policy is true for it too (SPEC A3). Stateless; called by the pipeline thread.
 */
public final class Authorizer {
    private final RowAccess access;

    public Authorizer(RowAccess access) {
        this.access = access;
    }

    /**
     * Decides a round.
     *
     * @return per candidate, in order, its grants
     */
    public List<List<Grant>> decide(List<Candidate> candidates) throws RowAccessUnavailableException {
        var round = new Round();
        candidates.forEach(round::collect);
        round.ask(access);
        return candidates.stream().map(round::grants).toList();
    }

    /** All images of one table that one group's subscriptions need decided. */
    private static final class Asking {
        final List<Row> images = new ArrayList<>();
        final Map<Row, Integer> places = new HashMap<>();
        RowAccess.Answer answer = new RowAccess.Answer(new BitSet(), new BitSet());

        void add(Row image) {
            if (places.putIfAbsent(image, images.size()) == null) {
                images.add(image);
            }
        }

        boolean sees(Row image) {
            Integer place = places.get(image);
            return place != null && answer.visible().get(place);
        }
    }

    /** The questions of one round. Relations are told apart by identity: a new Relation message is a new table. */
    private static final class Round {
        private final IdentityHashMap<Relation, Map<ClaimsGroup, Asking>> askings = new IdentityHashMap<>();
        private final Set<Integer> xids = new HashSet<>();

        void collect(Candidate candidate) {
            xids.add(candidate.transaction().xid());
            for (Subscription subscription : candidate.subscriptions()) {
                Asking asking = asking(candidate.change(), subscription);
                switch (candidate.change()) {
                    case Change.Insert insert -> asking.add(insert.row());
                    case Change.Delete delete -> asking.add(delete.old());
                    case Change.Update update -> {
                        asking.add(update.row());
                        if (update.relation().identity() == ReplicaIdentity.FULL) {
                            asking.add(update.old());
                        }
                    }
                    case Change.Truncate _ -> {}
                }
            }
        }

        private Asking asking(Change change, Subscription subscription) {
            return askings.computeIfAbsent(change.relation(), _ -> new LinkedHashMap<>())
                    .computeIfAbsent(subscription.group(), _ -> new Asking());
        }

        void ask(RowAccess access) throws RowAccessUnavailableException {
            var questions = new ArrayList<RowAccess.Question>();
            var asked = new ArrayList<Asking>();
            askings.forEach((relation, byGroup) -> byGroup.forEach((group, asking) -> {
                questions.add(new RowAccess.Question(relation, group, asking.images));
                asked.add(asking);
            }));
            if (questions.isEmpty()) {
                return;
            }
            List<RowAccess.Answer> answers = access.ask(questions, xids);
            for (int i = 0; i < asked.size(); i++) {
                asked.get(i).answer = answers.get(i);
            }
        }

        List<Grant> grants(Candidate candidate) {
            var grants = new ArrayList<Grant>();
            Change change = candidate.change();
            for (Subscription subscription : candidate.subscriptions()) {
                Asking asking = asking(change, subscription);
                boolean visible = switch (change) {
                    case Change.Insert insert -> asking.sees(insert.row());
                    case Change.Update update -> asking.sees(update.row());
                    case Change.Delete delete -> asking.sees(delete.old());
                    case Change.Truncate _ -> false;
                };
                BitSet columns = columns(subscription, change.relation(), asking.answer.columns());
                if (visible && !columns.isEmpty() && mayFilter(subscription, change, asking)) {
                    grants.add(new Grant(subscription, columns, old(asking, change)));
                }
            }
            return grants;
        }

        /** A filter on a column that the role cannot read any more would tell which rows match. */
        private static boolean mayFilter(Subscription subscription, Change change, Asking asking) {
            return subscription
                    .filter()
                    .map(filter -> change.relation().indexOf(filter.column()))
                    .map(index -> index >= 0 && asking.answer.columns().get(index))
                    .orElse(true);
        }

        private static Grant.OldImage old(Asking asking, Change change) {
            return switch (change) {
                case Change.Delete _ -> Grant.OldImage.SHOWN;
                case Change.Update update
                when update.relation().identity() == ReplicaIdentity.FULL ->
                    asking.sees(update.old()) ? Grant.OldImage.SHOWN : Grant.OldImage.HIDDEN;
                case Change.Update update -> sameKey(update) ? Grant.OldImage.KEY : Grant.OldImage.HIDDEN;
                case Change.Insert _, Change.Truncate _ -> Grant.OldImage.HIDDEN;
            };
        }
    }

    /** Whether every value of the old key stands in the new row too, so that showing it tells nothing new. */
    private static boolean sameKey(Change.Update update) {
        Row old = update.old();
        Row row = update.row();
        for (int column = 0; column < old.size(); column++) {
            if (old.hasValue(column)
                    && !(row.hasValue(column) && old.text(column).equals(row.text(column)))) {
                return false;
            }
        }
        return true;
    }

    private static BitSet columns(Subscription subscription, Relation relation, BitSet readable) {
        if (subscription.select().isEmpty()) {
            return readable;
        }
        var selected = new BitSet();
        for (String name : subscription.select().get()) {
            int index = relation.indexOf(name);
            if (index >= 0) {
                selected.set(index);
            }
        }
        selected.and(readable);
        return selected;
    }
}
