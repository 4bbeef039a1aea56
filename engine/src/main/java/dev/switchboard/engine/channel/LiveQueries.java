package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.LiveQuery;

/** Port to queries that are kept for channels (SPEC I). Calls return at once; thread-safe. */
public interface LiveQueries {
    /** Where nobody keeps any: each is refused. */
    LiveQueries NONE = new LiveQueries() {
        @Override
        public void open(ChannelRef channel, Claims claims, LiveQuery query, Listener listener) {
            listener.refused("this server keeps no queries");
        }

        @Override
        public void close(ChannelRef channel) {}
    };

    /** Keeps it for the channel, in place of what was kept for it before. */
    void open(ChannelRef channel, Claims claims, LiveQuery query, Listener listener);

    /** What was kept for the channel is not any more; an unknown one is no error. */
    void close(ChannelRef channel);

    /** Is told on the channel's event loop. */
    interface Listener {
        /**
         * @param payload as JSON, SPEC I2
         * @param hiding  whether policies may hide rows from its reader
         * @return whether it was said
         */
        boolean says(String payload, boolean hiding);

        /** It cannot be kept, now or later. */
        void refused(String why);

        /** It cannot be kept now. */
        void failed(ErrorCode code);
    }
}
