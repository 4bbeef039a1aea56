package dev.switchboard.engine.deliver;

import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.Frame;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** What the transport is to do for channels of one event loop, in order. */
public sealed interface Recipients {
    List<ChannelRef> channels();

    /**
     * Send a frame.
     *
     * @param committedAt when the change was committed, for the latency histogram; empty for one that is told to who missed it
     * @param receipt     names the channels, and is told what became of it
     */
    record Send(Frame frame, Optional<Instant> committedAt, Receipt receipt) implements Recipients {
        @Override
        public List<ChannelRef> channels() {
            return receipt.channels();
        }
    }

    /**
     * Send a broadcast or a presence frame to channels that are still joined.
     *
     * @param except one that does not get it, the sender's own
     * @param id     of a message that may have been told to some before
     */
    record Cast(Frame frame, List<Member> members, Optional<Member> except, Optional<String> id) implements Recipients {
        public Cast(Frame frame, List<Member> members) {
            this(frame, members, Optional.empty(), Optional.empty());
        }

        @Override
        public List<ChannelRef> channels() {
            return members.stream().map(Member::ref).toList();
        }
    }

    /** Tell them that they missed something: a system error, then phx_error. */
    record Refetch(ErrorCode code, List<ChannelRef> channels) implements Recipients {}
}
