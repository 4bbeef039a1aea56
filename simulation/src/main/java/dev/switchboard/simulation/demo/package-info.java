/** Demonstration: two organizations and calls that come and go. */
@NullMarked
package dev.switchboard.simulation.demo;

import org.jspecify.annotations.NullMarked;
