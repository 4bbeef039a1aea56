package dev.switchboard.engine.postgres;

import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.pipeline.Trouble;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * Now and then asks PostgreSQL about what was decided here. A table about which they disagree is asked about from then on, and what
 * PostgreSQL says counts. Owned by the thread that asks, but for {@link #disagreements}.
 */
final class SelfCheck {
    private final int oneIn;
    private final Trouble trouble;
    private final Set<Integer> distrusted;
    private final List<Doubt> doubts = new ArrayList<>();
    private final LongAdder disagreements;
    private long decisions;

    private record Doubt(int place, int oid, TableName table, BitSet asked, Moment moment) {}

    /** Both at one moment: what a decision hangs on may have changed between ours and PostgreSQL's. */
    interface Moment {
        boolean differs() throws SQLException;
    }

    /**
     * @param oneIn how many decisions go by between two that are checked; 0: none is
     * @param trouble hears of a table about which they disagree, once
     */
    SelfCheck(int oneIn, Trouble trouble) {
        this(oneIn, trouble, ConcurrentHashMap.newKeySet(), new LongAdder());
    }

    private SelfCheck(int oneIn, Trouble trouble, Set<Integer> distrusted, LongAdder disagreements) {
        this.oneIn = oneIn;
        this.trouble = trouble;
        this.distrusted = distrusted;
        this.disagreements = disagreements;
    }

    /** One for another thread: what either finds to be decided otherwise is asked about by both. */
    SelfCheck another() {
        return new SelfCheck(oneIn, trouble, distrusted, disagreements);
    }

    boolean trusts(int oid) {
        return !distrusted.contains(oid);
    }

    /** Whether the next decision is one that is checked. */
    boolean isDue() {
        return oneIn > 0 && ++decisions % oneIn == 0;
    }

    void begin() {
        doubts.clear();
    }

    /**
     * A decision of this round is asked about too.
     *
     * @param place of the answer among those of the round
     * @param asked takes what PostgreSQL says
     * @param moment compares both once more, where they differ
     */
    void doubt(int place, int oid, TableName table, BitSet asked, Moment moment) {
        doubts.add(new Doubt(place, oid, table, asked, moment));
    }

    /** There is no answer about it. */
    void give(int place) {
        doubts.removeIf(doubt -> doubt.place() == place);
    }

    /** When PostgreSQL has answered. */
    void compare(List<RowAccess.Answer> answers) throws SQLException {
        for (Doubt doubt : doubts) {
            RowAccess.Answer ours = answers.get(doubt.place());
            if (!ours.visible().equals(doubt.asked())) {
                answers.set(doubt.place(), new RowAccess.Answer(doubt.asked(), ours.columns(), false));
                if (!doubt.moment().differs()) {
                    continue;
                }
                distrust(doubt.oid(), doubt.table(), ours.visible() + " here, " + doubt.asked() + " there");
            }
        }
        doubts.clear();
    }

    /** A table's rows were decided otherwise than PostgreSQL decides: it is asked from now on. */
    void distrust(int oid, TableName table, String why) {
        disagreements.increment();
        if (distrusted.add(oid)) {
            trouble.report(
                    "rows of table " + table
                            + " were decided otherwise than PostgreSQL decides; it is asked from now on. Please report its policies",
                    new IllegalStateException(why));
        }
    }

    /** How many of the checked decisions were other than PostgreSQL's. Any thread. */
    long disagreements() {
        return disagreements.sum();
    }
}
