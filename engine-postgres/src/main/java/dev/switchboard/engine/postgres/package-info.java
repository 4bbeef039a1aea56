/**
 * PostgreSQL below the engine. In: a database; out: the replication stream, the catalog, and what policies say of rows; owns the slot and
 * the connections that ask under role and claims.
 */
@NullMarked
package dev.switchboard.engine.postgres;

import org.jspecify.annotations.NullMarked;
