package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ConnectionId;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * How it stands with a connection.
 *
 * @param acknowledged what was sent before then has reached the client: it has had the answer to a heartbeat that came then, since a
 *                     client that waits for one sends no other
 */
public record ConnectionStatus(ConnectionId id, Optional<Instant> acknowledged, List<ChannelStatus> channels) {
    /** With those channels that are of whoever is meant. */
    static ConnectionStatus of(
            ConnectionId id, Optional<Instant> acknowledged, Collection<Channel> all, Predicate<Claims> whose) {
        List<ChannelStatus> found = all.stream()
                .filter(channel -> whose.test(channel.claims()))
                .map(Channel::status)
                .toList();
        return new ConnectionStatus(id, acknowledged, found);
    }
}
