package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.LiveQuery;
import dev.switchboard.engine.protocol.ServerMessage;
import java.time.InstantSource;

/** The answers of queries that are kept for the channels of one connection. Owned by its event loop. */
final class LiveAnswers {
    private final Connection connection;
    private final LiveQueries queries;
    private final Replies replies;
    private final Admission admission;
    private final InstantSource clock;

    LiveAnswers(Connection connection, LiveQueries queries, Replies replies, Admission admission, InstantSource clock) {
        this.connection = connection;
        this.admission = admission;
        this.queries = queries;
        this.replies = replies;
        this.clock = clock;
    }

    /** The channel is joined, or joined as somebody else: what it asks for is kept from here on. */
    void keep(Channel channel) {
        channel.join().options().live().ifPresent(query -> open(channel, query));
    }

    private void open(Channel channel, LiveQuery query) {
        ClaimsGroup reader = channel.claims().group();
        queries.open(channel.current(), channel.claims(), query, new LiveQueries.Listener() {
            private boolean isWanted() {
                return connection.isPresent(channel)
                        && channel.claims().group().equals(reader)
                        && channel.isCurrentUser(clock.instant());
            }

            @Override
            public boolean says(String payload, boolean hiding) {
                boolean wanted = isWanted();
                if (wanted) {
                    replies.say(new ServerMessage.Live(channel.joinRef(), channel.topic(), payload));
                }
                if (wanted && hiding && channel.isWithoutToken() && admission.mayStillSignIn(channel)) {
                    channel.wouldLikeToken(
                            clock.instant().plus(Admission.TOKEN_GRACE), ErrorCode.TOKEN_AWAITED.reason());
                }
                return wanted;
            }

            @Override
            public void refused(String why) {
                if (isWanted() && admission.mayStillSignIn(channel)) {
                    channel.awaitToken(
                            clock.instant().plus(Admission.SIGN_IN_GRACE), ErrorCode.LIVE_QUERY_REFUSED.reason(why));
                } else if (isWanted()) {
                    replies.systemError(channel, "switchboard", ErrorCode.LIVE_QUERY_REFUSED.reason(why));
                    connection.close(channel, ErrorCode.LIVE_QUERY_REFUSED, why);
                }
            }

            @Override
            public void failed(ErrorCode code) {
                if (isWanted()) {
                    connection.fail(channel, code, code.reason());
                }
            }
        });
    }

    /** It is not wanted any more, or not by the same reader. */
    void forget(Channel channel) {
        if (channel.join().options().live().isPresent()) {
            queries.close(channel.current());
        }
    }
}
