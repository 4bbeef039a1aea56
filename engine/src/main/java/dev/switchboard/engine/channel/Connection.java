package dev.switchboard.engine.channel;

import dev.switchboard.engine.deliver.Outbound;
import dev.switchboard.engine.journal.Ending;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.ServerMessage;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * One socket's channels, by topic. Takes messages, says messages; knows no socket, no SQL, no token format. Owned by
 * its event loop: every method is called there.
 */
public final class Connection {
    private final ConnectionId id;
    private final WireVersion version;
    private final ConnectionContext shared;
    private final Outbound outbound;
    private final Replies replies;
    private final Allowance allowance;
    private final Attendee attendee;
    private final Map<String, Channel> channels = new HashMap<>();

    private Optional<Instant> heartbeat = Optional.empty();
    private Optional<Instant> acknowledged = Optional.empty();
    private final Admission admission;
    private final PrivateGuard guard;
    private final LiveAnswers answers;

    /**
     * @param keyClaims of the API key that opened the connection; joins without a token of their own use them
     * @param headers   of the handshake that policies of private rooms may read, in lower case
     */
    public Connection(
            ConnectionId id,
            WireVersion version,
            Claims keyClaims,
            Map<String, String> headers,
            ConnectionContext shared,
            Outbound outbound) {
        this.id = id;
        this.version = version;
        this.shared = shared;
        this.outbound = outbound;
        replies = new Replies(version, outbound);
        allowance = new Allowance(shared.memory());
        admission = new Admission(version, keyClaims, shared);
        answers = new LiveAnswers(this, shared.queries(), replies, admission, shared.clock());
        var ends = new PrivateEnds(this, admission, replies, shared.clock());
        guard = new PrivateGuard(
                shared.privateRooms(), replies, shared.clock(), headers, this::isPresent, allowance, ends);
        attendee = new Attendee(
                shared.hub(),
                allowance,
                replies,
                new Keeper(guard, replies, allowance, ends),
                new Readiness(replies, shared.streaming(), ends, shared.clock()));
    }

    public ConnectionId id() {
        return id;
    }

    public WireVersion version() {
        return version;
    }

    public int channelCount() {
        return channels.size();
    }

    /** Takes a message of the client. */
    public void receive(ClientMessage message) {
        switch (message) {
            case ClientMessage.Heartbeat beat -> {
                replies.say(new ServerMessage.Ok(Optional.empty(), beat.ref(), beat.topic()));
                beaten();
            }
            case ClientMessage.CurrencyQuestion question -> {
                ConnectionContext.Currency currency = shared.currency().apply(id);
                // what it is known to have been told may wait before it still
                shared.inTurn().accept(() -> answer(question, currency), id.loop());
                beaten();
            }
            case ClientMessage.Join join -> join(join);
            case ClientMessage.Leave leave -> leave(leave);
            case ClientMessage.AccessToken token -> channelOf(token).ifPresent(channel -> newToken(channel, token));
            case ClientMessage.Broadcast broadcast ->
                speakingFor(broadcast)
                        .ifPresent(channel -> guard.speak(
                                channel,
                                broadcast,
                                false,
                                broadcast.content().size(),
                                attendee.saying(channel, broadcast)));
            case ClientMessage.Track track ->
                speakingFor(track)
                        .ifPresent(channel -> guard.speak(
                                channel,
                                track,
                                true,
                                track.payload().values().size() * 64L,
                                () -> attendee.track(channel, track)));
            case ClientMessage.Untrack untrack ->
                channelOf(untrack)
                        .ifPresent(channel -> guard.inTurn(channel, () -> attendee.untrack(channel, untrack)));
            case ClientMessage.Invalid invalid ->
                channelOf(invalid).ifPresent(_ -> replies.refuse(invalid, invalid.code(), invalid.reason()));
            case ClientMessage.Push push ->
                channelOf(push).ifPresent(_ -> shared.unknownEvents().increment());
        }
    }

    /** Who asks for a sign of life again has had the one before, and all that was sent before that. */
    private void beaten() {
        acknowledged = heartbeat;
        heartbeat = Optional.of(shared.clock().instant());
    }

    /**
     * Whether a frame of a change may go out now. One for a channel that has since got another user's token is withheld,
     * and the channel told to refetch.
     */
    public boolean admits(ChannelRef ref, Instant now) {
        Channel channel = channels.get(ref.topic());
        return channel != null && channel.admits(ref, now);
    }

    /** Tells a channel that it missed something; its client rejoins by itself. */
    public void refetch(ChannelRef ref, ErrorCode code) {
        Channel channel = channels.get(ref.topic());
        if (channel != null && channel.admits(ref, Instant.EPOCH)) {
            fail(channel, code, code.reason());
        }
    }

    /** Ends the channels whose token has expired, or never came; called about once a second. */
    public void expire() {
        Instant now = shared.clock().instant();
        List.copyOf(channels.values()).forEach(channel -> expire(channel, now));
    }

    private void expire(Channel channel, Instant now) {
        if (!now.isBefore(channel.claims().expiresAt())) {
            long seconds = now.getEpochSecond() - channel.claims().expiresAt().getEpochSecond();
            fail(channel, ErrorCode.CHANNEL_TOKEN_EXPIRED, "Token has expired " + seconds + " seconds ago");
            return;
        }
        channel.refusalDue(now).ifPresent(refusal -> fail(channel, ErrorCode.SUBSCRIPTION_REFUSED, refusal));
        if (isPresent(channel) && channel.isLive() && !channel.isHeld()) {
            guard.tick(channel, now);
        }
        if (isPresent(channel) && channel.isLive() && !channel.isHeld()) {
            attendee.tick(channel);
        }
    }

    /** The socket is gone; and why, if it was this side that closed it. */
    public void closed(Optional<ErrorCode> why) {
        for (Channel channel : List.copyOf(channels.values())) {
            note(channel, why, why.map(ErrorCode::message).orElse("The client's socket closed"));
            forget(channel);
        }
    }

    /** How it stands with the channels of whoever is meant. */
    public ConnectionStatus status(Predicate<Claims> whose) {
        return ConnectionStatus.of(id, acknowledged, channels.values(), whose);
    }

    private void answer(ClientMessage.CurrencyQuestion question, ConnectionContext.Currency currency) {
        boolean withheld = channels.values().stream().anyMatch(Channel::hasMissed);
        replies.say(new ServerMessage.Alive(
                question.ref(),
                question.topic(),
                currency.behind(),
                currency.told().filter(_ -> !withheld && !isWaiting())));
    }

    /** Who has begun to wait since is not spoken of. */
    private boolean isWaiting() {
        return shared.currency().apply(id).told().isEmpty();
    }

    private void join(ClientMessage.Join join) {
        Optional<ErrorCode> objection = admission.objection(join, channels.keySet());
        if (objection.isPresent()) {
            replies.refuse(join, objection.get(), objection.get().message());
            return;
        }
        Optional.ofNullable(channels.get(join.topic())).ifPresent(this::close);
        switch (admission.claims(join.token())) {
            case TokenVerifier.Result.Invalid invalid -> replies.refuse(join, invalid.code(), invalid.message());
            case TokenVerifier.Result.Valid valid -> admit(join, valid.claims());
        }
    }

    private void admit(ClientMessage.Join join, Claims claims) {
        var channel = new Channel(nextRef(join.topic(), join.options().privateChannel()), join, claims, outbound);
        Optional<ErrorCode> refusal = admission.roomRefusal(channel);
        if (refusal.isPresent()) {
            note(channel, refusal, refusal.get().message());
            replies.refuse(join, refusal.get(), refusal.get().message());
        } else {
            admit(channel);
        }
    }

    private void admit(Channel channel) {
        if (!allowance.take(channel.cost())) {
            replies.refuse(channel.join(), ErrorCode.MEMORY_LIMIT, ErrorCode.MEMORY_LIMIT.message());
            return;
        }
        channels.put(channel.topic(), channel);
        shared.attendance().enter(channel.claims());
        guard.admit(channel, () -> open(channel));
    }

    private void open(Channel channel) {
        if (channel.wanted().isEmpty()) {
            joined(channel, Optional.empty());
            return;
        }
        ask(channel, Optional.empty(), answer -> opened(channel, answer));
    }

    private void ask(Channel channel, Optional<ChannelRef> replaces, Consumer<ChangeFeed.Answer> answer) {
        var request = new ChangeFeed.Request(
                channel.current(),
                channel.claims(),
                channel.wanted(),
                replaces,
                channel.join().options().positions());
        shared.feed().open(request, answer, notice -> {
            if (!isGone(channel)) {
                replies.systemNotice(channel, "switchboard", notice.text());
            }
        });
    }

    private ChannelRef nextRef(String topic, boolean isPrivate) {
        return new ChannelRef(id, shared.epochs().incrementAndGet(), topic, version, isPrivate);
    }

    private void opened(Channel channel, ChangeFeed.Answer answer) {
        if (isGone(channel)) {
            return;
        }
        switch (answer) {
            case ChangeFeed.Answer.Unavailable _ ->
                drop(channel, ErrorCode.DATABASE_UNAVAILABLE, ErrorCode.DATABASE_UNAVAILABLE.message());
            case ChangeFeed.Answer.Live(var refusals, boolean _, var place, boolean _)
            when channel.isRefusedBy(refusals) && (channel.isHeld() || admission.mayStillSignIn(channel)) -> {
                joined(channel, place);
                replies.refused(channel, refusals);
                channel.awaitToken(
                        shared.clock().instant().plus(Admission.SIGN_IN_GRACE),
                        ErrorCode.SUBSCRIPTION_REFUSED.reason(ChangeFeed.Refusal.messages(refusals)));
            }
            case ChangeFeed.Answer.Live(var refusals, boolean _, var _, boolean _)
            when channel.isRefusedBy(refusals) ->
                drop(channel, ErrorCode.SUBSCRIPTION_REFUSED, ChangeFeed.Refusal.messages(refusals));
            case ChangeFeed.Answer.Live(var refusals, boolean hiding, var place, boolean _) -> {
                joined(channel, place);
                replies.refused(channel, refusals);
                if (refusals.isEmpty()) {
                    replies.subscribed(channel);
                }
                if (hiding && channel.isWithoutToken() && admission.mayStillSignIn(channel)) {
                    channel.wouldLikeToken(
                            shared.clock().instant().plus(Admission.TOKEN_GRACE), ErrorCode.TOKEN_AWAITED.reason());
                }
            }
        }
    }

    /** Left, or joined anew, while its bindings were resolved: what became live only now has to end again. */
    private boolean isGone(Channel channel) {
        if (isPresent(channel)) {
            return false;
        }
        shared.feed().close(channel.current());
        return true;
    }

    private void joined(Channel channel, Optional<ServerMessage.Place> place) {
        ClientMessage.Join join = channel.join();
        boolean live = join.options().live().isPresent();
        replies.say(new ServerMessage.Joined(
                join.joinRef(), join.ref(), join.topic(), join.bindings(), channel.ids(), place, live));
        channel.live(shared.clock().instant());
        if (!channel.isHeld()) {
            attendee.enter(channel);
        }
        answers.keep(channel);
        channel.takePendingToken().ifPresent(token -> newToken(channel, token));
    }

    private void leave(ClientMessage.Leave leave) {
        Channel channel = channels.get(leave.topic());
        replies.say(new ServerMessage.Ok(leave.joinRef(), leave.ref(), leave.topic()));
        if (channel != null && channel.isAddressedBy(leave)) {
            close(channel);
        }
    }

    /** The channel that a message is for; one for an unknown topic is answered, one for an earlier join ignored. */
    private Optional<Channel> channelOf(ClientMessage message) {
        Channel channel = channels.get(message.topic());
        if (channel == null) {
            replies.refuse(message, ErrorCode.UNMATCHED_TOPIC, ErrorCode.UNMATCHED_TOPIC.message());
            return Optional.empty();
        }
        return channel.isAddressedBy(message) ? Optional.of(channel) : Optional.empty();
    }

    private Optional<Channel> speakingFor(ClientMessage message) {
        return channelOf(message).filter(channel -> maySpeak(channel, message));
    }

    /** Whether the channel is joined, and its token still holds; an expired one fails here as it would a little later. */
    private boolean maySpeak(Channel channel, ClientMessage message) {
        expire(channel, shared.clock().instant());
        if (channel.isHeld() || channel.isWithoutRoom()) {
            ErrorCode why = PersonalTopic.isForeign(channel.topic(), channel.claims())
                    ? ErrorCode.FOREIGN_TOPIC
                    : shared.limits().rooms().refusal();
            replies.refuse(message, why, why.message());
            return false;
        }
        return channel.isJoined() && channels.get(channel.topic()) == channel;
    }

    private void newToken(Channel channel, ClientMessage.AccessToken message) {
        if (message.token().isEmpty() || channel.hasToken(message.token().get())) {
            return;
        }
        if (!channel.isLive()) {
            channel.keepPendingToken(message);
            return;
        }
        String token = message.token().get();
        switch (shared.tokens().verify(token, shared.clock().instant())) {
            case TokenVerifier.Result.Invalid invalid -> {
                replies.systemError(channel, "system", invalid.message());
                close(channel, invalid.code(), invalid.message());
            }
            case TokenVerifier.Result.Valid valid -> take(channel, token, valid.claims());
        }
    }

    private void take(Channel channel, String token, Claims claims) {
        if (PersonalTopic.isForeign(channel.topic(), claims)) {
            replies.systemError(channel, "system", ErrorCode.FOREIGN_TOPIC.reason());
            close(channel, ErrorCode.FOREIGN_TOPIC, ErrorCode.FOREIGN_TOPIC.message());
            return;
        }
        if (!allowance.take(channel.moreFor(token))) {
            fail(channel, ErrorCode.MEMORY_LIMIT, ErrorCode.MEMORY_LIMIT.reason());
            return;
        }
        if (!channel.isHeld() && !admission.admits(channel, claims)) {
            attendee.leave(channel);
            if (channel.isNothingButRoom()) {
                fail(channel, ErrorCode.ROOM_CLOSED, ErrorCode.ROOM_CLOSED.reason());
                return;
            }
        }
        if (channel.isHeld() && channel.standing().isEmpty() && admission.admits(channel, claims)) {
            channel.release();
            attendee.enter(channel);
        }
        boolean sameUser = channel.claims().group().equals(claims.group());
        shared.attendance().leave(channel.claims());
        shared.attendance().enter(claims);
        channel.take(token, claims);
        if (!sameUser) {
            guard.changed(channel);
            answers.forget(channel);
        }
        if (sameUser && channel.hasMissed()) {
            fail(channel, ErrorCode.CLAIMS_CHANGED, ErrorCode.CLAIMS_CHANGED.reason()); // withheld after the expiry
            return;
        }
        if (sameUser) {
            Optional<String> refusal = channel.pendingRefusal();
            refusal.ifPresentOrElse(
                    message -> fail(channel, ErrorCode.SUBSCRIPTION_REFUSED, message), channel::tokenCame);
            return;
        }
        if (channel.wanted().isEmpty()) {
            channel.tokenCame();
            answers.keep(channel);
            return;
        }
        ChannelRef former = channel.current();
        channel.become(nextRef(channel.topic(), channel.standing().isPresent()));
        ask(channel, Optional.of(former), answer -> reopened(channel, former, answer));
    }

    private void reopened(Channel channel, ChannelRef former, ChangeFeed.Answer answer) {
        shared.feed().close(former); // where the new one came to nothing, the former is still there
        if (isGone(channel)) {
            return;
        }
        channel.live(shared.clock().instant());
        switch (answer) {
            case ChangeFeed.Answer.Unavailable _ ->
                fail(channel, ErrorCode.DATABASE_UNAVAILABLE, ErrorCode.DATABASE_UNAVAILABLE.reason());
            case ChangeFeed.Answer.Live(var refusals, boolean _, var _, boolean _)
            when channel.isRefusedBy(refusals) -> {
                replies.systemError(channel, "system", ChangeFeed.Refusal.messages(refusals));
                close(channel, ErrorCode.SUBSCRIPTION_REFUSED, ChangeFeed.Refusal.messages(refusals));
            }
            case ChangeFeed.Answer.Live _
            when channel.hasMissed() -> fail(channel, ErrorCode.CLAIMS_CHANGED, ErrorCode.CLAIMS_CHANGED.reason());
            case ChangeFeed.Answer.Live(var refusals, boolean _, var _, boolean _) -> {
                channel.tokenCame();
                answers.keep(channel);
                replies.refused(channel, refusals);
                if (refusals.isEmpty()) {
                    replies.subscribed(channel);
                }
                channel.takePendingToken().ifPresent(token -> newToken(channel, token));
            }
        }
    }

    void enter(Channel channel) {
        attendee.enter(channel);
    }

    void vanish(Channel channel) {
        attendee.vanish(channel);
    }

    boolean isPresent(Channel channel) {
        return channels.get(channel.topic()) == channel;
    }

    /** A join that came to nothing: an error reply, and the channel is forgotten. */
    void drop(Channel channel, ErrorCode code, String message) {
        note(channel, Optional.of(code), message);
        forget(channel);
        replies.refuse(channel.join(), code, message);
    }

    /** A live channel that cannot go on: its client is told why, and rejoins. */
    void fail(Channel channel, ErrorCode code, String message) {
        note(channel, Optional.of(code), message);
        forget(channel);
        if (channel.isJoined()) {
            replies.systemError(channel, "postgres_changes", message);
            replies.say(new ServerMessage.Failed(channel.joinRef(), channel.topic()));
        } else {
            replies.refuse(channel.join(), code, message);
        }
    }

    private void note(Channel channel, Optional<ErrorCode> code, String message) {
        shared.journal()
                .ended(new Ending(shared.clock().instant(), channel.current(), channel.claims(), code, message));
    }

    void close(Channel channel, ErrorCode code, String message) {
        note(channel, Optional.of(code), message);
        close(channel);
    }

    private void close(Channel channel) {
        forget(channel);
        replies.say(new ServerMessage.Closed(channel.joinRef(), channel.topic()));
    }

    private void forget(Channel channel) {
        channels.remove(channel.topic());
        channel.forgotten();
        shared.attendance().leave(channel.claims());
        allowance.give(channel.cost());
        shared.feed().close(channel.current());
        answers.forget(channel);
        if (channel.isJoined()) {
            attendee.gone(channel);
        }
    }
}
