package dev.switchboard.engine.channel;

/**
 * How it stands with a socket.
 *
 * @param pendingBytes queued for it, and not yet taken by the kernel
 */
public record SocketStatus(ConnectionStatus connection, long pendingBytes) {}
