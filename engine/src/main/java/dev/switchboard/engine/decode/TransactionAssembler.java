package dev.switchboard.engine.decode;

import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Transaction;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Turns the messages of one replication stream into batches. A transaction is given out in parts once it passes the
 * bounds, so memory does not grow with it. What was given out before, by an earlier stream, is recognised by its
 * {@link Position} and left out. Owned by the thread that reads the stream; one per stream, continued by
 * {@link #last()}.
 */
public final class TransactionAssembler {
    /** A part is given out when it holds this many changes ... */
    static final int PART_CHANGES = 500;
    /** ... or points into this many bytes of messages. */
    static final long PART_BYTES = 1 << 20;

    private final PgOutputDecoder decoder = new PgOutputDecoder();
    private Position last;
    private @Nullable Transaction open;
    private long nextIndex;
    private List<Change> changes = new ArrayList<>();
    private long firstIndex;
    private long bytes;

    /** @param last the last change that was given out before; everything up to it is skipped */
    public TransactionAssembler(Position last) {
        this.last = last;
    }

    /** The last change given out, by this assembler or before it. */
    public Position last() {
        return last;
    }

    /** Whether a transaction has begun and its commit has not come yet. */
    public boolean inTransaction() {
        return open != null;
    }

    /**
     * Takes the next message of the stream.
     *
     * @return a batch where one is full or its transaction has ended
     * @throws MalformedWalException if the message does not follow the protocol
     */
    public Optional<Batch> take(ByteBuffer message) {
        int size = message.remaining();
        return switch (decoder.decode(message)) {
            case WalMessage.Begin begin -> begin(begin.transaction());
            case WalMessage.Changed changed -> add(changed.changes(), size);
            case WalMessage.Commit commit -> commit(commit);
            case WalMessage.Described _, WalMessage.Ignored _ -> Optional.empty();
        };
    }

    private Optional<Batch> begin(Transaction transaction) {
        if (open != null) {
            throw new MalformedWalException("Begin of " + transaction.finalLsn() + " inside " + open.finalLsn());
        }
        open = transaction;
        nextIndex = 0;
        reset();
        return Optional.empty();
    }

    private Optional<Batch> add(List<Change> decoded, int size) {
        Transaction transaction = opened();
        for (Change change : decoded) {
            var position = new Position(transaction.finalLsn(), nextIndex++);
            if (position.compareTo(last) > 0) {
                if (changes.isEmpty()) {
                    firstIndex = position.index();
                }
                changes.add(change);
                bytes += size;
            }
        }
        boolean full = changes.size() >= PART_CHANGES || bytes >= PART_BYTES;
        return full ? Optional.of(part(transaction, Optional.empty())) : Optional.empty();
    }

    private Optional<Batch> commit(WalMessage.Commit commit) {
        Transaction transaction = opened();
        if (!commit.commit().equals(transaction.finalLsn())) {
            throw new MalformedWalException("Commit of " + commit.commit() + " ends " + transaction.finalLsn());
        }
        open = null;
        return Optional.of(part(transaction, Optional.of(commit.end())));
    }

    private Transaction opened() {
        if (open == null) {
            throw new MalformedWalException("a change or Commit outside a transaction");
        }
        return open;
    }

    private Batch part(Transaction transaction, Optional<Lsn> end) {
        var batch = new Batch(transaction, firstIndex, changes, bytes, end);
        if (!changes.isEmpty()) {
            last = new Position(transaction.finalLsn(), firstIndex + changes.size() - 1);
        }
        reset();
        return batch;
    }

    private void reset() {
        changes = new ArrayList<>();
        firstIndex = nextIndex;
        bytes = 0;
    }
}
