package dev.switchboard.engine.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TransactionAssemblerTest {
    private static List<Batch> feed(TransactionAssembler assembler, ByteBuffer... messages) {
        var batches = new ArrayList<Batch>();
        for (ByteBuffer message : messages) {
            assembler.take(message.duplicate()).ifPresent(batches::add);
        }
        return batches;
    }

    @Test
    void aTransactionIsGivenOutAtItsCommitWithItsEnd() {
        var assembler = new TransactionAssembler(Position.START);

        List<Batch> batches = feed(
                assembler,
                Wal.relation('f'),
                Wal.begin(100, 7),
                Wal.insert("1", "!"),
                Wal.delete('O', "1", "x"),
                Wal.commit(100, 120));

        Batch batch = batches.getFirst();
        assertThat(batches).hasSize(1);
        assertThat(batch.transaction().xid()).isEqualTo(7);
        assertThat(batch.end()).isEqualTo(Optional.of(new Lsn(120)));
        assertThat(batch.changes()).hasSize(2);
        assertThat(((Change.Insert) batch.changes().get(0)).row().isNull(1)).isTrue();
        assertThat(((Change.Delete) batch.changes().get(1)).old().text(1)).isEqualTo("x");
    }

    @Test
    void D1_whatWasGivenOutBeforeIsLeftOutAfterAReconnectAlsoInMidTransaction() {
        var first = new TransactionAssembler(Position.START);
        feed(first, Wal.relation('f'), Wal.begin(100, 7));
        for (int i = 0; i < TransactionAssembler.PART_CHANGES; i++) {
            feed(first, Wal.insert(Integer.toString(i), "x"));
        }
        var second = new TransactionAssembler(first.last());
        feed(second, Wal.relation('f'), Wal.begin(100, 7));
        var again = new ArrayList<Batch>();
        for (int i = 0; i < TransactionAssembler.PART_CHANGES + 2; i++) {
            again.addAll(feed(second, Wal.insert(Integer.toString(i), "x")));
        }

        again.addAll(feed(second, Wal.commit(100, 120)));

        assertThat(again).hasSize(1);
        assertThat(again.getFirst().firstIndex()).isEqualTo(TransactionAssembler.PART_CHANGES);
        assertThat(again.getFirst().changes()).hasSize(2);
    }

    @Test
    void D4_aLargeTransactionIsGivenOutInPartsBoundedByBytes() {
        var assembler = new TransactionAssembler(Position.START);
        feed(assembler, Wal.relation('f'), Wal.begin(100, 7));
        int parts = 0;

        for (int i = 0; i < 1_000; i++) {
            parts += feed(assembler, Wal.insert("1", "y".repeat(3_000))).size();
        }

        assertThat(parts).isEqualTo(1_000 * 3_000 / (int) TransactionAssembler.PART_BYTES);
    }

    @Test
    void anUnchangedToastValueIsTakenFromTheOldImage() {
        var assembler = new TransactionAssembler(Position.START);

        Batch batch = feed(
                        assembler,
                        Wal.relation('f'),
                        Wal.begin(1, 1),
                        Wal.update('O', new String[] {"1", "long"}, "2", "~"),
                        Wal.commit(1, 2))
                .getFirst();

        var update = (Change.Update) batch.changes().getFirst();
        assertThat(update.row().text(1)).isEqualTo("long");
        assertThat(update.old().text(0)).isEqualTo("1");
    }

    @Test
    void withoutAnOldTupleTheKeyOfTheNewRowIsTheOldImage() {
        var assembler = new TransactionAssembler(Position.START);

        Batch batch = feed(
                        assembler,
                        Wal.relation('d'),
                        Wal.begin(1, 1),
                        Wal.update(' ', new String[0], "1", "~"),
                        Wal.commit(1, 2))
                .getFirst();

        var update = (Change.Update) batch.changes().getFirst();
        assertThat(update.old().text(0)).isEqualTo("1");
        assertThat(update.old().isAbsent(1)).isTrue();
        assertThat(update.row().isAbsent(1)).isTrue();
    }

    @Test
    void truncateNamesItsTable() {
        var assembler = new TransactionAssembler(Position.START);

        Batch batch = feed(assembler, Wal.relation('f'), Wal.begin(1, 1), Wal.truncate(), Wal.commit(1, 2))
                .getFirst();

        assertThat(batch.changes().getFirst()).isInstanceOf(Change.Truncate.class);
        assertThat(batch.changes().getFirst().relation().name().table()).isEqualTo("calls");
    }

    @Test
    void D9_everyTruncationOfEveryMessageIsRefusedAndNeverARow() {
        List<ByteBuffer> messages = List.of(
                Wal.relation('f'),
                Wal.begin(1, 1),
                Wal.insert("1", "name"),
                Wal.update('O', new String[] {"1", "name"}, "1", "!"),
                Wal.update('K', new String[] {"1", "!"}, "2", "x"),
                Wal.delete('K', "1", "!"),
                Wal.truncate(),
                Wal.commit(1, 2));
        for (int i = 0; i < messages.size(); i++) {
            for (int length = 0; length < messages.get(i).remaining(); length++) {
                var assembler = new TransactionAssembler(Position.START);
                feed(assembler, messages.subList(0, i).toArray(ByteBuffer[]::new));
                ByteBuffer cut = messages.get(i).duplicate().limit(length);

                assertThatThrownBy(() -> assembler.take(cut))
                        .as("message %s cut to %s bytes", i, length)
                        .isInstanceOf(MalformedWalException.class);
            }
        }
    }

    @Test
    void D9_aMessageOutOfPlaceIsRefused() {
        var assembler = new TransactionAssembler(Position.START);

        assertThatThrownBy(() -> assembler.take(Wal.insert("1", "x")))
                .hasMessageContaining("relation 77, which was never described");
        feed(assembler, Wal.relation('f'));
        assertThatThrownBy(() -> assembler.take(Wal.insert("1", "x"))).hasMessageContaining("outside a transaction");
        assertThatThrownBy(() -> assembler.take(Wal.insert("1"))).hasMessageContaining("a row of 1 columns");
        assertThatThrownBy(() -> assembler.take(ByteBuffer.wrap(new byte[] {'?'})))
                .hasMessageContaining("unknown message");
    }
}
