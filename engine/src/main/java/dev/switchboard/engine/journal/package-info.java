/** What became of recent changes and of channels that ended: kept within a bound, so that it can be asked afterwards. */
@NullMarked
package dev.switchboard.engine.journal;

import org.jspecify.annotations.NullMarked;
