/** PostgreSQL below the engine: the replication stream, the catalog, policies, and rows asked under role and claims. */
@NullMarked
package dev.switchboard.engine.postgres;

import org.jspecify.annotations.NullMarked;
