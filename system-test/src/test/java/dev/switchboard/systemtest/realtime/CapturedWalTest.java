package dev.switchboard.systemtest.realtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.decode.MalformedWalException;
import dev.switchboard.engine.decode.TransactionAssembler;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.pipeline.WalSource;
import dev.switchboard.engine.postgres.PostgresWalSource;
import dev.switchboard.systemtest.harness.TestServer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** pgoutput as PostgreSQL wrote it, cut at every byte. */
class CapturedWalTest {
    private static final List<String> STATEMENTS = List.of(
            "insert into captured values (1, 'short', '{1,2}')",
            "insert into captured values (2, (select string_agg(md5(i::text), '') from generate_series(1, 400) i), null)",
            "update captured set numbers = '{3}' where id = 2",
            "alter table captured replica identity default",
            "update captured set id = 3 where id = 2",
            "update captured set numbers = null where id = 3",
            "delete from captured where id = 3",
            "alter table captured add column mood captured_mood",
            "insert into captured values (4, null, null, 'fine')",
            "truncate captured");

    @Test
    void D9_everyTruncationOfEveryCapturedMessageIsRefused() throws Exception {
        List<byte[]> messages = capture();
        int cuts = 0;

        for (int i = 0; i < messages.size(); i++) {
            byte tag = messages.get(i)[0];
            if (tag == 'Y' || tag == 'O' || tag == 'M') {
                continue; // read past as a whole
            }
            for (int length = 0; length < messages.get(i).length; length++) {
                var assembler = new TransactionAssembler(Position.START);
                messages.subList(0, i).forEach(message -> assembler.take(ByteBuffer.wrap(message)));
                assertThat(isRefused(
                                assembler,
                                ByteBuffer.wrap(messages.get(i), 0, length).slice()))
                        .as("message %s, '%s', cut to %s bytes", i, (char) tag, length)
                        .isTrue();
                cuts += 1;
            }
        }

        assertThat(messages.stream().map(message -> (char) message[0])).contains('B', 'C', 'R', 'I', 'U', 'D', 'T');
        assertThat(cuts).isGreaterThan(1_000);
    }

    private static boolean isRefused(TransactionAssembler assembler, ByteBuffer cut) {
        try {
            assembler.take(cut);
            return false;
        } catch (MalformedWalException refused) {
            return true;
        }
    }

    private static List<byte[]> capture() throws Exception {
        try (TestServer server = TestServer.start();
                var source = new PostgresWalSource(server.server().database(), "captured", "captured_publication")) {
            server.database().useHandle(handle -> {
                handle.execute("create type captured_mood as enum ('fine')");
                handle.execute("create table captured (id int primary key, body text, numbers int[])");
                handle.execute("alter table captured replica identity full");
                handle.execute("create publication captured_publication for table captured");
            });
            try (WalSource.Stream stream = source.open(Lsn.NONE)) {
                server.database().useHandle(handle -> STATEMENTS.forEach(handle::execute));
                return read(stream);
            }
        }
    }

    /** Up to the commit of the TRUNCATE. */
    private static List<byte[]> read(WalSource.Stream stream) throws Exception {
        var messages = new ArrayList<byte[]>();
        boolean truncated = false;
        while (true) {
            var message = stream.read();
            if (message.isPresent()) {
                byte[] bytes = new byte[message.get().remaining()];
                message.get().get(bytes);
                messages.add(bytes);
                truncated |= bytes[0] == 'T';
                if (truncated && bytes[0] == 'C') {
                    return messages;
                }
            }
        }
    }
}
