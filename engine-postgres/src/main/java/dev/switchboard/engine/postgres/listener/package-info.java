/**
 * Committed changes of a table for code in this process: in, a slot of one's own; out, each change to a handler, in order, at
 * least once; owns the slots, their publications, and the changes that a handler could not take.
 */
@NullMarked
package dev.switchboard.engine.postgres.listener;

import org.jspecify.annotations.NullMarked;
