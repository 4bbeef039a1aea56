package dev.switchboard.engine.channel;

/**
 * The bounds of one connection; beyond them a join is refused with its code.
 *
 * @param channels       joined at the same time
 * @param joinsPerSecond in any one second
 * @param rooms          who may be in rooms
 */
public record ChannelLimits(int channels, int joinsPerSecond, Rooms rooms) {
    /** With rooms for everybody. */
    public ChannelLimits(int channels, int joinsPerSecond) {
        this(channels, joinsPerSecond, Rooms.OPEN);
    }
}
