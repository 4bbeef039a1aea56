package dev.switchboard.engine.authorize;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import java.util.BitSet;
import java.util.List;
import java.util.Set;

/**
 * Port to what a table's policies and grants say of a row's image. The one adapter asks PostgreSQL. Called by the
 * pipeline thread; blocking.
 */
public interface RowAccess {
    /**
     * Answers each question, in order.
     *
     * @param xids low 32 bits of the transactions that wrote the images; the answers are given by a snapshot in which
     *             all of them are visible, so that a membership written in the same transaction counts
     * @throws RowAccessUnavailableException if there is no answer now; none of the rows was shown or denied
     */
    List<Answer> ask(List<Question> questions, Set<Integer> xids) throws RowAccessUnavailableException;

    /** Which of these images of one table may this group see? */
    record Question(Relation relation, ClaimsGroup group, List<Row> images) {
        public Question {
            images = List.copyOf(images);
        }
    }

    /**
     * @param visible index set of the images that may be seen; an image that cannot be decided is not in it
     * @param columns index set of the relation's columns that the role may read
     */
    record Answer(BitSet visible, BitSet columns) {}
}
