/** WebSockets: handshake, frames, event loops; the shell around the engine's connections. */
@NullMarked
package dev.switchboard.gateway;

import org.jspecify.annotations.NullMarked;
