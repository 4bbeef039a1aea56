package dev.switchboard.engine.model;

/**
 * One channel as the pipeline knows it.
 *
 * @param connection whose channel it is
 * @param epoch      unique in the process; a channel that rejoins, or gets another user's token, has a new one, so that
 *                   nothing authorised for the old one reaches it
 * @param topic      with the prefix {@code realtime:}
 */
public record ChannelRef(ConnectionId connection, long epoch, String topic, WireVersion version) {}
