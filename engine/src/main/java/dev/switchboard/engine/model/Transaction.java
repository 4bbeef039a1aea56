package dev.switchboard.engine.model;

import java.time.Instant;

/**
 * What Begin tells of a committed transaction.
 *
 * @param finalLsn    where its commit record starts
 * @param committedAt commit time by PostgreSQL's clock
 * @param xid         the low 32 bits of its transaction id
 */
public record Transaction(Lsn finalLsn, Instant committedAt, int xid) {}
