package dev.switchboard.engine.journal;

import dev.switchboard.engine.authorize.Denial;
import dev.switchboard.engine.deliver.Receipt;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.Transaction;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What became of one change.
 *
 * @param decidedAt when it had been routed and authorised
 * @param concerned subscriptions whose table, event and filter it fits, and whose group's policies demand no other value
 * @param denials   of those, the ones that may not see it, {@link #MOST_DENIALS} at most
 * @param denied    how many there are
 * @param receipts  of the frames of those that may
 * @param answered  false where PostgreSQL could not be asked, so that all were told to refetch
 */
public record Passage(
        Position position,
        Transaction transaction,
        Change change,
        Instant decidedAt,
        int concerned,
        List<Denial> denials,
        int denied,
        List<Receipt> receipts,
        boolean answered) {
    /** More are counted only. */
    static final int MOST_DENIALS = 1_000;

    private static final int COST = 256;
    private static final int DENIAL_COST = 24;
    private static final int RECEIPT_COST = 96;
    private static final int CHANNEL_COST = 8;

    public Passage {
        denials = List.copyOf(denials.subList(0, Math.min(denials.size(), MOST_DENIALS)));
        receipts = List.copyOf(receipts);
    }

    /** Of a change that has been decided. */
    public static Passage of(
            Position position,
            Transaction transaction,
            Change change,
            Instant decidedAt,
            int concerned,
            List<Denial> denials,
            List<Receipt> receipts) {
        return new Passage(
                position, transaction, change, decidedAt, concerned, denials, denials.size(), receipts, true);
    }

    /** The same of one that could not be. */
    public Passage unanswered() {
        return new Passage(position, transaction, change, decidedAt, concerned, denials, denied, receipts, false);
    }

    /** The image that decides: the new one of INSERT and UPDATE, the old one of DELETE. */
    public Optional<Row> row() {
        return switch (change) {
            case Change.Insert insert -> Optional.of(insert.row());
            case Change.Update update -> Optional.of(update.row());
            case Change.Delete delete -> Optional.of(delete.old());
            case Change.Truncate _ -> Optional.empty();
        };
    }

    /** INSERT, UPDATE, DELETE or TRUNCATE. */
    public String event() {
        return switch (change) {
            case Change.Insert _ -> "INSERT";
            case Change.Update _ -> "UPDATE";
            case Change.Delete _ -> "DELETE";
            case Change.Truncate _ -> "TRUNCATE";
        };
    }

    /** Bytes of heap, by estimate. */
    long cost() {
        long cost = COST + (long) DENIAL_COST * denials.size();
        cost += row().map(row -> row.bytes().length).orElse(0); // the old image lies in the same message
        for (Receipt receipt : receipts) {
            cost += RECEIPT_COST + (long) CHANNEL_COST * receipt.channels().size();
        }
        return cost;
    }
}
