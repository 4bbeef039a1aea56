/** pgoutput bytes to batches of changes. */
@NullMarked
package dev.switchboard.engine.decode;

import org.jspecify.annotations.NullMarked;
