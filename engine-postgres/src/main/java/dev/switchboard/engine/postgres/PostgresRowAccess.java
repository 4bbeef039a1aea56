package dev.switchboard.engine.postgres;

import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.pipeline.Trouble;
import dev.switchboard.engine.postgres.CatalogVersion.Item;
import dev.switchboard.engine.postgres.KnownTables.Deciding;
import dev.switchboard.engine.postgres.policy.ClaimValues;
import dev.switchboard.engine.postgres.policy.CompiledPolicy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Says which images a group may see: by compiled policies, or by asking PostgreSQL. The connections' user may SET ROLE to
 * the roles of tokens and has no rights of its own. A group whose probe SELECT raises sees nothing (the planner may evaluate what the policy over an
 * image does not). Keeps one connection, opened anew after it broke. Owned by the thread that asks.
 */
public final class PostgresRowAccess implements RowAccess {
    /** How often a round is asked when the catalog changes under it. */
    private static final int ATTEMPTS = 5;

    /** Of so many transactions the stream may have told before new snapshots are known to see them. */
    private static final int MOST_UNSEEN = 1_000;

    private final Database database;
    private final Standings standings = new Standings();
    private final KnownTables tables;
    private final RoundTrips roundTrips;
    private final Dependencies dependencies;
    /** Another one after what was found out before may not hold any more. */
    private long epoch;

    private final LongAdder decidedHere = new LongAdder();
    private final LongAdder remembered = new LongAdder();
    /** Also by those that are asked aside. */
    private final LongAdder asked;

    private final SelfCheck check;
    private final SlowTables slow = new SlowTables();
    private final Trouble trouble;
    /** Whether what takes long is asked by another one. */
    private boolean brief;

    private CheckedCatalog checked = CheckedCatalog.NOTHING;
    private @Nullable Connection kept;

    /**
     * @param database with the user whose connections may take the roles of tokens
     * @param trouble  hears of policies that raise, once per table and SQLSTATE
     */
    public PostgresRowAccess(Database database, Trouble trouble) {
        this(database, trouble, AuthorizationSettings.defaults().checkOneIn());
    }

    /** @param checkOneIn see {@link AuthorizationSettings} */
    public PostgresRowAccess(Database database, Trouble trouble, int checkOneIn) {
        this(database, trouble, Deciding.BY_STREAM, new SelfCheck(checkOneIn, trouble), new LongAdder());
    }

    private PostgresRowAccess(Database database, Trouble trouble, Deciding deciding, SelfCheck check, LongAdder asked) {
        this.database = database;
        this.asked = asked;
        this.trouble = trouble;
        this.tables = new KnownTables(standings, deciding);
        this.check = check;
        this.dependencies = new Dependencies(standings, check);
        this.roundTrips = new RoundTrips(tables, trouble);
    }

    /** One that decides nothing itself, and asks PostgreSQL about every policy. */
    public static PostgresRowAccess alwaysAsking(Database database, Trouble trouble) {
        return new PostgresRowAccess(database, trouble, Deciding.NOTHING, new SelfCheck(0, trouble), new LongAdder());
    }

    @Override
    public RowAccess aside() {
        brief = true;
        tables.beBrief();
        roundTrips.beBrief();
        return new PostgresRowAccess(database, trouble, Deciding.BY_ROWS, check.another(), asked);
    }

    /** How many questions were decided without PostgreSQL. Any thread. */
    public long decidedHere() {
        return decidedHere.sum();
    }

    /** How many questions were answered by what PostgreSQL had said of rows like these. Any thread. */
    public long remembered() {
        return remembered.sum();
    }

    /** How many questions PostgreSQL was asked. Any thread. */
    public long asked() {
        return asked.sum();
    }

    /** How many decisions were found to be other than PostgreSQL's, of those that were checked. Any thread. */
    public long disagreements() {
        return check.disagreements();
    }

    @Override
    public List<Answer> ask(List<Question> questions, Set<Integer> xids) throws RowAccessUnavailableException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            try {
                return askOnce(connection(), questions, xids);
            } catch (OutdatedException outdated) {
                tables.forget(outdated.versions());
                checked = CheckedCatalog.NOTHING; // what is read anew may be newer
            } catch (SQLException failed) {
                close();
                throw new RowAccessUnavailableException("cannot ask PostgreSQL: " + failed.getMessage(), failed);
            }
        }
        throw new RowAccessUnavailableException(
                "policies or grants keep changing", new IllegalStateException(ATTEMPTS + " attempts"));
    }

    private List<Answer> askOnce(Connection connection, List<Question> questions, Set<Integer> xids)
            throws SQLException, RowAccessUnavailableException, OutdatedException {
        tables.startRound();
        check.begin();
        var answers = new ArrayList<Answer>();
        var pending = new LinkedHashMap<String, List<RoundTrips.Pending>>();
        for (Question question : questions) {
            prepare(connection, question, xids, answers)
                    .ifPresent(asked -> pending.computeIfAbsent(asked.sql(), _ -> new ArrayList<>())
                            .add(asked));
        }
        if (pending.isEmpty()) {
            // what a transaction changed in the catalog counts for its own rows too
            tables.refuseOutdated(
                    checked.covers(tables.usedItems(), xids)
                            ? checked.versions()
                            : roundTrips.versions(connection, tables.usedItems(), awaited(xids)));
        } else {
            if (!roundTrips.ask(connection, pending.values(), awaited(xids))) {
                tables.refuseOutdated(roundTrips.versions(connection, tables.usedItems(), awaited(xids)));
            }
            dependencies.seen();
            pending.values().forEach(same -> asked.add(same.size()));
        }
        check.compare(answers);
        return answers;
    }

    /** Whatever is asked sees all of which the stream has told. */
    private Set<Integer> awaited(Set<Integer> xids) {
        var all = new HashSet<>(xids);
        all.addAll(dependencies.unseen());
        return all;
    }

    /** What a group's claims come to must not be of before something that the stream has told. */
    private void prove(Connection connection, Set<Integer> xids) throws SQLException, RowAccessUnavailableException {
        Set<Integer> awaited = awaited(xids);
        if (!awaited.isEmpty() && !checked.xids().containsAll(awaited)) {
            roundTrips.awaitVisible(connection, awaited);
            dependencies.seen();
        }
    }

    @Override
    public void carried(List<String> publications) {
        tables.carried(new Publications(publications.getFirst(), Set.copyOf(publications)));
        checked = CheckedCatalog.NOTHING;
        epoch++;
    }

    @Override
    public Set<Unknown> passing(List<Batch> round) {
        if (dependencies.unseen().size() > MOST_UNSEEN) {
            try {
                prove(connection(), Set.of());
            } catch (SQLException | RowAccessUnavailableException unavailable) {
                close(); // whoever asks next proves it
            }
        }
        return Stream.concat(
                        standings.takeDropped().stream().map(key -> new Unknown(key.oid(), key.group(), false)),
                        dependencies.passing(round).stream().map(key -> new Unknown(key.oid(), key.group(), true)))
                .collect(Collectors.toSet());
    }

    @Override
    public Set<Integer> outdated(Map<Integer, Object> states, Set<Integer> xids) throws RowAccessUnavailableException {
        try {
            var items = new HashSet<Item>();
            states.values()
                    .forEach(state ->
                            items.addAll(((CatalogState) state).versions().keySet()));
            Set<Integer> awaited = awaited(xids);
            Map<Item, String> versions = roundTrips.versions(connection(), items, awaited);
            checked = new CheckedCatalog(versions, awaited);
            dependencies.seen();
            tables.forgetOutdated(versions);
            var outdated = new HashSet<Integer>();
            states.forEach((table, state) -> {
                if (!((CatalogState) state).isOf(epoch, versions) || !check.trusts(table)) {
                    outdated.add(table);
                }
            });
            return outdated;
        } catch (SQLException failed) {
            close();
            throw new RowAccessUnavailableException("cannot ask PostgreSQL: " + failed.getMessage(), failed);
        }
    }

    @Override
    public boolean tells(int table, ClaimsGroup group) {
        return check.trusts(table)
                && standings
                        .find(new Standings.Key(table, group))
                        .filter(Standings.Standing::tells)
                        .isPresent();
    }

    @Override
    public void awaitVisible(Set<Integer> xids) throws RowAccessUnavailableException {
        try {
            prove(connection(), xids);
        } catch (SQLException failed) {
            close();
            throw new RowAccessUnavailableException("cannot ask PostgreSQL: " + failed.getMessage(), failed);
        }
    }

    private Connection connection() throws SQLException {
        if (kept == null) {
            Connection opened = database.connect("switchboard-rows");
            kept = opened;
            try (Statement statement = opened.createStatement()) {
                // planning what is asked in every round takes many times as long as answering it
                statement.execute("set plan_cache_mode = force_generic_plan");
            }
            // another server, or another setting of the role, may say otherwise what claims come to
            standings.clear();
            checked = CheckedCatalog.NOTHING;
            epoch++;
        }
        return kept;
    }

    /** Ends the connection; the next question opens another. Called by the thread that asks, or after it has ended. */
    @Override
    public void close() {
        Connection ended = kept;
        kept = null;
        try {
            if (ended != null) {
                ended.close();
            }
        } catch (SQLException alreadyGone) {
            // a closed connection is what was wanted
        }
    }

    /** Adds the answer, filled at once where no asking is needed. */
    private Optional<RoundTrips.Pending> prepare(
            Connection connection, Question question, Set<Integer> xids, List<Answer> answers)
            throws SQLException, RowAccessUnavailableException {
        Relation relation = question.relation();
        TableSecurity security =
                tables.security(connection, relation, question.group().role());
        var visible = new BitSet();
        int place = answers.size();
        boolean never = security.predicate() instanceof TableSecurity.Predicate.Never;
        answers.add(new Answer(visible, never ? new BitSet() : PolicyQuestions.readable(relation, security), false));
        boolean isSlow = isSlow(question, security);
        if (!tables.knows(relation.oid(), security, question.group())) {
            if (isSlow && !question.images().isEmpty()) { // before there is one, nobody waits
                answers.set(place, Answer.ofLater());
                return Optional.empty();
            }
            prove(connection, xids);
        }
        Optional<Standings.Standing> found = standing(connection, security, question);
        if (found.isEmpty()) {
            answers.set(place, Answer.ofLater());
            return Optional.empty();
        }
        Standings.Standing standing = found.get();
        if (!standing.passed()) {
            answers.set(place, new Answer(visible, new BitSet(), false));
            return Optional.empty();
        }
        Optional<Answer> decided =
                question.condition().isPresent() || standing.values().isEmpty()
                        ? Optional.empty()
                        : decided(question, security, standing);
        if (decided.isPresent()) {
            answers.set(place, decided.get());
            if (isSlow || !check.isDue()) {
                return Optional.empty();
            }
            PolicyQuestions.literals(question, security, (TableSecurity.Predicate.Asked) security.predicate())
                    .keySet()
                    .forEach(row -> standings.forget(standing, row));
            check.doubt(
                    place,
                    relation.oid(),
                    security.table(),
                    visible,
                    () -> differsAtOneMoment(connection, question, security));
        }
        return switch (PolicyQuestions.conditioned(security, question.condition())) {
            case TableSecurity.Predicate.Never _ -> Optional.empty();
            case TableSecurity.Predicate.Always _ -> {
                visible.set(0, question.images().size());
                yield Optional.empty();
            }
            case TableSecurity.Predicate.Asked asked -> {
                var literals = PolicyQuestions.literals(question, security, asked);
                var who = new Standings.Key(relation.oid(), question.group());
                boolean remembers = question.condition().isEmpty() && remembers(question, asked, standing);
                if (remembers && decided.isEmpty()) {
                    literals.entrySet().removeIf(literal -> standing.decisions().recall(literal, visible));
                }
                Optional<Runnable> onFailure = question.condition()
                        .map(_ -> () -> answers.set(
                                place, new Answer(visible, PolicyQuestions.readable(relation, security), true)));
                if (isSlow && !literals.isEmpty()) {
                    answers.set(place, Answer.ofLater());
                    yield Optional.empty();
                }
                yield literals.isEmpty()
                        ? Optional.empty()
                        : Optional.of(new RoundTrips.Pending(
                                relation.oid(),
                                security,
                                PolicyQuestions.statement(security, asked),
                                question.group(),
                                List.copyOf(literals.entrySet()),
                                visible,
                                onFailure,
                                () -> putAside(question, security, decided, place, answers),
                                remembers
                                        ? (literal, shown) -> standings.remember(who, standing, literal, shown)
                                        : (_, _) -> {}));
            }
        };
    }

    /** How the group stands with the table; empty where it takes long to find out. Others are not held up by it again. */
    private Optional<Standings.Standing> standing(Connection connection, TableSecurity security, Question question)
            throws SQLException, RowAccessUnavailableException {
        int oid = question.relation().oid();
        long start = System.nanoTime();
        Optional<Standings.Standing> standing = Optional.empty();
        try {
            standing = Optional.of(tables.standing(connection, oid, security, question.group()));
        } catch (SQLException raised) {
            if (!brief || !SqlState.isTimeout(raised)) {
                throw raised;
            }
        }
        long end = System.nanoTime();
        if (brief && end - start > TimeUnit.MILLISECONDS.toNanos(RoundTrips.BRIEF_MILLIS)) {
            slow.add(oid, question.group().role(), security, end);
        }
        return standing;
    }

    private boolean isSlow(Question question, TableSecurity security) {
        return brief
                && slow.contains(question.relation().oid(), question.group().role(), security, System.nanoTime());
    }

    /** It takes too long to be asked here; what was decided here and only checked stays as it is. */
    private void putAside(
            Question question, TableSecurity security, Optional<Answer> decided, int place, List<Answer> answers) {
        if (decided.isPresent()) {
            check.give(place);
        } else {
            slow.add(question.relation().oid(), question.group().role(), security, System.nanoTime());
            answers.set(place, Answer.ofLater());
        }
    }

    private boolean remembers(Question question, TableSecurity.Predicate.Asked asked, Standings.Standing standing) {
        return standing.remembers()
                && check.trusts(question.relation().oid())
                && asked.compiled().orElseThrow().fits(question.relation());
    }

    /**
     * What compiled policies say; a row without a column that they read is not shown, as where PostgreSQL is asked. Empty where it has
     * to be asked after all: for columns that had other types, or for a value that is not what it should be.
     */
    private Optional<Answer> decided(Question question, TableSecurity security, Standings.Standing standing) {
        if (!(security.predicate() instanceof TableSecurity.Predicate.Asked asked)
                || asked.compiled().isEmpty()
                || !check.trusts(question.relation().oid())
                || !asked.compiled().get().fits(question.relation())) {
            return Optional.empty();
        }
        try {
            if (standing.remembers()) {
                return recalled(question, security, asked, standing);
            }
            Answer answer = decided(question, security, asked, standing);
            decidedHere.add(question.images().isEmpty() ? 0 : 1);
            return Optional.of(answer);
        } catch (RuntimeException notUnderstood) {
            return Optional.empty();
        }
    }

    /** What PostgreSQL has said, if that is so of all the rows. */
    private Optional<Answer> recalled(
            Question question,
            TableSecurity security,
            TableSecurity.Predicate.Asked asked,
            Standings.Standing standing) {
        var visible = new BitSet();
        for (Map.Entry<String, List<Integer>> literal :
                PolicyQuestions.literals(question, security, asked).entrySet()) {
            if (!standing.decisions().recall(literal, visible)) {
                return Optional.empty();
            }
        }
        remembered.add(question.images().isEmpty() ? 0 : 1);
        return Optional.of(new Answer(visible, PolicyQuestions.readable(question.relation(), security), false));
    }

    private Answer decided(
            Question question,
            TableSecurity security,
            TableSecurity.Predicate.Asked asked,
            Standings.Standing standing) {
        ClaimValues values = standing.values().orElseThrow();
        CompiledPolicy policy = asked.compiled().orElseThrow();
        Relation relation = question.relation();
        var visible = new BitSet();
        for (int i = 0; i < question.images().size(); i++) {
            Row image = question.images().get(i);
            if (RowImage.covers(relation, image, asked.reads()) && policy.shows(relation, image, values)) {
                visible.set(i);
            }
        }
        var known = new Known(standing.audience(), new CatalogState(epoch, tables.knownVersions(relation.oid())));
        return new Answer(visible, PolicyQuestions.readable(relation, security), false, known);
    }

    /**
     * Whether PostgreSQL says otherwise than the compiled policies, by one snapshot. What it said before is another matter: it is
     * forgotten when it is checked, and where it was otherwise and nothing comes that explains it, the table is distrusted.
     */
    private boolean differsAtOneMoment(Connection connection, Question question, TableSecurity security)
            throws SQLException {
        if (!(security.predicate() instanceof TableSecurity.Predicate.Asked asked)
                || security.dependencies().isEmpty()) {
            return true; // of nothing that changes meanwhile
        }
        CompiledPolicy policy = asked.compiled().orElseThrow();
        List<Map.Entry<String, List<Integer>>> literals =
                List.copyOf(PolicyQuestions.literals(question, security, asked).entrySet());
        Optional<Impersonation.Moment> moment = Impersonation.atOneMoment(
                connection,
                policy,
                question.group(),
                PolicyQuestions.statement(security, asked),
                RowImage.array(literals.stream().map(Map.Entry::getKey).toList()));
        if (moment.isEmpty() || !policy.fits(moment.get().values())) {
            return false; // such a group is asked about
        }
        for (int i = 0; i < literals.size(); i++) {
            Row image = question.images().get(literals.get(i).getValue().getFirst());
            if (policy.decides()
                    && policy.shows(question.relation(), image, moment.get().values())
                            != moment.get().visible().get(i)) {
                return true;
            }
        }
        dependencies.suspect(
                new Standings.Key(question.relation().oid(), question.group()),
                moment.get().end());
        return false;
    }
}
