package dev.switchboard.engine.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.authorize.RowAccessUnavailableException;
import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.encode.ColumnType;
import dev.switchboard.engine.history.History;
import dev.switchboard.engine.history.HistorySettings;
import dev.switchboard.engine.journal.Journal;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Fence;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.Transaction;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.route.EventKind;
import dev.switchboard.engine.route.Selection;
import dev.switchboard.engine.route.Subscription;
import dev.switchboard.engine.route.TableSelector;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class RouterTest {
    private static class SilentSink implements Sink {
        @Override
        public void deliver(int loop, Supplier<List<Recipients>> recipients) {}

        @Override
        public void cast(int loop, int bytes, Supplier<List<Recipients>> recipients) {
            throw new IllegalStateException("broadcasts do not pass the pipeline");
        }

        @Override
        public void execute(int loop, Runnable task) {}
    }

    private static final Time TIME = new Time() {
        @Override
        public Instant instant() {
            return Instant.EPOCH;
        }

        @Override
        public void pause(Duration duration) {}

        @Override
        public double random() {
            return 0;
        }
    };

    private static final Relation TABLE = relation(1, new TableName("public", "t"), "id");
    private static final Relation MESSAGES =
            relation(2, new TableName("realtime", "messages"), "topic", "event", "extension", "payload");

    private static Relation relation(int oid, TableName name, String... columns) {
        return new Relation(
                oid,
                name,
                ReplicaIdentity.FULL,
                Stream.of(columns).map(column -> new Column(column, 25, true)).toList());
    }

    @Test
    void D1_aRoundThatIsHeldWhenThePipelineClosesIsNotConfirmed() {
        var inbox = new Inbox();
        var progress = new Progress();
        RowAccess access = (_, _) -> {
            progress.close();
            inbox.close();
            throw new RowAccessUnavailableException("gone", new IllegalStateException("gone"));
        };
        var channel = new ChannelRef(new ConnectionId(0, 1), 1, "realtime:x", WireVersion.V2);
        inbox.put(new Inbox.Item.Open(channel, List.of(all(channel)), Optional.empty(), Optional.empty(), () -> {}));
        inbox.put(new Inbox.Item.Changes(batch()));

        router(inbox, access, progress).run();

        assertThat(progress.accessRetries()).isEqualTo(1);
        assertThat(progress.delivered()).isEqualTo(Lsn.NONE);
    }

    @Test
    void KF30_whoGoesOnUnderAnotherTokenHearsOfNothingFromBeforeTheJoin() {
        var inbox = new Inbox();
        var progress = new Progress();
        var asked = new ArrayList<Integer>();
        RowAccess access = (_, xids) -> {
            asked.addAll(xids);
            progress.close();
            inbox.close();
            throw new RowAccessUnavailableException("gone", new IllegalStateException("gone"));
        };
        var former = new ChannelRef(new ConnectionId(0, 1), 1, "realtime:x", WireVersion.V2);
        var present = new ChannelRef(new ConnectionId(0, 1), 2, "realtime:x", WireVersion.V2);
        var start = new StartingPoint(5, Set.of(), new Lsn(200));
        inbox.put(new Inbox.Item.Open(
                former,
                List.of(all(former)),
                Optional.empty(),
                Optional.of(new Fence(start, start.position())),
                () -> {}));
        inbox.put(new Inbox.Item.Open(present, List.of(all(present)), Optional.of(former), Optional.empty(), () -> {}));
        inbox.put(new Inbox.Item.Changes(batch(100, 1)));
        inbox.put(new Inbox.Item.Changes(batch(300, 9)));

        router(inbox, access, progress).run();

        assertThat(asked).containsExactly(9);
    }

    /** Y: what the database says comes between the changes around it, which are asked about together all the same. */
    @Test
    void Y_messagesBetweenChangesCostNoQuestionsAndKeepTheirPlaces() {
        var inbox = new Inbox();
        var progress = new Progress();
        var told = new ArrayList<String>();
        var questions = new ArrayList<Integer>();
        RowAccess access = (asked, _) -> {
            questions.add(asked.getFirst().images().size());
            progress.close();
            inbox.close();
            var three = new BitSet();
            three.set(0, 3);
            return List.of(new RowAccess.Answer(three, three.get(0, 1), false));
        };
        var channel = new ChannelRef(new ConnectionId(0, 1), 1, "realtime:x", WireVersion.V2);
        inbox.put(new Inbox.Item.Open(channel, List.of(all(channel)), Optional.empty(), Optional.empty(), () -> {}));
        inbox.put(new Inbox.Item.Changes(
                batch(100, 1, message("a"), row("1"), message("b"), message("c"), row("2"), row("3"), message("d"))));
        var sink = new SilentSink() {
            @Override
            public void deliver(int loop, Supplier<List<Recipients>> batch) {
                told.add(batch.get().size() + " frames");
            }
        };

        router(inbox, access, new Router.Outcome(sink, progress, new Journal(), (room, _) -> told.add(room.topic())))
                .run();

        assertThat(questions).containsExactly(3);
        assertThat(told)
                .containsExactly("realtime:a", "1 frames", "realtime:b", "realtime:c", "2 frames", "realtime:d");
    }

    /** Y: whoever hears in rooms hears all, also where the changes around it could not be handled. */
    @Test
    void Y_messagesAreSaidWhereARoundFails() {
        var inbox = new Inbox();
        var progress = new Progress();
        var told = new ArrayList<String>();
        RowAccess access = (_, _) -> {
            progress.close();
            inbox.close();
            throw new IllegalStateException("a fault");
        };
        var channel = new ChannelRef(new ConnectionId(0, 1), 1, "realtime:x", WireVersion.V2);
        inbox.put(new Inbox.Item.Open(channel, List.of(all(channel)), Optional.empty(), Optional.empty(), () -> {}));
        inbox.put(new Inbox.Item.Changes(batch(100, 1, message("a"), row("1"), message("b"))));

        router(
                        inbox,
                        access,
                        new Router.Outcome(
                                new SilentSink(), progress, new Journal(), (room, _) -> told.add(room.topic())))
                .run();

        assertThat(told).containsExactly("realtime:a", "realtime:b");
    }

    private static Subscription all(ChannelRef channel) {
        return new Subscription(
                channel,
                1,
                EventKind.ALL,
                new TableSelector.All(),
                Optional.empty(),
                Selection.ALL,
                new ClaimsGroup("anon", "{}"));
    }

    private static Router router(Inbox inbox, RowAccess access, Progress progress) {
        return router(inbox, access, new Router.Outcome(new SilentSink(), progress, new Journal(), (_, _) -> {}));
    }

    private static Router router(Inbox inbox, RowAccess access, Router.Outcome outcome) {
        return new Router(
                inbox,
                new Router.Past(new History(HistorySettings.NONE, TIME), Optional.empty()),
                access,
                _ -> new ColumnType.Scalar("text", ColumnType.Form.TEXT),
                RoomPolicies.NONE,
                outcome,
                new Router.Retries(TIME, (_, _) -> {}, Duration.ofSeconds(30)));
    }

    private static Batch batch() {
        return batch(100, 1);
    }

    private static Batch batch(long finalLsn, int xid) {
        return batch(finalLsn, xid, row("1"));
    }

    private static Batch batch(long finalLsn, int xid, Change... changes) {
        var transaction = new Transaction(new Lsn(finalLsn), Instant.EPOCH, xid);
        return new Batch(transaction, 0, List.of(changes), changes.length, Optional.of(new Lsn(finalLsn + 20)));
    }

    private static Change row(String id) {
        return new Change.Insert(TABLE, Row.ofTexts(List.of(Optional.of(id))));
    }

    private static Change message(String topic) {
        return new Change.Insert(
                MESSAGES,
                Row.ofTexts(Stream.of(topic, "said", "broadcast", "{}")
                        .map(Optional::of)
                        .toList()));
    }
}
