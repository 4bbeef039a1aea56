package dev.switchboard.engine.deliver;

import dev.switchboard.engine.model.ChannelRef;
import java.time.Instant;

/**
 * A channel as its room knows it, the same for as long as it is joined, whoever's token it has. Passed about freely; asked
 * on its event loop alone.
 */
public interface Member {
    ChannelRef ref();

    /** Whether a broadcast or a presence frame may go out to it now. */
    boolean hears(Recipients.Cast cast, Instant now);

    /** The socket that it is on. */
    Outbound outbound();
}
