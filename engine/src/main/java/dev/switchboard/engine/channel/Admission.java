package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/** Which joins of one connection are looked at, and under whose claims. Owned by the connection's event loop. */
final class Admission {
    /** A join that waits for its user's token fails without one. */
    static final Duration SIGN_IN_GRACE = Duration.ofSeconds(3);
    /** Of a channel that is told what the API key may see, until it has a user's token (SPEC J11). */
    static final Duration TOKEN_GRACE = Duration.ofSeconds(1);

    private final WireVersion version;
    private final Claims keyClaims;
    private final ConnectionContext shared;
    private final JoinRate joins;
    private final Set<String> graced = new HashSet<>();

    /** @param keyClaims of the API key that opened the connection; joins without a token of their own use them */
    Admission(WireVersion version, Claims keyClaims, ConnectionContext shared) {
        this.version = version;
        this.keyClaims = keyClaims;
        this.shared = shared;
        joins = new JoinRate(shared.limits().joinsPerSecond());
    }

    /**
     * Why it is refused before anything else is known, if it is.
     *
     * @param joined topics that the connection has joined
     */
    Optional<ErrorCode> objection(ClientMessage.Join join, Set<String> joined) {
        Optional<ErrorCode> form = JoinForm.objection(join, version);
        if (form.isPresent()) {
            return form;
        }
        if (joins.isExceeded(shared.clock().instant())) {
            return Optional.of(ErrorCode.JOIN_LIMIT);
        }
        boolean another = !joined.contains(join.topic());
        return another && joined.size() >= shared.limits().channels()
                ? Optional.of(ErrorCode.CHANNEL_LIMIT)
                : Optional.empty();
    }

    TokenVerifier.Result claims(Optional<String> token) {
        Instant now = shared.clock().instant();
        if (token.isPresent()) {
            return shared.tokens().verify(token.get(), now);
        }
        return now.isBefore(keyClaims.expiresAt())
                ? new TokenVerifier.Result.Valid(keyClaims)
                : new TokenVerifier.Result.Invalid(ErrorCode.TOKEN_EXPIRED, ErrorCode.TOKEN_EXPIRED.message());
    }

    /**
     * Why a room refuses a join. Another user's topic, and a room that is closed to its claims, may still be opened by a token: such a join is
     * held until that comes, and refused where none is to be expected. Under {@link Rooms#PRIVATE} a public channel hears of changes alone.
     */
    Optional<ErrorCode> roomRefusal(Channel channel) {
        boolean nothingButRoom = channel.isNothingButRoom();
        if (channel.standing().isEmpty() && shared.limits().rooms() == Rooms.PRIVATE) {
            channel.leaveRoom();
        }
        if (channel.isWithoutRoom() && nothingButRoom) {
            return Optional.of(ErrorCode.PRIVATE_ONLY);
        }
        if (PersonalTopic.isForeign(channel.topic(), channel.claims())) {
            return unlessSignedIn(channel, ErrorCode.FOREIGN_TOPIC);
        }
        if (admits(channel, channel.claims())) {
            return Optional.empty();
        }
        channel.hold();
        return nothingButRoom ? unlessSignedIn(channel, ErrorCode.ROOM_CLOSED) : Optional.empty();
    }

    private Optional<ErrorCode> unlessSignedIn(Channel channel, ErrorCode refusal) {
        if (!mayStillSignIn(channel)) {
            return Optional.of(refusal);
        }
        channel.hold();
        channel.awaitToken(shared.clock().instant().plus(SIGN_IN_GRACE), refusal.reason());
        return Optional.empty();
    }

    /** Whether the bearer of these claims may be in its room; who may be in a private one, its policies say. */
    boolean admits(Channel channel, Claims claims) {
        return channel.standing().isPresent()
                || channel.isWithoutRoom()
                || shared.limits().rooms().admits(claims);
    }

    /**
     * The official client joins before it knows its user's token, and sends the token once it is joined. So the first
     * join of a topic without a token of its own is not refused for what the API key may not see: it waits for the
     * token, and fails where none comes (SPEC J8).
     */
    boolean mayStillSignIn(Channel channel) {
        return channel.join().token().isEmpty()
                && !channel.join().options().waits()
                && graced.size() < shared.limits().channels()
                && graced.add(channel.topic());
    }
}
