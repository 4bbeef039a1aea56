package dev.switchboard.engine.deliver;

import dev.switchboard.engine.protocol.Frame;

/** Port to the socket of one connection; called on its event loop. */
public interface Outbound {
    /** Queues a frame under the connection's overflow rule. */
    void send(Frame frame);
}
