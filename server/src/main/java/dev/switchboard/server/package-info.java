/**
 * The program. In: settings; out: a running server; owns the wiring of the parts in data-flow order, their pools, the data directory and
 * the watch over threads.
 */
@NullMarked
package dev.switchboard.server;

import org.jspecify.annotations.NullMarked;
