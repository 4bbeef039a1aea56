/** The two threads that drive a change through the stages, and the port to the WAL. */
@NullMarked
package dev.switchboard.engine.pipeline;

import org.jspecify.annotations.NullMarked;
