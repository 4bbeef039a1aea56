/** Why somebody hears of a change, or does not: questions to what the running engine keeps, steps as answers. */
@NullMarked
package dev.switchboard.engine.explain;

import org.jspecify.annotations.NullMarked;
