package dev.switchboard.engine;

import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.history.FenceSeal;
import dev.switchboard.engine.history.HistorySettings;
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
 * @param history               how much of the stream is kept for those who come back
 * @param seal                  of where they go on
 */
public record EngineConfig(
        ChannelLimits limits,
        Duration authorizationPatience,
        int eventLoops,
        MemoryBudget memory,
        HistorySettings history,
        FenceSeal seal) {}
