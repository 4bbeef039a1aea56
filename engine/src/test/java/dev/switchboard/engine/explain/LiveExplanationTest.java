package dev.switchboard.engine.explain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.channel.ChannelStatus;
import dev.switchboard.engine.channel.ConnectionStatus;
import dev.switchboard.engine.channel.SocketStatus;
import dev.switchboard.engine.deliver.Receipt;
import dev.switchboard.engine.journal.Ending;
import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.journal.Passage;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.pipeline.Progress;
import dev.switchboard.engine.pipeline.SubscriptionCatalog;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.route.Selection;
import dev.switchboard.engine.route.TableSelector;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What depends on the moment in which something happens, and cannot be planted from outside (docs/explain.md). */
class LiveExplanationTest {
    private static final Instant COMMITTED = Instant.parse("2026-01-01T10:00:00Z");
    private static final TableName ORDERS = new TableName("public", "orders");
    private static final Claims ANN =
            new Claims(new ClaimsGroup("authenticated", "{\"sub\":\"ann\"}"), Optional.of("ann"), Instant.MAX);
    private static final ChannelRef CHANNEL =
            new ChannelRef(new ConnectionId(0, 1), 1, "realtime:orders", WireVersion.V2);
    private static final Question QUESTION = new Question(ORDERS, ANN.group(), ANN.subject(), Optional.empty());

    private static final SubscriptionCatalog EVERYTHING = new SubscriptionCatalog() {
        @Override
        public Resolution resolve(Binding binding, ClaimsGroup group) {
            return new Resolution.Resolved(
                    new TableSelector.All(), Optional.empty(), Selection.ALL, true, Optional.empty());
        }

        @Override
        public StartingPoint now() {
            throw new IllegalStateException("nobody joins");
        }

        @Override
        public Set<TableSelector.One> withdrawn() {
            return Set.of();
        }
    };

    private final Journal journal = new Journal();
    private final Receipt receipt = new Receipt(List.of(CHANNEL), 500);
    private List<SocketStatus> sockets = List.of(socket(Optional.empty(), 0, false));

    private static SocketStatus socket(Optional<Instant> acknowledged, long pending, boolean held) {
        var channel = new ChannelStatus(CHANNEL, ANN, true, held, Optional.of(COMMITTED.minusSeconds(1)), List.of());
        return new SocketStatus(new ConnectionStatus(CHANNEL.connection(), acknowledged, List.of(channel)), pending);
    }

    private LiveExplanation explanation() {
        return new LiveSources(journal, new Progress(), _ -> sockets, EVERYTHING, () -> COMMITTED.plusSeconds(9))
                .about(QUESTION);
    }

    private Passage passage() {
        var relation = new Relation(1, ORDERS, ReplicaIdentity.FULL, List.of(new Column("id", 23, true)));
        var change = new Change.Insert(relation, Row.ofTexts(List.of(Optional.of("1"))));
        var transaction = new Transaction(new Lsn(1), COMMITTED, 1);
        return Passage.of(
                new Position(transaction.finalLsn(), 0),
                transaction,
                change,
                COMMITTED.plusMillis(2),
                1,
                List.of(),
                List.of(receipt));
    }

    private Step end(Passage passage) {
        return Step.end(explanation().delivery(passage)).orElseThrow();
    }

    private void ended(ErrorCode code, Instant at) {
        journal.ended(new Ending(at, CHANNEL, ANN, Optional.of(code), code.message()));
    }

    @Test
    void aFrameThatWaitsForAnotherClientIsNamed() {
        assertThat(end(passage()).name()).isEqualTo("delivered");
        assertThat(end(passage()).text()).startsWith("500 bytes wait: another client");
    }

    @Test
    void whatATokenChangeWithheldIsNamed() {
        receipt.handed(COMMITTED.plusMillis(3), List.of(CHANNEL));
        ended(ErrorCode.CLAIMS_CHANGED, COMMITTED.plusMillis(4));

        assertThat(end(passage()).name()).isEqualTo("withheld");
        assertThat(end(passage()).text()).contains("ClaimsChanged: Changes were withheld while the token changed");
    }

    @Test
    void anOverflowAfterItWasQueuedIsNamedAndOneFromBeforeIsNot() {
        receipt.handed(COMMITTED.plusMillis(3), List.of());
        ended(ErrorCode.OVERFLOW, COMMITTED.minusMillis(1));
        assertThat(Step.end(explanation().delivery(passage()))).isEmpty();

        ended(ErrorCode.OVERFLOW, COMMITTED.plusSeconds(1));
        assertThat(end(passage()).name()).isEqualTo("overflow");
    }

    @Test
    void aClientThatDoesNotReadIsTold() {
        receipt.handed(COMMITTED.plusMillis(3), List.of());
        sockets = List.of(socket(Optional.of(COMMITTED), 77, false));

        assertThat(explanation().delivery(passage()))
                .last()
                .isEqualTo(Step.told("acknowledged", "not yet: 77 bytes wait for the client, who does not read"));
    }

    @Test
    void aHeartbeatFromBeforeAcknowledgesNothing() {
        receipt.handed(COMMITTED.plusMillis(3), List.of());
        sockets = List.of(socket(Optional.of(COMMITTED.plusMillis(3)), 0, false));
        assertThat(explanation().delivery(passage()).getLast().outcome()).isEqualTo(Step.Outcome.TOLD);

        sockets = List.of(socket(Optional.of(COMMITTED.plusMillis(4)), 0, false));
        assertThat(explanation().delivery(passage()).getLast().outcome()).isEqualTo(Step.Outcome.PASSED);
    }

    @Test
    void whatCouldNotBeAuthorisedIsNamed() {
        assertThat(end(passage().unanswered()).text()).startsWith("PostgreSQL could not be asked in time");
    }

    @Test
    void aStreamThatIsInterruptedAndAChannelThatWaitsForItsTokenAreNamed() {
        assertThat(Step.end(explanation().arrival(Optional.empty(), false))
                        .orElseThrow()
                        .text())
                .contains("the WAL stream has not started");
        sockets = List.of(socket(Optional.empty(), 0, true));
        assertThat(Step.end(explanation().listeners(Optional.empty(), Optional.empty()))
                        .orElseThrow()
                        .name())
                .isEqualTo("token");
    }
}
