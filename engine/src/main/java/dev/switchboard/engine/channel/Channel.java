package dev.switchboard.engine.channel;

import dev.switchboard.engine.deliver.Member;
import dev.switchboard.engine.deliver.Outbound;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.LiveQuery;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;

/**
 * One topic joined on one connection. It is not live while its subscriptions are being made, at first and again when
 * another user's token takes over. Owned by the connection's event loop.
 */
final class Channel implements Member {
    private static final RoomPolicies.Answer.Rights EVERYTHING = new RoomPolicies.Answer.Rights(true, true);
    private static final long CHANNEL_COST = 2_048;
    private static final long BINDING_COST = 768;
    private static final long COLUMN_COST = 64;
    private static final long VALUE_COST = 160;
    private static final long PRESENCE_COST = 512;

    private final ClientMessage.Join join;
    private final List<ChangeFeed.Wanted> bindings;
    private final List<ChangeFeed.Wanted> wanted;
    private final ChannelRef member;
    private final Outbound outbound;
    private final Optional<PrivateStanding> standing;
    private long cost;
    private long presenceCost;
    private ChannelRef ref;
    private Claims claims;
    private Optional<String> token;
    private Optional<ClientMessage.AccessToken> pendingToken = Optional.empty();
    private Optional<Refusal> refusal = Optional.empty();
    private Optional<Instant> liveSince = Optional.empty();
    private boolean live;
    private boolean joined;
    private boolean gone;
    private boolean missed;
    private boolean watching;
    private boolean held;
    private boolean replicationReady;
    private boolean withoutRoom;

    /**
     * What is said unless a token comes in time.
     *
     * @param certain whether the API key alone may not see it; otherwise policies may hide rows from it
     */
    private record Refusal(Instant at, String message, boolean certain) {}

    Channel(ChannelRef ref, ClientMessage.Join join, Claims claims, Outbound outbound) {
        this.member = ref;
        this.outbound = outbound;
        this.ref = ref;
        this.join = join;
        this.claims = claims;
        this.token = join.token();
        this.bindings = identify(join.bindings());
        this.wanted =
                bindings.stream().filter(binding -> !binding.binding().silent()).toList();
        this.cost = cost(join);
        this.standing = ref.isPrivate() ? Optional.of(new PrivateStanding()) : Optional.empty();
    }

    /** Bytes of heap that the join takes for as long as it lives, by estimate: most of it are the values of filters. */
    private static long cost(ClientMessage.Join join) {
        String since = join.options().positions().since().orElse("");
        int live = join.options().live().map(LiveQuery::length).orElse(0);
        long cost = CHANNEL_COST + tokenCost(join.token()) + 2L * since.length() + 4L * live;
        for (Binding binding : join.bindings()) {
            String filter = binding.filter().orElse("");
            long values = filter.chars().filter(c -> c == ',').count() + 1;
            cost += BINDING_COST + 2L * binding.words().length() + 2L * filter.length() + VALUE_COST * values;
            for (Optional<List<String>> names : List.of(binding.select(), binding.delta())) {
                for (String column : names.orElse(List.of())) {
                    cost += COLUMN_COST + 2L * column.length();
                }
            }
        }
        return cost;
    }

    /** The same of what a channel tracks: it is kept, and told to who comes and goes. */
    static long presenceCost(String key, String members) {
        return PRESENCE_COST + key.length() + 2L * members.length();
    }

    /** A token is kept as text, and its claims beside it. */
    private static long tokenCost(Optional<String> token) {
        return 3L * token.map(String::length).orElse(0);
    }

    long cost() {
        return cost;
    }

    /** By how much another token would change the cost. */
    long moreFor(String newToken) {
        return tokenCost(Optional.of(newToken)) - tokenCost(token);
    }

    /** What its presence has taken. */
    long presenceCost() {
        return presenceCost;
    }

    /** Whether it is in the room for others to see. */
    boolean isPresent() {
        return presenceCost > 0;
    }

    void presenceCost(long taken) {
        presenceCost = taken;
    }

    /** Ids follow from the bindings alone; where two of a channel fall together, the later takes the next free one. */
    private static List<ChangeFeed.Wanted> identify(List<Binding> bindings) {
        var wanted = new ArrayList<ChangeFeed.Wanted>();
        var taken = new HashSet<Integer>();
        for (Binding binding : bindings) {
            int id = binding.id();
            while (!taken.add(id)) {
                id = id == Integer.MAX_VALUE ? 1 : id + 1;
            }
            wanted.add(new ChangeFeed.Wanted(binding, id));
        }
        return List.copyOf(wanted);
    }

    /** As the pipeline knows it: another with another user's token. */
    ChannelRef current() {
        return ref;
    }

    @Override
    public ChannelRef ref() {
        return member;
    }

    @Override
    public Outbound outbound() {
        return outbound;
    }

    /** With the policies of its room, if that is a private one. */
    Optional<PrivateStanding> standing() {
        return standing;
    }

    /** What of its room it may hear. */
    RoomPolicies.Answer.Rights hearing() {
        return withoutRoom
                ? RoomPolicies.Answer.Rights.NOTHING
                : standing.map(PrivateStanding::hearing).orElse(EVERYTHING);
    }

    /** The key of its presence: the client's, or one that nobody else has. */
    String presenceKey() {
        return join.options().presenceKey().orElseGet(() -> "channel-" + member.epoch());
    }

    boolean isWatching() {
        return watching;
    }

    void watching() {
        watching = true;
    }

    String topic() {
        return ref.topic();
    }

    ClientMessage.Join join() {
        return join;
    }

    Optional<String> joinRef() {
        return join.joinRef();
    }

    /** Of all its bindings, in order. */
    List<Integer> ids() {
        return bindings.stream().map(ChangeFeed.Wanted::id).toList();
    }

    /** What it is told of as it changes. */
    List<ChangeFeed.Wanted> wanted() {
        return wanted;
    }

    /** Whether it wants neither changes nor an answer. */
    boolean isNothingButRoom() {
        return wanted.isEmpty() && join.options().live().isEmpty();
    }

    Claims claims() {
        return claims;
    }

    boolean isLive() {
        return live;
    }

    void live(Instant now) {
        live = true;
        joined = true;
        liveSince = Optional.of(liveSince.orElse(now));
    }

    /** Since when it waits to be told that what the database says reaches it, if it does. */
    Optional<Instant> awaitsReplicationSince() {
        return liveSince.filter(_ -> join.options().replicationReady() && !replicationReady);
    }

    void replicationReady() {
        replicationReady = true;
    }

    /** As it is now, for whoever asks why it hears of something, or does not. */
    ChannelStatus status() {
        return new ChannelStatus(ref, claims, live, held, liveSince, wanted);
    }

    /** Whether its client was told that it is joined; it stays so while another user's token takes over. */
    boolean isJoined() {
        return joined;
    }

    /** It is joined no more. */
    void forgotten() {
        gone = true;
    }

    boolean hasMissed() {
        return missed;
    }

    boolean isCurrent(ChannelRef other) {
        return ref.epoch() == other.epoch();
    }

    /** A message without a join reference is for whatever is joined; another join's is stale. */
    boolean isAddressedBy(ClientMessage message) {
        return message.joinRef().isEmpty() || message.joinRef().equals(join.joinRef());
    }

    boolean isWithoutToken() {
        return token.isEmpty();
    }

    boolean hasToken(String other) {
        return token.equals(Optional.of(other));
    }

    void take(String newToken, Claims newClaims) {
        cost += moreFor(newToken);
        token = Optional.of(newToken);
        claims = newClaims;
    }

    /** Until its user's token has come nothing is said to it or by it, since the topic is that user's. */
    void hold() {
        held = true;
    }

    boolean isHeld() {
        return held;
    }

    /** It hears of changes alone: there is no room of its kind. */
    void leaveRoom() {
        withoutRoom = true;
    }

    boolean isWithoutRoom() {
        return withoutRoom;
    }

    void release() {
        held = false;
    }

    /** From now on only what is authorised for the new claims is admitted. */
    void become(ChannelRef next) {
        ref = next;
        live = false;
        missed = false;
    }

    void awaitToken(Instant until, String otherwise) {
        refusal = Optional.of(new Refusal(until, otherwise, true));
    }

    /** Without a token it is live, and may see less than its user would. */
    void wouldLikeToken(Instant until, String otherwise) {
        refusal = Optional.of(new Refusal(until, otherwise, false));
    }

    void tokenCame() {
        refusal = Optional.empty();
    }

    Optional<String> pendingRefusal() {
        return refusal.filter(Refusal::certain).map(Refusal::message);
    }

    Optional<String> refusalDue(Instant now) {
        return refusal.filter(due -> live && !now.isBefore(due.at())).map(Refusal::message);
    }

    void keepPendingToken(ClientMessage.AccessToken message) {
        pendingToken = Optional.of(message);
    }

    Optional<ClientMessage.AccessToken> takePendingToken() {
        Optional<ClientMessage.AccessToken> taken = pendingToken;
        pendingToken = Optional.empty();
        return taken;
    }

    boolean admits(ChannelRef to, Instant now) {
        boolean admitted = isCurrent(to) && now.isBefore(claims.expiresAt());
        missed |= !admitted;
        return admitted;
    }

    @Override
    public boolean hears(Recipients.Cast cast, Instant now) {
        return joined
                && !gone
                && isCurrentUser(now)
                && (standing.isEmpty() || standing.get().admits(cast));
    }

    boolean isCurrentUser(Instant now) {
        return now.isBefore(claims.expiresAt());
    }

    /** Whether these refusals refuse the join as a whole: all bindings, or any where the client waits for all. */
    boolean isRefusedBy(List<ChangeFeed.Refusal> refusals) {
        return refusals.size() == wanted.size() || (join.options().waits() && !refusals.isEmpty());
    }
}
