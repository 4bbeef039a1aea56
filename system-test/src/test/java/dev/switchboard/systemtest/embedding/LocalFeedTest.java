package dev.switchboard.systemtest.embedding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.LocalFeed;
import dev.switchboard.engine.postgres.Preparation;
import dev.switchboard.junit.SwitchboardExtension;
import dev.switchboard.junit.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The engine alone (docs/embedding.md): what a user may see of two tables, in a plain program. */
@Timeout(120)
@ExtendWith(SwitchboardExtension.class)
class LocalFeedTest {
    private static final ClaimsGroup ANN = new ClaimsGroup(
            "authenticated", "{\"role\":\"authenticated\",\"sub\":\"00000000-0000-0000-0000-00000000000a\"}");

    private final List<String> heard = new CopyOnWriteArrayList<>();
    private final List<String> missed = new CopyOnWriteArrayList<>();

    private final class Hearing implements LocalFeed.Subscriber {
        @Override
        public void changed(String change) {
            heard.add(change);
        }

        @Override
        public void missed(String why) {
            missed.add(why);
        }
    }

    @BeforeAll
    static void prepare(TestDatabase database) {
        var preparation = new Preparation(database.database(), "feed", "local_feed");
        preparation.lacks().forEach(preparation::mend);
        database.execute("""
                create table orders (id int primary key, owner uuid);
                create table lines (id int primary key, owner uuid);
                alter table orders replica identity full; -- else a DELETE carries no owner, and is withheld
                alter table orders enable row level security;
                alter table lines enable row level security;
                create policy own on orders for select using (owner = auth.uid());
                create policy own on lines for select using (owner = auth.uid());
                grant select on orders, lines to authenticated;
                alter publication feed add table orders, lines""");
    }

    @BeforeEach
    void empty(TestDatabase database) {
        database.execute("delete from orders; delete from lines");
    }

    private static LocalFeed start(TestDatabase database) {
        return LocalFeed.start(
                database.database(), "local_feed", "feed", (what, cause) -> System.out.println(what + ": " + cause));
    }

    private static TableName table(String name) {
        return new TableName("public", name);
    }

    @Test
    void changesOfTwoTablesComeUnderTheUsersClaims(TestDatabase database) {
        try (LocalFeed feed = start(database)) {
            feed.subscribe(ANN, table("orders"), Optional.empty(), new Hearing())
                    .join();
            feed.subscribe(ANN, table("lines"), Optional.of("id=gt.1"), new Hearing())
                    .join();
            database.execute("""
                    insert into orders values (1, gen_random_uuid()), (2, '00000000-0000-0000-0000-00000000000a');
                    insert into lines values (1, '00000000-0000-0000-0000-00000000000a'), (2, '00000000-0000-0000-0000-00000000000a');
                    delete from orders where id = 2""");
            await().untilAsserted(() -> assertThat(heard).hasSize(3));
        }

        assertThat(heard.get(0)).contains("\"table\":\"orders\"", "\"type\":\"INSERT\"", "\"id\":2");
        assertThat(heard.get(1)).contains("\"table\":\"lines\"", "\"id\":2");
        assertThat(heard.get(2)).contains("\"table\":\"orders\"", "\"type\":\"DELETE\"");
        assertThat(missed).isEmpty();
    }

    @Test
    void whatCannotBeSubscribedToSaysWhy(TestDatabase database) {
        try (LocalFeed feed = start(database)) {
            var refused = feed.subscribe(ANN, table("nothing"), Optional.empty(), new Hearing());

            assertThatThrownBy(refused::join).hasMessageContaining("table public.nothing does not exist");
        }
    }

    /** What empties a table cannot be told row by row: the subscriber is told, and goes on. */
    @Test
    void aSubscriberIsToldWhatItMissedAndGoesOn(TestDatabase database) {
        try (LocalFeed feed = start(database)) {
            feed.subscribe(ANN, table("orders"), Optional.empty(), new Hearing())
                    .join();
            database.execute("truncate orders");
            await().untilAsserted(() -> assertThat(missed).hasSize(2));
            assertThat(missed.getLast()).contains("live again");
            await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
                database.execute(
                        "insert into orders select coalesce(max(id), 0) + 1, '00000000-0000-0000-0000-00000000000a' from orders");
                assertThat(heard).isNotEmpty();
            });
        }

        assertThat(missed).hasSize(2);
    }

    @Test
    void aSubscriberThatFailsHoldsNobodyUp(TestDatabase database) {
        try (LocalFeed feed = start(database)) {
            feed.subscribe(ANN, table("lines"), Optional.empty(), change -> {
                        throw new IllegalStateException("not today");
                    })
                    .join();
            feed.subscribe(ANN, table("lines"), Optional.empty(), new Hearing()).join();
            database.execute("insert into lines values (7, '00000000-0000-0000-0000-00000000000a')");
            await().untilAsserted(() -> assertThat(heard).hasSize(1));
        }
    }

    /** A program that awaits a subscription is told that there will be none. */
    @Test
    void aClosedFeedRefusesAtOnce(TestDatabase database) {
        LocalFeed feed = start(database);
        feed.close();

        assertThat(feed.subscribe(ANN, table("orders"), Optional.empty(), new Hearing()))
                .failsWithin(Duration.ofSeconds(1))
                .withThrowableThat()
                .withMessageContaining("closed");
    }

    /** A subscriber that hangs does not keep its feed from being closed, nor its program from hearing of it. */
    @Test
    void aFeedIsClosedUnderASubscriberThatHangs(TestDatabase database) throws Exception {
        var begun = new CountDownLatch(1);
        var never = new CountDownLatch(1);
        LocalFeed feed = start(database);
        feed.subscribe(ANN, table("orders"), Optional.empty(), _ -> {
                    begun.countDown();
                    try {
                        never.await();
                    } catch (InterruptedException closing) {
                        Thread.currentThread().interrupt();
                    }
                })
                .join();
        database.execute("insert into orders values (1, '00000000-0000-0000-0000-00000000000a')");
        begun.await();
        var waiting = feed.subscribe(ANN, table("lines"), Optional.empty(), new Hearing());
        feed.close();

        assertThat(waiting).failsWithin(Duration.ofSeconds(1));
    }
}
