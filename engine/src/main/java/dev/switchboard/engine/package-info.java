/**
 * The public face of the engine. In: WAL, and messages of clients, through ports; out: frames for those who may see them; owns the two
 * threads that a change passes, and the channels. Pure behind its ports.
 */
@NullMarked
package dev.switchboard.engine;

import org.jspecify.annotations.NullMarked;
