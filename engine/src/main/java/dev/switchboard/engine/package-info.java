/** The public face of the engine: a change's way from PostgreSQL's WAL to a socket. */
@NullMarked
package dev.switchboard.engine;

import org.jspecify.annotations.NullMarked;
