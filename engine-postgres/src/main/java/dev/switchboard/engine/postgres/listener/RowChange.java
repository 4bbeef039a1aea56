package dev.switchboard.engine.postgres.listener;

import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.TableName;
import java.time.Instant;
import java.util.Optional;

/**
 * A committed change of one row.
 *
 * @param row         what the row is now, of a removed one what it was as far as the WAL kept it (its key, or everything
 *                    under REPLICA IDENTITY FULL): a JSON object as {@code to_jsonb} writes it. A large value that an UPDATE
 *                    did not touch is not in it, unless the identity is FULL
 * @param old         of an UPDATE what the WAL kept of the row before
 * @param position    the same each time that this change comes: what a repetition is known by
 * @param committedAt by PostgreSQL's clock
 */
public record RowChange(
        Type type, TableName table, String row, Optional<String> old, Position position, Instant committedAt) {
    /** What happened. */
    public enum Type {
        INSERT,
        UPDATE,
        DELETE
    }
}
