package dev.switchboard.engine.channel;

import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.memory.MemoryBudget;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Position;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.ObjIntConsumer;

/**
 * What all connections share.
 *
 * @param attendance    knows whose channels there are
 * @param memory        what all channels together may keep
 * @param unknownEvents counts messages whose event nobody knows
 * @param journal       is told of channels that end
 * @param queries       keeps queries for channels
 * @param privateRooms  knows who may be in private rooms
 * @param streaming      whether the stream is known to bring what is committed, within seconds
 * @param currency      what a connection is known to have been told
 * @param inTurn        runs on an event loop after what was handed to it before
 */
public record ConnectionContext(
        ChangeFeed feed,
        LiveQueries queries,
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
        Function<ConnectionId, Currency> currency,
        ObjIntConsumer<Runnable> inTurn,
        BooleanSupplier streaming) {
    /**
     * What a connection has been told, or is about to be.
     *
     * @param told   everything before it; empty while something waits
     * @param behind how long ago that was all that had been committed; empty: not known yet
     */
    public record Currency(Optional<Position> told, Optional<Duration> behind) {}
}
