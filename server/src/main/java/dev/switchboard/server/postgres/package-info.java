/** The embedded PostgreSQL and the migrations. */
@NullMarked
package dev.switchboard.server.postgres;

import org.jspecify.annotations.NullMarked;
