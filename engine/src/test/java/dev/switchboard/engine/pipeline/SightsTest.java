package dev.switchboard.engine.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.history.HistorySettings;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Fence;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.Sight;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.route.TableSelector;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** SPEC A14: who is told that rights have changed, and when. */
class SightsTest {
    private static final int CASES = 1;
    private static final int MEMBERS = 2;
    private static final int OTHERS = 3;
    private static final ClaimsGroup ONE = new ClaimsGroup("authenticated", "{\"sub\":\"1\"}");
    private static final ClaimsGroup TWO = new ClaimsGroup("authenticated", "{\"sub\":\"2\"}");
    private static final TableSelector.One TABLE = new TableSelector.One(new TableName("public", "cases"), CASES);

    private final List<String> told = new ArrayList<>();
    private final Set<ClaimsGroup> known = new HashSet<>();
    private final Set<Integer> invisible = new HashSet<>();
    private final Progress progress = new Progress();
    private final History history = new History(HistorySettings.NONE, InstantSource.system());
    private final Sights sights = new Sights(
            new Authorizer(new RowAccess() {
                @Override
                public List<Answer> ask(List<Question> questions, Set<Integer> xids) {
                    return List.of();
                }

                @Override
                public boolean tells(int table, ClaimsGroup group) {
                    return known.contains(group);
                }

                @Override
                public void awaitVisible(Set<Integer> xids) throws RowAccessUnavailableException {
                    if (xids.stream().anyMatch(invisible::contains)) {
                        throw new RowAccessUnavailableException("not yet", new IllegalStateException("not yet"));
                    }
                }
            }),
            history,
            progress);

    private static ChannelRef channel(int epoch) {
        return new ChannelRef(new ConnectionId(0, epoch), epoch, "realtime:x", WireVersion.V2);
    }

    private boolean open(int epoch, ClaimsGroup group, Optional<Fence> goesOn) {
        var sight = new Sight("v", Optional.of(Set.of(MEMBERS)), true, 0);
        return sights.open(
                channel(epoch),
                new Sights.Wish(group, Map.of(TABLE, sight), () -> told.add("" + epoch), goesOn.isPresent()),
                goesOn);
    }

    private static List<Batch> round(int xid, int table) {
        var relation = new Relation(
                table, new TableName("public", "t"), ReplicaIdentity.DEFAULT, List.of(new Column("id", 25, true)));
        Change change = new Change.Insert(relation, Row.ofTexts(List.of(Optional.of("1"))));
        var transaction = new Transaction(new Lsn(xid), Instant.EPOCH, xid);
        return List.of(new Batch(transaction, 0, List.of(change), 1, Optional.of(new Lsn(xid + 1))));
    }

    @Test
    void A14_whoIsConcernedIsToldOnce() throws Exception {
        open(1, ONE);
        open(2, TWO);
        known.addAll(List.of(ONE, TWO));

        sights.passing(round(7, MEMBERS), Set.of(new RowAccess.Unknown(CASES, ONE, true)));
        assertThat(told).as("after the round").isEmpty();
        tell();
        tell();

        assertThat(told).containsExactly("1");
        assertThat(progress.sightsChanged()).isEqualTo(1);
        assertThat(sights.table(new RowAccess.Unknown(CASES, ONE, true))).contains(TABLE);
        assertThat(sights.table(new RowAccess.Unknown(OTHERS, ONE, true))).isEmpty();
    }

    @Test
    void A14_whereItIsNotKnownWhomItConcernsAllAreToldWhosePoliciesReadTheTable() throws Exception {
        open(1, ONE);
        open(2, TWO);
        known.add(TWO);

        sights.passing(round(7, OTHERS), Set.of());
        sights.passing(round(8, CASES), Set.of());
        tell();
        assertThat(told).as("of no table that they read").isEmpty();

        sights.passing(round(9, MEMBERS), Set.of());
        tell();
        assertThat(told).containsExactly("1");
    }

    /** Whoever is told reads again, and has to see it. */
    @Test
    void A14_nobodyIsToldBeforeItCanBeSeen() throws Exception {
        open(1, ONE);
        invisible.add(7);
        sights.passing(round(7, MEMBERS), Set.of(new RowAccess.Unknown(CASES, ONE, true)));

        assertThatThrownBy(() -> sights.tell(_ -> false)).isInstanceOf(RowAccessUnavailableException.class);
        assertThat(told).isEmpty();
        invisible.clear();
        tell();
        assertThat(told).containsExactly("1");
    }

    /** What it has not been told yet was decided by the rights of before. */
    @Test
    void A14_whoWaitsBeginsAnew() throws Exception {
        open(1, ONE);
        open(2, ONE);
        sights.passing(round(7, MEMBERS), Set.of(new RowAccess.Unknown(CASES, ONE, true)));

        assertThat(sights.tell(channel(1)::equals)).containsExactly(channel(1));
        assertThat(told).containsExactly("2");
    }

    @Test
    void A14_whoIsGoneIsNotTold() throws Exception {
        open(1, ONE);
        open(2, ONE);
        sights.passing(round(7, MEMBERS), Set.of(new RowAccess.Unknown(CASES, ONE, true)));
        sights.forget(channel(1));
        tell();
        assertThat(told).containsExactly("2");

        sights.forget(channel(2));
        assertThat(sights.changed(new SubscriptionCatalog.Resighted(Set.of(TABLE), 1)))
                .isEmpty();
    }

    @Test
    void A14_whatThereWasNoRoomForIsSaidToNobody() throws Exception {
        open(1, ONE);
        sights.passing(round(7, OTHERS), Set.of(new RowAccess.Unknown(CASES, ONE, false)));
        tell();

        assertThat(told).isEmpty();
    }

    /** By then the catalog may say something else than when it was asked, and the stream may have told. */
    @Test
    void A14_whoOpensLateBeginsAnew() throws Exception {
        assertThat(open(1, ONE)).isTrue();
        assertThat(sights.changed(new SubscriptionCatalog.Resighted(Set.of(TABLE), 1)))
                .containsExactly(channel(1));
        assertThat(open(2, ONE)).isFalse();
    }

    @Test
    void A14_H2_whoGoesOnBeginsAnewWhereItsPoliciesReadSomethingElseSince() throws Exception {
        history.begin(Position.before(new Lsn(1)), "here", 1_000);
        round(50, OTHERS).forEach(history::add);
        var fence = new Fence(new StartingPoint(40, Set.of(), new Lsn(40)), new Lsn(40));
        assertThat(open(1, ONE, Optional.of(fence))).isTrue();

        round(60, MEMBERS).forEach(history::add);
        assertThat(open(2, ONE, Optional.of(fence))).isFalse();
        assertThat(open(3, ONE, Optional.of(fence.after(new Position(new Lsn(60), 0)))))
                .isTrue();
    }

    /** What a stream of other publications has not brought cannot be told. */
    @Test
    void A14_otherPublicationsBeginAnew() throws Exception {
        open(1, ONE);
        assertThat(sights.carried(List.of("all"))).isEmpty();
        assertThat(sights.carried(List.of("all"))).isEmpty();
        assertThat(sights.carried(List.of("some"))).containsExactly(channel(1));
    }

    private boolean open(int epoch, ClaimsGroup group) {
        return open(epoch, group, Optional.empty());
    }

    private void tell() throws RowAccessUnavailableException {
        assertThat(sights.tell(_ -> false)).isEmpty();
    }
}
