package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.ConnectionId;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * How it stands with a connection.
 *
 * @param acknowledged what was sent before then has reached the client: it has had the answer to a heartbeat that came then, since a
 *                     client that waits for one sends no other
 */
public record ConnectionStatus(ConnectionId id, Optional<Instant> acknowledged, List<ChannelStatus> channels) {}
