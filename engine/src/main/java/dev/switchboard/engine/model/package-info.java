/** Values that every stage speaks of. Depends on nothing. */
@NullMarked
package dev.switchboard.engine.model;

import org.jspecify.annotations.NullMarked;
