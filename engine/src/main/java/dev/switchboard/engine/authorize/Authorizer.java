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

    private record Key(Relation relation, ClaimsGroup group) {}

    /** The questions of one round and where each image stands in them. */
    private static final class Round {
        private final Map<Key, List<Row>> images = new LinkedHashMap<>();
        private final Map<Key, Map<Row, Integer>> places = new HashMap<>();
        private final Map<Key, RowAccess.Answer> answers = new HashMap<>();
        private final Set<Integer> xids = new HashSet<>();

        void collect(Candidate candidate) {
            for (Subscription subscription : candidate.subscriptions()) {
                var key = new Key(candidate.change().relation(), subscription.group());
                switch (candidate.change()) {
                    case Change.Insert insert -> place(key, insert.row());
                    case Change.Delete delete -> place(key, delete.old());
                    case Change.Update update -> {
                        place(key, update.row());
                        if (update.relation().identity() == ReplicaIdentity.FULL) {
                            place(key, update.old());
                        }
                    }
                    case Change.Truncate _ -> {}
                }
                xids.add(candidate.transaction().xid());
            }
        }

        private void place(Key key, Row image) {
            List<Row> rows = images.computeIfAbsent(key, _ -> new ArrayList<>());
            if (places.computeIfAbsent(key, _ -> new HashMap<>()).putIfAbsent(image, rows.size()) == null) {
                rows.add(image);
            }
        }

        void ask(RowAccess access) throws RowAccessUnavailableException {
            if (images.isEmpty()) {
                return;
            }
            var keys = List.copyOf(images.keySet());
            var questions = keys.stream()
                    .map(key ->
                            new RowAccess.Question(key.relation(), key.group(), images.getOrDefault(key, List.of())))
                    .toList();
            List<RowAccess.Answer> given = access.ask(questions, xids);
            for (int i = 0; i < keys.size(); i++) {
                answers.put(keys.get(i), given.get(i));
            }
        }

        List<Grant> grants(Candidate candidate) {
            var grants = new ArrayList<Grant>();
            Change change = candidate.change();
            for (Subscription subscription : candidate.subscriptions()) {
                var key = new Key(change.relation(), subscription.group());
                RowAccess.Answer answer = answers.get(key);
                if (answer == null) {
                    continue;
                }
                boolean visible = switch (change) {
                    case Change.Insert insert -> sees(key, answer, insert.row());
                    case Change.Update update -> sees(key, answer, update.row());
                    case Change.Delete delete -> sees(key, answer, delete.old());
                    case Change.Truncate _ -> false;
                };
                BitSet columns = columns(subscription, change.relation(), answer.columns());
                if (visible && !columns.isEmpty()) {
                    grants.add(new Grant(subscription, columns, old(key, answer, change)));
                }
            }
            return grants;
        }

        private boolean sees(Key key, RowAccess.Answer answer, Row image) {
            Integer place = places.getOrDefault(key, Map.of()).get(image);
            return place != null && answer.visible().get(place);
        }

        private Grant.OldImage old(Key key, RowAccess.Answer answer, Change change) {
            return switch (change) {
                case Change.Delete _ -> Grant.OldImage.SHOWN;
                case Change.Update update
                when update.relation().identity() == ReplicaIdentity.FULL ->
                    sees(key, answer, update.old()) ? Grant.OldImage.SHOWN : Grant.OldImage.HIDDEN;
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
