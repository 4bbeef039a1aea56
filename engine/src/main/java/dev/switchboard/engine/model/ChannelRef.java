package dev.switchboard.engine.model;

/**
 * One channel as the pipeline knows it.
 *
 * @param connection whose channel it is
 * @param epoch      unique in the process; a channel that rejoins, or gets another user's token, has a new one, so that
 *                   nothing authorised for the old one reaches it
 * @param topic      with the prefix {@code realtime:}
 * @param isPrivate  whether its room is the private one of that name, which has nothing to do with the public one
 */
public record ChannelRef(ConnectionId connection, long epoch, String topic, WireVersion version, boolean isPrivate) {
    /** Of a public room. */
    public ChannelRef(ConnectionId connection, long epoch, String topic, WireVersion version) {
        this(connection, epoch, topic, version, false);
    }

    /** The room that it is in. */
    public Room room() {
        return new Room(topic, isPrivate);
    }
}
