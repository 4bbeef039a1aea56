package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.Frame;
import dev.switchboard.engine.protocol.ServerMessage;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What one connection's private channels may do: asked when they join, when they first speak, when they get another user's token, and
 * for as long as they are there whenever something has changed that the answer hangs on; where nobody can tell that, every
 * {@link Inquiry#AGAIN}. Owned by the connection's event loop.
 */
final class PrivateGuard {

    /** Messages of one channel that wait until it is known whether it may speak. */
    private static final int MOST_WAITING = 100;

    /** Bytes of one that waits, beside what it says. */
    private static final long OVERHEAD = 512;

    private final PrivateRooms rooms;
    private final Replies replies;
    private final InstantSource clock;
    private final Map<String, String> headers;
    private final Predicate<Channel> present;
    private final Ends ends;
    private final Allowance allowance;

    /** How a channel ends that may not be there. */
    interface Ends {
        /**
         * Its join is refused, or waits for its user's token.
         *
         * @param goOn with a channel that hears nothing until that comes
         */
        void refuse(Channel channel, ErrorCode code, String message, Runnable goOn);

        /** Its join cannot be. */
        void drop(Channel channel, ErrorCode code);

        /** What it may hear is known again. */
        void enter(Channel channel);

        /** It is not present any more. */
        void vanish(Channel channel);

        /** It was there, and is closed. */
        void close(Channel channel, ErrorCode code, String message);

        /** It was there, and its client is to join again. */
        void fail(Channel channel, ErrorCode code);
    }

    /** @param present whether a channel is still one of the connection's */
    PrivateGuard(
            PrivateRooms rooms,
            Replies replies,
            InstantSource clock,
            Map<String, String> headers,
            Predicate<Channel> present,
            Allowance allowance,
            Ends ends) {
        this.rooms = rooms;
        this.replies = replies;
        this.clock = clock;
        this.headers = headers;
        this.present = present;
        this.allowance = allowance;
        this.ends = ends;
    }

    /** Goes on with a join that may be; at once, if the room is a public one. */
    void admit(Channel channel, Runnable goOn) {
        if (channel.standing().isEmpty()) {
            goOn.run();
            return;
        }
        PrivateStanding standing = channel.standing().get();
        ask(channel, RoomPolicies.Verb.HEAR, answer -> {
            switch (answer) {
                case RoomPolicies.Answer.Rights rights
                when rights.isNothing() ->
                    ends.refuse(
                            channel,
                            ErrorCode.UNAUTHORIZED,
                            ErrorCode.UNAUTHORIZED.message() + ": " + name(channel),
                            goOn);
                case RoomPolicies.Answer.Rights rights -> {
                    standing.hears(rights, clock.instant());
                    goOn.run();
                }
                case RoomPolicies.Answer.Unsupported _ -> ends.drop(channel, ErrorCode.PRIVATE_CHANNEL);
                case RoomPolicies.Answer.Unavailable _ -> ends.drop(channel, ErrorCode.DATABASE_UNAVAILABLE);
            }
        });
    }

    /**
     * Says something, if the channel may; what comes before that is known waits, in order.
     *
     * @param bytes that it takes while it waits, by estimate
     */
    void speak(Channel channel, ClientMessage message, boolean presence, long bytes, Runnable say) {
        if (channel.standing().isEmpty()) {
            say.run();
            return;
        }
        PrivateStanding standing = channel.standing().get();
        long taken = OVERHEAD + bytes;
        var wanted = new PrivateStanding.Waiting(
                question(channel), presence, taken, say, code -> replies.deny(channel, message, code));
        Optional<RoomPolicies.Answer.Rights> known =
                standing.waiting() > 0 ? Optional.empty() : speaking(wanted.who(), standing);
        if (known.isPresent()) {
            PrivateStanding.decide(wanted, known.get(), ErrorCode.WRITE_UNAUTHORIZED);
        } else if (standing.waiting() >= MOST_WAITING || !allowance.take(taken)) {
            replies.deny(channel, message, ErrorCode.MEMORY_LIMIT);
        } else if (standing.await(wanted) == 1) {
            askToSpeak(channel, standing);
        }
    }

    private Optional<RoomPolicies.Answer.Rights> speaking(RoomPolicies.Question who, PrivateStanding standing) {
        return switch (rooms.known(RoomPolicies.Verb.SPEAK, who)) {
            case RoomPolicies.Known.Holds(var rights, var asOf) -> {
                standing.ofPresence().holds(asOf);
                yield Optional.of(rights);
            }
            case RoomPolicies.Known.Over _, RoomPolicies.Known.Later _ -> Optional.empty();
            case RoomPolicies.Known.Stale _, RoomPolicies.Known.Nothing _ ->
                standing.speaking(clock.instant().minus(Inquiry.AGAIN));
        };
    }

    /** Does something that needs no right, after what waits. */
    void inTurn(Channel channel, Runnable action) {
        Optional<PrivateStanding> waiting = channel.standing().filter(standing -> standing.waiting() > 0);
        if (waiting.isPresent() && allowance.take(OVERHEAD)) {
            waiting.get()
                    .await(new PrivateStanding.Waiting(question(channel), true, OVERHEAD, action, _ -> action.run()));
        } else {
            action.run();
        }
    }

    /** What waits is decided by the rights of who said it, in order. */
    private void askToSpeak(Channel channel, PrivateStanding standing) {
        RoomPolicies.Question who = standing.waitingLongest();
        ask(channel, RoomPolicies.Verb.SPEAK, who, answer -> {
            switch (answer) {
                case RoomPolicies.Answer.Rights rights -> {
                    if (who.equals(question(channel))) {
                        standing.speaks(rights, clock.instant());
                    }
                    decideWaiting(channel, standing, who, rights, ErrorCode.WRITE_UNAUTHORIZED);
                }
                case RoomPolicies.Answer.Unsupported _ ->
                    decideWaiting(
                            channel, standing, who, RoomPolicies.Answer.Rights.NOTHING, ErrorCode.PRIVATE_CHANNEL);
                case RoomPolicies.Answer.Unavailable _ ->
                    decideWaiting(
                            channel, standing, who, RoomPolicies.Answer.Rights.NOTHING, ErrorCode.DATABASE_UNAVAILABLE);
            }
        });
    }

    private void decideWaiting(
            Channel channel,
            PrivateStanding standing,
            RoomPolicies.Question who,
            RoomPolicies.Answer.Rights rights,
            ErrorCode otherwise) {
        List<PrivateStanding.Waiting> decided = standing.takeWaiting(who);
        decided.forEach(message -> allowance.give(message.bytes()));
        if (standing.waiting() > 0) {
            askToSpeak(channel, standing);
        }
        decided.forEach(message -> PrivateStanding.decide(message, rights, otherwise));
    }

    /** Another user's token: nothing is heard until it is known what that user may hear. */
    void changed(Channel channel) {
        channel.standing().ifPresent(standing -> {
            ends.vanish(channel);
            standing.forget();
            askAgain(channel, standing);
        });
    }

    /** Called about once a second, and with each message. */
    void tick(Channel channel, Instant now) {
        channel.standing().ifPresent(standing -> {
            if (channel.isPresent() && !standing.ofPresence().isAsking()) {
                lookWhetherPresent(channel, standing.ofPresence(), now);
            }
            if (!standing.ofHearing().isAsking()) {
                lookWhatItHears(channel, standing, now);
            }
        });
    }

    private void lookWhatItHears(Channel channel, PrivateStanding standing, Instant now) {
        RoomPolicies.Known known = rooms.known(RoomPolicies.Verb.HEAR, question(channel));
        if (known instanceof RoomPolicies.Known.Holds(var rights, var asOf)) {
            if (!standing.hearsStill(rights, asOf)) {
                heard(channel, standing, standing.entered(), rights);
            }
        } else if (!standing.isKnown() || standing.ofHearing().isDue(known, now)) {
            askAgain(channel, standing);
        }
    }

    private void lookWhetherPresent(Channel channel, Inquiry inquiry, Instant now) {
        RoomPolicies.Known known = rooms.known(RoomPolicies.Verb.SPEAK, question(channel));
        if (known instanceof RoomPolicies.Known.Holds(var rights, var asOf)) {
            inquiry.holds(asOf);
            if (!rights.presence()) {
                ends.vanish(channel);
            }
        } else if (inquiry.isDue(known, now)) {
            askWhetherPresent(channel, inquiry);
        }
    }

    /** Who may not be present any more is not. */
    private void askWhetherPresent(Channel channel, Inquiry inquiry) {
        inquiry.asking();
        Claims claims = channel.claims();
        ask(channel, RoomPolicies.Verb.SPEAK, answer -> {
            if (answer instanceof RoomPolicies.Answer.Unavailable) {
                inquiry.askedInVain(clock.instant());
                if (!inquiry.isCertainSince(clock.instant().minus(Inquiry.PATIENCE))) {
                    ends.vanish(channel);
                }
                return;
            }
            inquiry.answered(clock.instant());
            if (channel.claims().group().equals(claims.group())
                    && answer instanceof RoomPolicies.Answer.Rights rights
                    && !rights.presence()) {
                ends.vanish(channel);
            }
        });
    }

    private void askAgain(Channel channel, PrivateStanding standing) {
        standing.ofHearing().asking();
        RoomPolicies.Answer.Rights former = standing.entered();
        Claims claims = channel.claims();
        ask(channel, RoomPolicies.Verb.HEAR, answer -> {
            if (!channel.claims().group().equals(claims.group())) {
                return; // asked anew since
            }
            heard(channel, standing, former, answer);
        });
    }

    /** @param former what it was let in for */
    private void heard(
            Channel channel, PrivateStanding standing, RoomPolicies.Answer.Rights former, RoomPolicies.Answer answer) {
        switch (answer) {
            case RoomPolicies.Answer.Rights rights
            when rights.covers(former) && !rights.isNothing() -> {
                boolean missed = standing.hasMissed();
                standing.hears(rights, clock.instant());
                if (missed) {
                    ends.fail(channel, ErrorCode.CLAIMS_CHANGED);
                } else {
                    ends.enter(channel);
                }
            }
            case RoomPolicies.Answer.Unavailable _
            when standing.ofHearing().isCertainSince(clock.instant().minus(Inquiry.PATIENCE)) ->
                standing.ofHearing().askedInVain(clock.instant());
            case RoomPolicies.Answer.Unavailable _ -> ends.fail(channel, ErrorCode.DATABASE_UNAVAILABLE);
            case RoomPolicies.Answer.Rights rights ->
                ends.close(
                        channel,
                        ErrorCode.UNAUTHORIZED,
                        (rights.isNothing() ? "You do not have permissions" : "You no longer have permission")
                                + " to read from this Channel topic: " + name(channel));
            case RoomPolicies.Answer.Unsupported _ ->
                ends.close(channel, ErrorCode.PRIVATE_CHANNEL, ErrorCode.PRIVATE_CHANNEL.message());
        }
    }

    boolean isPresent(Channel channel) {
        return present.test(channel);
    }

    /** Whether its user may hear what is said now. */
    boolean hears(Channel channel) {
        return channel.hearing().broadcast() && channel.isCurrentUser(clock.instant());
    }

    /** Asks for what was said in its room before; the answer makes the frames of it, when their turn comes. */
    void past(Channel channel, ClientMessage.Replay.Wanted wanted, Function<RoomHistory.Past, List<Frame>> answer) {
        rooms.past(channel, question(channel), wanted, answer);
    }

    /** Keeps what was said in a channel, also if it goes meanwhile. */
    void keep(Channel channel, RoomPolicies.Question who, RoomHistory.Said said, Consumer<RoomHistory.Outcome> answer) {
        rooms.keep(channel.current().connection().loop(), who, said, answer);
    }

    /** Who asks, as the channel is now. */
    RoomPolicies.Question question(Channel channel) {
        return new RoomPolicies.Question(
                channel.claims().group(), channel.claims().subject(), name(channel), headers);
    }

    private void ask(Channel channel, RoomPolicies.Verb verb, Consumer<RoomPolicies.Answer> answer) {
        ask(channel, verb, question(channel), answer);
    }

    private void ask(
            Channel channel,
            RoomPolicies.Verb verb,
            RoomPolicies.Question question,
            Consumer<RoomPolicies.Answer> answer) {
        rooms.ask(channel.current().connection().loop(), verb, question, found -> {
            if (present.test(channel)) {
                answer.accept(found);
            } else if (verb == RoomPolicies.Verb.SPEAK) {
                channel.standing()
                        .ifPresent(gone -> gone.takeWaiting().forEach(message -> allowance.give(message.bytes())));
            }
        });
    }

    private static String name(Channel channel) {
        return channel.topic().substring(ServerMessage.TOPIC_PREFIX.length());
    }
}
