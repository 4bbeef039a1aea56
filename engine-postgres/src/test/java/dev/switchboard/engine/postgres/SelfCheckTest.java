package dev.switchboard.engine.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.model.TableName;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;

/** SPEC A9: what is decided without PostgreSQL is asked about now and then. */
class SelfCheckTest {
    private static final TableName ORDERS = new TableName("public", "orders");

    private final List<String> told = new ArrayList<>();

    private static BitSet rows(int... shown) {
        var set = new BitSet();
        for (int row : shown) {
            set.set(row);
        }
        return set;
    }

    @Test
    void A9_whereTheyDisagreePostgresqlCountsAndIsAskedFromThenOn() throws SQLException {
        var check = new SelfCheck(1, (what, _) -> told.add(what));
        var answers = new ArrayList<>(List.of(
                new RowAccess.Answer(rows(0, 1), rows(0), false), new RowAccess.Answer(rows(2), rows(0), false)));

        check.begin();
        check.doubt(0, 7, ORDERS, rows(1), () -> true);
        check.doubt(1, 8, ORDERS, rows(2), () -> true);
        check.compare(answers);

        assertThat(answers.get(0).visible()).isEqualTo(rows(1));
        assertThat(answers.get(1).visible()).isEqualTo(rows(2));
        assertThat(check.trusts(7)).isFalse();
        assertThat(check.trusts(8)).isTrue();
        assertThat(check.disagreements()).isEqualTo(1);
        assertThat(told).singleElement().asString().contains("public.orders");
    }

    /** A membership was taken away, and the stream has not told of it yet. */
    @Test
    void A11_whatHasChangedMeanwhileIsNoDisagreement() throws SQLException {
        var check = new SelfCheck(1, (what, _) -> told.add(what));
        var answers = new ArrayList<>(List.of(new RowAccess.Answer(rows(0, 1), rows(0), false)));

        check.begin();
        check.doubt(0, 7, ORDERS, rows(1), () -> false);
        check.compare(answers);

        assertThat(answers.getFirst().visible()).as("the newer answer").isEqualTo(rows(1));
        assertThat(check.trusts(7)).isTrue();
        assertThat(check.disagreements()).isZero();
        assertThat(told).isEmpty();
    }

    @Test
    void A9_oneInSoManyIsChecked() {
        var third = new SelfCheck(3, (_, _) -> {});
        var never = new SelfCheck(0, (_, _) -> {});
        var due = new ArrayList<Boolean>();
        for (int i = 0; i < 6; i++) {
            due.add(third.isDue());
            assertThat(never.isDue()).isFalse();
        }

        assertThat(due).containsExactly(false, false, true, false, false, true);
    }
}
