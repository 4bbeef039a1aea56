/** Who is present in a room: entries, diffs, no thread and no socket. */
@NullMarked
package dev.switchboard.engine.presence;

import org.jspecify.annotations.NullMarked;
