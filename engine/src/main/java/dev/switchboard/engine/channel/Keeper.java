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

    private record Waiting(
            Channel channel, PrivateStanding standing, ClientMessage.Broadcast message, RoomHistory.Said said) {
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
        if (!(channel.join().options().replay() instanceof ClientMessage.Replay.Wanted wanted)) {
            return;
        }
        channel.standing().filter(standing -> standing.heard().begin()).ifPresent(standing -> {
            Claims claims = channel.claims();
            guard.past(channel, wanted, past -> {
                boolean sameUser = channel.claims().group().equals(claims.group());
                if (past instanceof Past.Messages messages && sameUser) {
                    tell(channel, standing, messages);
                } else {
                    ends.fail(channel, ErrorCode.REPLAY_FAILED);
                }
            });
        });
    }

    private void tell(Channel channel, PrivateStanding standing, Past.Messages past) {
        Optional<List<Frame>> frames =
                standing.heard().told(past.messages(), message -> replies.frame(channel, message));
        if (frames.isEmpty() || !channel.hearing().broadcast()) {
            ends.fail(channel, ErrorCode.REPLAY_FAILED);
            return;
        }
        if (past.cut()) {
            replies.systemNotice(channel, "broadcast", ErrorCode.REPLAY_CUT.reason());
        }
        frames.get().forEach(replies::send);
    }

    /** Keeps a message, which then comes to the room as all that is kept; it is answered once it is. */
    void keep(Channel channel, ClientMessage.Broadcast message, ClientMessage.Persistence persistence) {
        Optional<PrivateStanding> standing = channel.standing();
        if (standing.isEmpty()) {
            replies.deny(channel, message, ErrorCode.PERSISTENCE_PUBLIC);
            return;
        }
        UUID id = UUID.randomUUID();
        var next =
                new Waiting(channel, standing.get(), message, new RoomHistory.Said(id, message.content(), persistence));
        boolean fits = waiting.size() < MOST_WAITING
                && (channel.join().options().self() || standing.get().heard().expectsOwn(id.toString()));
        if (!fits || !allowance.take(next.bytes())) {
            standing.get().heard().doesNotExpect(id.toString());
            replies.deny(channel, message, ErrorCode.MEMORY_LIMIT);
            return;
        }
        waiting.add(next);
        if (waiting.size() == 1) {
            keepNext(next);
        }
    }

    private void keepNext(Waiting next) {
        guard.keep(next.channel(), next.said(), outcome -> {
            allowance.give(next.bytes());
            waiting.remove();
            if (outcome != RoomHistory.Outcome.KEPT) {
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
            case FAILED -> replies.deny(kept.channel(), kept.message(), ErrorCode.PERSISTENCE_FAILED);
        }
    }
}
