package dev.switchboard.spring;

import dev.switchboard.engine.postgres.listener.RowChange;
import java.time.Instant;
import java.util.Optional;

/**
 * A committed change of a row.
 *
 * @param <T>         what a row is read into; what the WAL did not carry is null, or its primitive's zero
 * @param row         as it is now; of a deleted one its key (everything, under REPLICA IDENTITY FULL)
 * @param old         of an update what the WAL kept of the row before
 * @param position    the same each time that this change comes: what a repetition is known by
 * @param committedAt by PostgreSQL's clock
 */
public record RowChanged<T>(RowChange.Type type, T row, Optional<T> old, String position, Instant committedAt) {}
