package dev.switchboard.engine.authorize;

import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.route.Audience;
import dev.switchboard.engine.route.Filter;
import dev.switchboard.engine.route.Routed;
import dev.switchboard.engine.route.Subscription;
import dev.switchboard.engine.route.Truth;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Candidates to grants. Subscriptions of one (table, claims group) share one question with all images of the round, so
 * a round costs PostgreSQL one execution per table and group, however many subscribe.
 *
 * <p>The new image decides INSERT and UPDATE, the old one DELETE. The old image of an UPDATE rides along only where the
 * policy is true for it too (SPEC A3). Stateless; called by the thread that its access belongs to.
 */
public final class Authorizer {
    private final RowAccess access;

    public Authorizer(RowAccess access) {
        this.access = access;
    }

    /**
     * Decides a round.
     *
     * @return what came of it; a filter that PostgreSQL could not evaluate fails its channels
     */
    public Decision decide(List<Candidate> candidates) throws RowAccessUnavailableException {
        var round = new Round();
        candidates.forEach(round::collect);
        round.ask(access);
        List<Decision.Verdict> verdicts =
                candidates.stream().map(round::verdict).toList();
        return new Decision(verdicts, round.failed, round.narrowings());
    }

    /** Of these tables, those whose audiences do not hold any more; see {@link RowAccess#outdated}. */
    public Set<Integer> outdated(Map<Integer, Object> tables, Set<Integer> xids) throws RowAccessUnavailableException {
        return access.outdated(tables, xids);
    }

    /** Finds out what can be known of groups before there is a row. */
    public List<Decision.Narrowing> foresee(List<RowAccess.Question> questions) throws RowAccessUnavailableException {
        List<RowAccess.Answer> answers = access.ask(questions, Set.of());
        var narrowings = new ArrayList<Decision.Narrowing>();
        for (int i = 0; i < questions.size(); i++) {
            RowAccess.Known known = answers.get(i).known();
            if (!(known.audience() instanceof Audience.Any)) {
                narrowings.add(new Decision.Narrowing(
                        questions.get(i).relation(), questions.get(i).group(), known));
            }
        }
        return narrowings;
    }

    /** What the stream brings from now on; see {@link RowAccess#carried}. */
    public void carried(List<String> publications) {
        access.carried(publications);
    }

    /** See {@link RowAccess#tells}. */
    public boolean tells(int table, ClaimsGroup group) {
        return access.tells(table, group);
    }

    /** See {@link RowAccess#awaitVisible}. */
    public void awaitVisible(Set<Integer> xids) throws RowAccessUnavailableException {
        access.awaitVisible(xids);
    }

    /** To be called with each round before it is routed; see {@link RowAccess#passing}. */
    public Set<RowAccess.Unknown> passing(List<Batch> round) {
        return access.passing(round);
    }

    /** What is asked about images: a group's policies, or a condition of a subscription of theirs besides. */
    private record Asked(ClaimsGroup group, Optional<Filter> condition) {}

    /** All images of one table that one group's subscriptions need decided. */
    private static final class Asking {
        final List<Row> images = new ArrayList<>();
        final Map<Row, Integer> places = new HashMap<>();
        RowAccess.Answer answer = new RowAccess.Answer(new BitSet(), new BitSet(), false);

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
        private final IdentityHashMap<Relation, Map<Asked, Asking>> askings = new IdentityHashMap<>();
        private final Set<ChannelRef> failed = new LinkedHashSet<>();
        private final Set<Integer> xids = new HashSet<>();
        private boolean anyAside;

        void collect(Candidate candidate) {
            xids.add(candidate.transaction().xid());
            for (Subscription subscription : candidate.subscriptions()) {
                Asking asking = asking(candidate.change(), subscription);
                candidate.change().decisive().ifPresent(asking::add);
                if (candidate.change() instanceof Change.Update update && tellsOfOld(update)) {
                    asking.add(update.old());
                    if (was(subscription, update) == Truth.UNDECIDED) {
                        condition(update, subscription).add(update.old());
                    }
                }
            }
            for (Subscription subscription : candidate.routed().undecided()) {
                Asking condition = condition(candidate.change(), subscription);
                candidate.change().decisive().ifPresent(condition::add);
            }
        }

        /** Of one that is told of rows that leave: whether the row was within its filter; FALSE where that is not told. */
        private static Truth was(Subscription subscription, Change change) {
            if (!subscription.selection().leaving()
                    || !(change instanceof Change.Update update)
                    || update.relation().identity() != ReplicaIdentity.FULL) {
                return Truth.FALSE;
            }
            return subscription
                    .filter()
                    .map(filter -> filter.of(update.relation(), update.old()))
                    .orElse(Truth.TRUE);
        }

        private Asking asking(Change change, Subscription subscription) {
            return asking(change, new Asked(subscription.group(), Optional.empty()));
        }

        private Asking condition(Change change, Subscription subscription) {
            return asking(change, new Asked(subscription.group(), subscription.filter()));
        }

        private Asking asking(Change change, Asked asked) {
            return askings.computeIfAbsent(change.relation(), _ -> new LinkedHashMap<>())
                    .computeIfAbsent(asked, _ -> new Asking());
        }

        void ask(RowAccess access) throws RowAccessUnavailableException {
            var questions = new ArrayList<RowAccess.Question>();
            var asked = new ArrayList<Asking>();
            askings.forEach((relation, byAsked) -> byAsked.forEach((what, asking) -> {
                questions.add(new RowAccess.Question(relation, what.group(), asking.images, what.condition()));
                asked.add(asking);
            }));
            if (questions.isEmpty()) {
                return;
            }
            List<RowAccess.Answer> answers = access.ask(questions, xids);
            for (int i = 0; i < asked.size(); i++) {
                asked.get(i).answer = answers.get(i);
                anyAside |= answers.get(i).aside();
            }
        }

        List<Decision.Narrowing> narrowings() {
            var narrowings = new ArrayList<Decision.Narrowing>();
            askings.forEach((relation, byAsked) -> byAsked.forEach((what, asking) -> {
                if (what.condition().isEmpty() && !(asking.answer.known().audience() instanceof Audience.Any)) {
                    narrowings.add(new Decision.Narrowing(relation, what.group(), asking.answer.known()));
                }
            }));
            return narrowings;
        }

        Decision.Verdict verdict(Candidate candidate) {
            Set<ChannelRef> aside = aside(candidate);
            if (aside.isEmpty()) {
                return verdict(candidate.change(), candidate.routed(), Routed.NOBODY);
            }
            return verdict(
                    candidate.change(),
                    candidate.routed().of(channel -> !aside.contains(channel)),
                    candidate.routed().of(aside::contains));
        }

        /** Of those whom it concerns, the channels that cannot be told yet: not of one of their subscriptions. */
        private Set<ChannelRef> aside(Candidate candidate) {
            if (!anyAside) {
                return Set.of();
            }
            var channels = new LinkedHashSet<ChannelRef>();
            for (Subscription one : candidate.subscriptions()) {
                boolean asked = was(one, candidate.change()) == Truth.UNDECIDED;
                if (asking(candidate.change(), one).answer.aside()
                        || (asked && condition(candidate.change(), one).answer.aside())) {
                    channels.add(one.channel());
                }
            }
            for (Subscription one : candidate.routed().undecided()) {
                if (condition(candidate.change(), one).answer.aside()) {
                    channels.add(one.channel());
                }
            }
            return channels;
        }

        private Decision.Verdict verdict(Change change, Routed now, Routed later) {
            var verdict = new Decision.Verdict(new ArrayList<>(), new ArrayList<>(), later);
            for (Subscription subscription : now.certain()) {
                decide(change, subscription, verdict);
            }
            for (Subscription subscription : now.undecided()) {
                Asking condition = condition(change, subscription);
                if (condition.answer.failed()) {
                    failed.add(subscription.channel());
                } else if (change.decisive().filter(condition::sees).isPresent()) {
                    decide(change, subscription, verdict);
                } else if (hasLeft(subscription, change)) {
                    decideLeft(change, subscription, verdict);
                }
            }
            for (Subscription subscription : now.left()) {
                if (hasLeft(subscription, change)) {
                    decideLeft(change, subscription, verdict);
                }
            }
            return verdict;
        }

        private void decide(Change change, Subscription subscription, Decision.Verdict verdict) {
            Asking asking = asking(change, subscription);
            // of no row in particular: who may read of the table at all
            boolean visible = change instanceof Change.Truncate
                    || change.decisive().filter(asking::sees).isPresent();
            BitSet columns = columns(subscription, change.relation(), asking.answer.columns());
            if (!visible && hasLeft(subscription, change)) {
                decideLeft(change, subscription, verdict);
            } else if (!visible) {
                verdict.denials().add(new Denial(subscription, Denial.Reason.POLICIES));
            } else if (columns.isEmpty()) {
                verdict.denials().add(new Denial(subscription, Denial.Reason.COLUMNS));
            } else if (!mayFilter(subscription, change, asking)) {
                verdict.denials().add(new Denial(subscription, Denial.Reason.FILTER_COLUMN));
            } else {
                verdict.grants().add(new Grant(subscription, columns, old(asking, change)));
            }
        }

        /** Of a row that is not for it any more: it is told so if it may see what it was. */
        private void decideLeft(Change change, Subscription subscription, Decision.Verdict verdict) {
            Asking asking = asking(change, subscription);
            BitSet columns = columns(subscription, change.relation(), asking.answer.columns());
            boolean saw = change instanceof Change.Update update && asking.sees(update.old());
            if (saw && !columns.isEmpty() && mayFilter(subscription, change, asking)) {
                verdict.grants().add(new Grant(subscription, columns, Grant.OldImage.LEFT));
            } else {
                verdict.denials().add(new Denial(subscription, Denial.Reason.POLICIES));
            }
        }

        /** Whether it is told of rows that leave, and this one was within its filter. */
        private boolean hasLeft(Subscription subscription, Change change) {
            return switch (was(subscription, change)) {
                case TRUE -> true;
                case UNDECIDED -> {
                    Asking condition = condition(change, subscription);
                    if (condition.answer.failed()) {
                        failed.add(subscription.channel());
                    }
                    yield condition.sees(((Change.Update) change).old());
                }
                case FALSE, UNKNOWN -> false;
            };
        }

        /** A filter on a column that the role cannot read any more would tell which rows match. */
        private static boolean mayFilter(Subscription subscription, Change change, Asking asking) {
            return subscription.filter().map(filter -> filter.columns().keySet()).orElse(Set.of()).stream()
                    .map(change.relation()::indexOf)
                    .allMatch(index -> index >= 0 && asking.answer.columns().get(index));
        }

        private static Grant.OldImage old(Asking asking, Change change) {
            return switch (change) {
                case Change.Delete _ -> Grant.OldImage.SHOWN;
                case Change.Update update
                when tellsOfOld(update) -> asking.sees(update.old()) ? Grant.OldImage.SHOWN : Grant.OldImage.HIDDEN;
                case Change.Update _ -> Grant.OldImage.KEY;
                case Change.Insert _, Change.Truncate _ -> Grant.OldImage.HIDDEN;
            };
        }
    }

    /** Whether the old image says what the new one does not, so that it needs a decision of its own. */
    private static boolean tellsOfOld(Change.Update update) {
        return update.relation().identity() == ReplicaIdentity.FULL || !sameKey(update);
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
        if (subscription.selection().columns().isEmpty()) {
            return readable;
        }
        var selected = new BitSet();
        for (String name : subscription.selection().columns().get()) {
            int index = relation.indexOf(name);
            if (index >= 0) {
                selected.set(index);
            }
        }
        selected.and(readable);
        return selected;
    }
}
