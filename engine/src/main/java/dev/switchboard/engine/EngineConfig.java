package dev.switchboard.engine;

import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.memory.MemoryBudget;
import java.time.Duration;

/**
 * The engine's settings.
 *
 * @param limits                of one connection
 * @param authorizationPatience how long changes are held while PostgreSQL cannot be asked, before the channels that they
 *                              concern are told to refetch
 * @param eventLoops            of the sockets, 1 to 64
 * @param memory                that channels may keep, all together
 */
public record EngineConfig(ChannelLimits limits, Duration authorizationPatience, int eventLoops, MemoryBudget memory) {}
