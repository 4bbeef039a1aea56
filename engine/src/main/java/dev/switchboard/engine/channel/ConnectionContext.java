package dev.switchboard.engine.channel;

import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.memory.MemoryBudget;
import dev.switchboard.engine.model.ConnectionId;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * What all connections share.
 *
 * @param attendance    knows whose channels there are
 * @param memory        what all channels together may keep
 * @param unknownEvents counts messages whose event nobody knows
 * @param journal       is told of channels that end
 * @param privateRooms  knows who may be in private rooms
 * @param streaming      whether the stream is known to bring what is committed, within seconds
 * @param behind        how long ago everything that had been committed is known to have been delivered to a connection
 */
public record ConnectionContext(
        ChangeFeed feed,
        Hub hub,
        Attendance attendance,
        TokenVerifier tokens,
        ChannelLimits limits,
        MemoryBudget memory,
        InstantSource clock,
        AtomicLong epochs,
        LongAdder unknownEvents,
        Journal journal,
        PrivateRooms privateRooms,
        Function<ConnectionId, Optional<Duration>> behind,
        BooleanSupplier streaming) {}
