package dev.switchboard.engine.channel;

/**
 * The bounds of one connection; beyond them a join is refused with its code.
 *
 * @param channels       joined at the same time
 * @param joinsPerSecond in any one second
 */
public record ChannelLimits(int channels, int joinsPerSecond) {}
