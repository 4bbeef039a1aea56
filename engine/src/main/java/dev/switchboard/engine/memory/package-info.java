/** How much may be held in memory for clients. */
@NullMarked
package dev.switchboard.engine.memory;

import org.jspecify.annotations.NullMarked;
