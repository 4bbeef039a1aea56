/**
 * Made-up customers and agents who keep the real call centre busy: in virtual time by commands, or end to end through a telephone
 * provider in this process. In: a seed, a preset, how many agents. Out: calls in the books, and a report (SPEC L28 to L30).
 */
@NullMarked
package dev.switchboard.simulation;

import org.jspecify.annotations.NullMarked;
