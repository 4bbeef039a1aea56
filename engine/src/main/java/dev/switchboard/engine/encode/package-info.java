/** Row images to JSON bytes, frames once per group of receivers. */
@NullMarked
package dev.switchboard.engine.encode;

import org.jspecify.annotations.NullMarked;
