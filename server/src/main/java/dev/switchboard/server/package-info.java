/** The program: commands, and the wiring of everything in data-flow order. */
@NullMarked
package dev.switchboard.server;

import org.jspecify.annotations.NullMarked;
