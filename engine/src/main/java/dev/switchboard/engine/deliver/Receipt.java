package dev.switchboard.engine.deliver;

import dev.switchboard.engine.model.ChannelRef;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** What became of one frame on its event loop. Written there, read by any thread. */
public final class Receipt {
    private final List<ChannelRef> channels;
    private final int bytes;
    private volatile Optional<Handed> handed = Optional.empty();

    /**
     * The frame was queued for its sockets.
     *
     * @param withheld channels that did not get it: their socket was gone, or they had ended or got another token meanwhile
     */
    public record Handed(Instant at, List<ChannelRef> withheld) {
        public Handed {
            withheld = List.copyOf(withheld);
        }
    }

    /** @param bytes of the frame's payload */
    public Receipt(List<ChannelRef> channels, int bytes) {
        this.channels = List.copyOf(channels);
        this.bytes = bytes;
    }

    public List<ChannelRef> channels() {
        return channels;
    }

    public int bytes() {
        return bytes;
    }

    /** Empty as long as it waits for its turn. */
    public Optional<Handed> handed() {
        return handed;
    }

    public void handed(Instant at, List<ChannelRef> withheld) {
        handed = Optional.of(new Handed(at, withheld));
    }
}
