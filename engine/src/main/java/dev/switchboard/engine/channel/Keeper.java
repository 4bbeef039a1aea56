package dev.switchboard.engine.channel;

import dev.switchboard.engine.channel.RoomHistory.Past;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.Frame;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Tells one connection's private channels what was said before they came, and has what they say kept, in order. Owned by the
 * connection's event loop.
 */
final class Keeper {
    /** Messages of one connection that wait until those before are kept. */
    private static final int MOST_WAITING = 100;

    /** Bytes of one that waits, beside what it says. */
    private static final long OVERHEAD = 512;

    private final PrivateGuard guard;
    private final Replies replies;
    private final Allowance allowance;
    private final PrivateGuard.Ends ends;
    private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();
    private final ArrayDeque<Replay> replays = new ArrayDeque<>();

    private record Replay(Channel channel, ClientMessage.Replay.Wanted wanted) {}

    /** @param who said it, whoever has the channel by the time that it is kept */
    private record Waiting(
            Channel channel,
            PrivateStanding standing,
            ClientMessage.Broadcast message,
            RoomHistory.Said said,
            RoomPolicies.Question who) {
        long bytes() {
            return OVERHEAD + message.content().size();
        }
    }

    Keeper(PrivateGuard guard, Replies replies, Allowance allowance, PrivateGuard.Ends ends) {
        this.guard = guard;
        this.replies = replies;
        this.allowance = allowance;
        this.ends = ends;
    }

    /** Tells what the join wants to be told, once, to a channel that hears from now on. */
    void replay(Channel channel) {
        if (channel.join().options().replay() instanceof ClientMessage.Replay.Wanted wanted
                && channel.standing()
                        .filter(standing -> standing.heard().begin())
                        .isPresent()) {
            replays.add(new Replay(channel, wanted));
            if (replays.size() == 1) {
                askNext();
            }
        }
    }

    /** One after the other: a connection's pasts together need not fit into what waits for it. Who has left needs none. */
    private void askNext() {
        while (!replays.isEmpty() && !guard.isPresent(replays.element().channel())) {
            replays.remove();
        }
        if (replays.isEmpty()) {
            return;
        }
        Replay next = replays.element();
        Claims claims = next.channel().claims();
        guard.past(next.channel(), next.wanted(), past -> {
            replays.remove();
            askNext();
            return guard.isPresent(next.channel()) ? framesSafely(next.channel(), claims, past) : List.of();
        });
    }

    /** A fault of ours is no empty past, and what waits behind it must not wait for ever. */
    private List<Frame> framesSafely(Channel channel, Claims asked, Past past) {
        try {
            return frames(channel, asked, past);
        } catch (RuntimeException fault) {
            ends.fail(channel, ErrorCode.REPLAY_FAILED);
            return List.of();
        }
    }

    private List<Frame> frames(Channel channel, Claims asked, Past past) {
        boolean sameUser = channel.claims().group().equals(asked.group());
        Optional<List<Frame>> frames = past instanceof Past.Messages messages && sameUser && guard.hears(channel)
                ? told(channel, messages)
                : Optional.empty();
        if (frames.isEmpty()) {
            ends.fail(channel, ErrorCode.REPLAY_FAILED);
        }
        return frames.orElse(List.of());
    }

    private Optional<List<Frame>> told(Channel channel, Past.Messages past) {
        Optional<List<Frame>> frames = channel.standing()
                .flatMap(
                        standing -> standing.heard().told(past.messages(), message -> replies.frame(channel, message)));
        if (frames.isPresent() && past.cut()) {
            replies.systemNotice(channel, "broadcast", ErrorCode.REPLAY_CUT.reason());
        }
        return frames;
    }

    /** Keeps a message, as who has the channel now; it then comes to the room as all that is kept, and is answered once it is. */
    Runnable keeping(Channel channel, ClientMessage.Broadcast message, ClientMessage.Persistence persistence) {
        RoomPolicies.Question who = guard.question(channel);
        var said = new RoomHistory.Said(UUID.randomUUID(), message.content(), persistence);
        return () -> channel.standing()
                .ifPresentOrElse(
                        standing -> keep(new Waiting(channel, standing, message, said, who)),
                        () -> replies.deny(channel, message, ErrorCode.PERSISTENCE_PUBLIC));
    }

    private void keep(Waiting next) {
        Channel channel = next.channel();
        if (waiting.size() >= MOST_WAITING || !allowance.take(next.bytes())) {
            replies.deny(channel, next.message(), ErrorCode.MEMORY_LIMIT);
            return;
        }
        if (!channel.join().options().self() && channel.hearing().broadcast()) {
            next.standing().heard().expectsOwn(next.said().id().toString());
        }
        waiting.add(next);
        if (waiting.size() == 1) {
            keepNext(next);
        }
    }

    private void keepNext(Waiting next) {
        guard.keep(next.channel(), next.who(), next.said(), outcome -> {
            allowance.give(next.bytes());
            waiting.remove();
            if (outcome == RoomHistory.Outcome.DENIED || outcome == RoomHistory.Outcome.INVALID) {
                next.standing().heard().doesNotExpect(next.said().id().toString());
            }
            if (guard.isPresent(next.channel())) {
                answer(next, outcome);
            }
            Optional.ofNullable(waiting.peek()).ifPresent(this::keepNext);
        });
    }

    private void answer(Waiting kept, RoomHistory.Outcome outcome) {
        switch (outcome) {
            case KEPT -> {
                if (kept.channel().join().options().acknowledged()) {
                    replies.ok(kept.channel(), kept.message());
                }
            }
            case DENIED -> replies.deny(kept.channel(), kept.message(), ErrorCode.WRITE_UNAUTHORIZED);
            case INVALID -> replies.deny(kept.channel(), kept.message(), ErrorCode.INVALID_PAYLOAD);
            case FAILED -> replies.deny(kept.channel(), kept.message(), ErrorCode.PERSISTENCE_FAILED);
        }
    }
}
