package dev.switchboard.engine.journal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.model.WireVersion;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class JournalTest {
    private static final TableName BUSY = new TableName("public", "busy");
    private static final TableName QUIET = new TableName("public", "quiet");

    private final Journal journal = new Journal(10_000);

    private static Passage passage(TableName table, long lsn) {
        var relation = new Relation(1, table, ReplicaIdentity.FULL, List.of(new Column("id", 23, true)));
        var change = new Change.Insert(relation, Row.ofTexts(List.of(Optional.of("x".repeat(100)))));
        var transaction = new Transaction(new Lsn(lsn), Instant.EPOCH, 1);
        return Passage.of(
                new Position(transaction.finalLsn(), 0), transaction, change, Instant.EPOCH, 0, List.of(), List.of());
    }

    @Test
    void theLatestChangeComesFirstAndEachIsFoundByItsPosition() {
        journal.passed(passage(BUSY, 1));
        journal.passed(passage(BUSY, 2));

        assertThat(journal.changes(BUSY))
                .extracting(passage -> passage.position().transaction().value())
                .containsExactly(2L, 1L);
        assertThat(journal.change(BUSY, new Position(new Lsn(1), 0))).isPresent();
        assertThat(journal.change(QUIET, new Position(new Lsn(1), 0))).isEmpty();
        assertThat(Position.parse(new Position(new Lsn(0x1_0000_0001L), 7).toString()))
                .isEqualTo(new Position(new Lsn(0x1_0000_0001L), 7));
    }

    @Test
    void aBusyTableForgetsItsOwnChangesAndNotThoseOfOthers() {
        journal.passed(passage(QUIET, 1));
        for (int lsn = 2; lsn < 1_000; lsn++) {
            journal.passed(passage(BUSY, lsn));
        }

        assertThat(journal.changes(QUIET)).hasSize(1);
        assertThat(journal.changes(BUSY)).hasSizeBetween(20, 28);
        assertThat(journal.changes(BUSY).getFirst().position().transaction()).isEqualTo(new Lsn(999));
    }

    @Test
    void ofManyTablesThoseWithoutRecentChangesAreForgotten() {
        for (int table = 0; table < 1_000; table++) {
            journal.passed(passage(new TableName("public", "t" + table), table));
        }

        assertThat(journal.changes(new TableName("public", "t0"))).isEmpty();
        assertThat(journal.changes(new TableName("public", "t999"))).hasSize(1);
    }

    @Test
    void endingsAreBounded() {
        var claims = new Claims(new ClaimsGroup("anon", "{}"), Optional.empty(), Instant.MAX);
        for (int i = 0; i < Journal.MOST_ENDINGS + 10; i++) {
            var channel = new ChannelRef(new ConnectionId(0, i), i, "realtime:x", WireVersion.V2);
            journal.ended(new Ending(Instant.EPOCH, channel, claims, Optional.empty(), "gone"));
        }

        List<Ending> all = journal.endings(_ -> true);
        assertThat(all).hasSize(Journal.MOST_ENDINGS);
        assertThat(all.getFirst().channel().epoch()).isEqualTo(Journal.MOST_ENDINGS + 9);
    }
}
