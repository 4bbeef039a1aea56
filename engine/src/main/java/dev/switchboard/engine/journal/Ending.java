package dev.switchboard.engine.journal;

import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.protocol.ErrorCode;
import java.time.Instant;
import java.util.Optional;

/**
 * A channel ended, or did not come about, and its client did not ask for that.
 *
 * @param code    what its client was told; empty where its socket just closed
 * @param message the same in words
 */
public record Ending(Instant at, ChannelRef channel, Claims claims, Optional<ErrorCode> code, String message) {}
