package dev.switchboard.engine.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.authorize.Authorizer;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.Sight;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.route.TableSelector;
import java.time.Instant;
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
            progress);

    private static ChannelRef channel(int epoch) {
        return new ChannelRef(new ConnectionId(0, epoch), epoch, "realtime:x", WireVersion.V2);
    }

    private void open(int epoch, ClaimsGroup group, boolean atOnce) {
        var sight = new Sight("v", Optional.of(Set.of(MEMBERS)));
        sights.open(channel(epoch), new Sights.Wish(group, Map.of(TABLE, sight), () -> told.add("" + epoch), atOnce));
    }

    private static List<Batch> round(int xid, int table) {
        var relation = new Relation(
                table, new TableName("public", "t"), ReplicaIdentity.DEFAULT, List.of(new Column("id", 25, true)));
        Change change = new Change.Insert(relation, Row.ofTexts(List.of(Optional.of("1"))));
        var transaction = new Transaction(new Lsn(xid), Instant.EPOCH, xid);
        return List.of(new Batch(transaction, 0, List.of(change), 1, Optional.of(new Lsn(xid + 1))));
    }

    @Test
    void A14_whoIsConcernedIsToldOnce() {
        open(1, ONE, false);
        open(2, TWO, false);
        known.addAll(List.of(ONE, TWO));

        sights.passing(round(7, MEMBERS), Set.of(new RowAccess.Unknown(CASES, ONE)));
        assertThat(told).as("after the round").isEmpty();
        sights.tell();
        sights.tell();

        assertThat(told).containsExactly("1");
        assertThat(progress.sightsChanged()).isEqualTo(1);
        assertThat(sights.table(new RowAccess.Unknown(CASES, ONE))).contains(TABLE);
        assertThat(sights.table(new RowAccess.Unknown(OTHERS, ONE))).isEmpty();
    }

    @Test
    void A14_whereItIsNotKnownWhomItConcernsAllAreToldWhosePoliciesReadTheTable() {
        open(1, ONE, false);
        open(2, TWO, false);
        known.add(TWO);

        sights.passing(round(7, OTHERS), Set.of());
        sights.passing(round(8, CASES), Set.of());
        sights.tell();
        assertThat(told).as("of no table that they read").isEmpty();

        sights.passing(round(9, MEMBERS), Set.of());
        sights.tell();
        assertThat(told).containsExactly("1");
    }

    /** Whoever is told reads again, and has to see it. */
    @Test
    void A14_nobodyIsToldBeforeItCanBeSeen() {
        open(1, ONE, false);
        invisible.add(7);
        sights.passing(round(7, MEMBERS), Set.of(new RowAccess.Unknown(CASES, ONE)));
        sights.tell();
        assertThat(told).isEmpty();

        invisible.clear();
        sights.tell();
        assertThat(told).containsExactly("1");
    }

    @Test
    void A14_whoIsGoneIsNotTold() {
        open(1, ONE, true);
        open(2, ONE, true);
        sights.forget(channel(1));
        sights.changed(List.of(TABLE));
        sights.tell();

        assertThat(told).containsExactly("2");
    }
}
