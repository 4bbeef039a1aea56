package dev.switchboard.engine.authorize;

import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.route.Audience;
import dev.switchboard.engine.route.Filter;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Port to what a table's policies and grants say of a row's image. The one adapter asks PostgreSQL, where it
 * cannot tell by itself. Owned by one thread: the pipeline's, or a lane's ({@link #aside}); blocking.
 */
public interface RowAccess extends AutoCloseable {
    /**
     * Answers each question, in order.
     *
     * @param xids low 32 bits of the transactions that wrote the images; the answers are given by a snapshot in which
     *             all of them are visible, so that a membership written in the same transaction counts
     * @throws RowAccessUnavailableException if there is no answer now; none of the rows was shown or denied
     */
    List<Answer> ask(List<Question> questions, Set<Integer> xids) throws RowAccessUnavailableException;

    /**
     * Which of these images of one table may this group see? Or, with a condition: which of them satisfy it?
     *
     * @param condition a filter that only PostgreSQL can evaluate; without one, the policies are meant
     */
    record Question(Relation relation, ClaimsGroup group, List<Row> images, Optional<Filter> condition) {
        public Question {
            images = List.copyOf(images);
        }

        /** What can be said of a group before there is a row. */
        public static Question ofNoRow(Relation relation, ClaimsGroup group) {
            return new Question(relation, group, List.of(), Optional.empty());
        }
    }

    /**
     * @param visible index set of the images that may be seen, or that satisfy the condition; an image that cannot be
     *                decided is not in it
     * @param columns index set of the relation's columns that the role may read
     * @param failed  whether the condition could not be evaluated
     * @param known   what all rows that the group may see have in common
     * @param aside   whether nothing was found out, since it takes long: one that was made {@link #aside()} is to be asked
     */
    record Answer(BitSet visible, BitSet columns, boolean failed, Known known, boolean aside) {
        public Answer(BitSet visible, BitSet columns, boolean failed) {
            this(visible, columns, failed, Known.NOTHING);
        }

        public Answer(BitSet visible, BitSet columns, boolean failed, Known known) {
            this(visible, columns, failed, known, false);
        }

        /** What takes long. */
        public static Answer ofLater() {
            return new Answer(new BitSet(), new BitSet(), false, Known.NOTHING, true);
        }
    }

    /**
     * Another one, for a thread of its own, that waits for whatever takes long; from now on this one does not, and answers that it is to
     * be asked aside.
     */
    default RowAccess aside() {
        return this;
    }

    /** Ends what it asks by. Called by the thread that asks, or after it has ended. */
    @Override
    default void close() {}

    /**
     * What all rows have in common that a group may see.
     *
     * @param state of the table's policies, by which {@link #outdated} finds out whether this still holds
     */
    record Known(Audience audience, Object state) {
        public static final Known NOTHING = new Known(new Audience.Any(), "");
    }

    /**
     * Which of these tables are not any more in the state in which something was {@link Known} of them. What is routed by audiences is
     * asked first; what is asked right after it of the same transactions goes by what was found here.
     *
     * @param tables their states, by oid
     * @param xids   as {@link #ask} has them: the tables are looked at as they are when all of these are visible
     */
    default Set<Integer> outdated(Map<Integer, Object> tables, Set<Integer> xids) throws RowAccessUnavailableException {
        return Set.of();
    }

    /**
     * What changes the stream brings from now on. What was {@link Known} before holds no more.
     *
     * @param publications the first is the one whose tables can be subscribed to
     */
    default void carried(List<String> publications) {}

    /**
     * Of whose rows in a table nothing is {@link Known} any more.
     *
     * @param concerned whether by a change that it may see other rows by; otherwise there was no room for it
     */
    record Unknown(int table, ClaimsGroup group, boolean concerned) {}

    /** Whether a change by which the group sees other rows of the table is {@link #passing told} of it. */
    default boolean tells(int table, ClaimsGroup group) {
        return false;
    }

    /**
     * Waits until new snapshots see these transactions.
     *
     * @param xids low 32 bits
     */
    default void awaitVisible(Set<Integer> xids) throws RowAccessUnavailableException {}

    /**
     * Takes note of a round before it is routed: rows that policies depend on may be among its changes.
     *
     * @return what was known, and is not any more
     */
    default Set<Unknown> passing(List<Batch> round) {
        return Set.of();
    }
}
