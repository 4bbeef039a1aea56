package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * How it stands with a channel.
 *
 * @param live      whether its subscriptions are made for the claims that it has now
 * @param held      whether nothing is said to it until its user's token comes
 * @param liveSince when its subscriptions were first made
 */
public record ChannelStatus(
        ChannelRef channel,
        Claims claims,
        boolean live,
        boolean held,
        Optional<Instant> liveSince,
        List<ChangeFeed.Wanted> wanted) {}
