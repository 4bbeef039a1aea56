package dev.switchboard.engine.channel;

import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import java.util.Optional;

/** What one connection's channels do in their rooms: come and go, broadcast, be present. Owned by the connection's event loop. */
final class Attendee {
    /** Characters of what a channel tracks: everyone in the room is told all of it. */
    private static final int LARGEST_PRESENCE = 16_384;

    private final Hub hub;
    private final Allowance allowance;
    private final Replies replies;
    private final Keeper keeper;
    private final Readiness readiness;

    Attendee(Hub hub, Allowance allowance, Replies replies, Keeper keeper, Readiness readiness) {
        this.hub = hub;
        this.allowance = allowance;
        this.replies = replies;
        this.keeper = keeper;
        this.readiness = readiness;
    }

    /** The room, as far as the join wants it. */
    void enter(Channel channel) {
        RoomPolicies.Answer.Rights hearing = channel.hearing();
        RoomPolicies.Answer.Rights entered =
                channel.standing().map(PrivateStanding::entered).orElse(RoomPolicies.Answer.Rights.NOTHING);
        if (hearing.broadcast() && !entered.broadcast()) {
            hub.join(channel);
            channel.standing().ifPresent(PrivateStanding::enteredBroadcast);
            keeper.replay(channel);
        }
        boolean wanted = channel.join().options().presence() == ClientMessage.Presence.TOLD || channel.isWatching();
        if (wanted && hearing.presence() && !entered.presence()) {
            watch(channel);
        }
        readiness.tick(channel);
    }

    /** Called about once a second. */
    void tick(Channel channel) {
        readiness.tick(channel);
    }

    /** It is not present any more, and nobody is answered. */
    void vanish(Channel channel) {
        if (channel.isPresent()) {
            hub.untrack(channel);
            givePresence(channel);
        }
    }

    /** It hears nothing any more, and is not present. */
    void gone(Channel channel) {
        hub.leave(channel, channel.isWatching() || channel.isPresent());
        givePresence(channel);
    }

    /** Its user has gone, and who is left may not be there; subscriptions to changes are decided by policies. */
    void leave(Channel channel) {
        gone(channel);
        channel.hold();
    }

    /** How a message is said once that is allowed: as who says it now. */
    Runnable saying(Channel channel, ClientMessage.Broadcast message) {
        return message.persistence()
                .map(persistence -> keeper.keeping(channel, message, persistence))
                .orElse(() -> broadcast(channel, message));
    }

    private void broadcast(Channel channel, ClientMessage.Broadcast message) {
        ClientMessage.Options options = channel.join().options();
        hub.broadcast(
                channel.ref().room(), message.content(), options.self() ? Optional.empty() : Optional.of(channel));
        if (options.acknowledged()) {
            replies.ok(channel, message);
        }
    }

    void track(Channel channel, ClientMessage.Track message) {
        if (!channel.isWatching() && channel.join().options().presence() != ClientMessage.Presence.NOT_TOLD) {
            watch(channel);
        }
        String members = Hub.members(message.payload());
        if (members.length() > LARGEST_PRESENCE) {
            replies.refuse(
                    message, ErrorCode.INVALID_PAYLOAD, "a presence has at most " + LARGEST_PRESENCE + " characters");
            return;
        }
        long cost = Channel.presenceCost(channel.presenceKey(), members);
        long more = cost - channel.presenceCost();
        if (!hub.tryHold(channel.ref().room(), more)) {
            replies.refuse(message, ErrorCode.PRESENCE_ROOM_FULL, ErrorCode.PRESENCE_ROOM_FULL.message());
            return;
        }
        if (!allowance.take(more)) {
            hub.tryHold(channel.ref().room(), -more);
            replies.refuse(message, ErrorCode.MEMORY_LIMIT, ErrorCode.MEMORY_LIMIT.message());
            return;
        }
        channel.presenceCost(cost);
        hub.track(channel, channel.presenceKey(), members);
        replies.ok(channel, message);
    }

    void untrack(Channel channel, ClientMessage.Untrack message) {
        vanish(channel);
        replies.ok(channel, message);
    }

    private void givePresence(Channel channel) {
        hub.tryHold(channel.ref().room(), -channel.presenceCost());
        allowance.give(channel.presenceCost());
        channel.presenceCost(0);
    }

    private void watch(Channel channel) {
        channel.watching();
        if (channel.hearing().presence()) {
            hub.watch(channel, channel.joinRef());
            channel.standing().ifPresent(PrivateStanding::enteredPresence);
        }
    }
}
