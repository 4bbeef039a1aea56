/** Frames to sockets: recipients, overflow, the port to the transport. */
@NullMarked
package dev.switchboard.engine.deliver;

import org.jspecify.annotations.NullMarked;
