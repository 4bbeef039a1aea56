package dev.switchboard.bench;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.engine.authorize.RowAccess;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.pipeline.SubscriptionCatalog;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.PostgresRowAccess;
import dev.switchboard.engine.postgres.PostgresSubscriptionCatalog;
import dev.switchboard.engine.postgres.PostgresTypeCatalog;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.route.EventKind;
import dev.switchboard.engine.route.Subscription;
import dev.switchboard.engine.route.SubscriptionIndex;
import java.lang.management.ManagementFactory;
import java.lang.ref.Reference;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * (g) Heap that a subscription with an equality filter takes beside its channel, and a group of claims whose standing with a table is
 * known: the engine's own objects, in this process, made by a server's database.
 */
final class MemoryBench {
    private static final int CONNECTIONS = 8;
    private static final String PUBLICATION = "supabase_realtime";
    private static final TableName TABLE = new TableName("public", "bench_rows");

    private final Report report;
    private final int subscriptions;
    private final int groups;

    MemoryBench(Report report, int subscriptions, int groups) {
        this.report = report;
        this.subscriptions = subscriptions;
        this.groups = groups;
    }

    void run() throws Exception {
        try (ServerProcess server = new ServerProcess()) {
            prepare(server.database());
            ofSubscriptions(server.database());
            ofGroups(server.database(), "own rows", "owner = (select auth.uid())");
            ofGroups(
                    server.database(),
                    "membership table, 2 organizations each",
                    "organization in (select m.organization from bench_members m where m.member = (select auth.uid()))");
        }
    }

    private static void prepare(Database database) throws SQLException {
        execute(
                database,
                "create table bench_rows (id serial primary key, owner uuid, organization uuid)",
                "create table bench_members (member uuid, organization uuid, primary key (member, organization))",
                "grant select on bench_rows, bench_members to authenticated",
                "alter table bench_rows enable row level security",
                "create policy bench on bench_rows for select using (true)",
                "alter publication supabase_realtime add table bench_rows",
                "alter publication switchboard_dependencies add table bench_members");
    }

    /** Each of a channel of its own; connections, channels and claims are there before. */
    private void ofSubscriptions(Database database) throws Exception {
        ClaimsGroup group = group(UUID.randomUUID());
        var channels = new ArrayList<ChannelRef>();
        var filters = new ArrayList<String>();
        for (int i = 0; i < subscriptions; i++) {
            channels.add(new ChannelRef(new ConnectionId(0, i), i, "realtime:rows", WireVersion.V2));
            filters.add("owner=eq." + UUID.randomUUID());
        }
        var index = new SubscriptionIndex();
        long before = used();
        try (HikariDataSource pool = pool(database);
                ExecutorService threads = Executors.newFixedThreadPool(CONNECTIONS)) {
            var catalog = new PostgresSubscriptionCatalog(pool, new PostgresTypeCatalog(pool), PUBLICATION);
            var made = new ArrayList<Future<Subscription>>();
            for (int i = 0; i < subscriptions; i++) {
                made.add(threads.submit(resolve(catalog, channels.get(i), new String(filters.get(i)), group)));
                if (made.size() == 1_000 || i == subscriptions - 1) {
                    add(index, made);
                    made.clear();
                }
            }
        }
        try {
            double each = (used() - before) / (double) index.size();
            report.figure(
                    "memory", index.size() + " subscriptions with an equality filter, each", each, "bytes", "<= 300");
        } finally {
            List.of(index, channels, filters).forEach(Reference::reachabilityFence);
        }
    }

    private static Callable<Subscription> resolve(
            SubscriptionCatalog catalog, ChannelRef channel, String filter, ClaimsGroup group) {
        return () -> {
            var binding = new Binding(
                    "*", Optional.of("public"), Optional.of("bench_rows"), Optional.of(filter), Optional.empty());
            return switch (catalog.resolve(binding, group)) {
                case SubscriptionCatalog.Resolution.Refused(var why) -> throw new IllegalStateException(why);
                case SubscriptionCatalog.Resolution.Resolved resolved ->
                    new Subscription(
                            channel,
                            binding.id(),
                            EventKind.ALL,
                            resolved.table(),
                            resolved.filter(),
                            resolved.selection(),
                            group);
            };
        };
    }

    private static void add(SubscriptionIndex index, List<Future<Subscription>> made)
            throws InterruptedException, ExecutionException {
        for (Future<Subscription> future : made) {
            Subscription subscription = future.get();
            index.add(subscription.channel(), List.of(subscription));
        }
    }

    private void ofGroups(Database database, String words, String policy) throws Exception {
        execute(database, "alter policy bench on bench_rows using (" + policy + ")", "truncate bench_members");
        var questions = new ArrayList<RowAccess.Question>();
        int oid = oid(database);
        var relation = new Relation(oid, TABLE, ReplicaIdentity.DEFAULT, List.of());
        var members = new StringBuilder();
        for (int i = 0; i < groups; i++) {
            UUID user = UUID.randomUUID();
            questions.add(RowAccess.Question.ofNoRow(relation, group(user)));
            members.append(i == 0 ? "" : ",")
                    .append("('")
                    .append(user)
                    .append("',gen_random_uuid()),('")
                    .append(user)
                    .append("',gen_random_uuid())");
        }
        execute(database, "insert into bench_members values " + members);
        long before = used();
        try (var access = new PostgresRowAccess(database, (_, _) -> {}, 0)) {
            access.carried(List.of(PUBLICATION, "switchboard_dependencies"));
            for (int i = 0; i < groups; i += 100) {
                access.ask(questions.subList(i, Math.min(groups, i + 100)), Set.of());
            }
            try {
                double each = (used() - before) / (double) groups;
                report.figure("memory", groups + " groups, " + words + ": each", each, "bytes", "");
            } finally {
                Reference.reachabilityFence(questions);
            }
        }
    }

    private static int oid(Database database) throws SQLException {
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                Statement statement = connection.createStatement();
                var row = statement.executeQuery("select 'bench_rows'::regclass::oid")) {
            row.next();
            return (int) row.getLong(1);
        }
    }

    private static ClaimsGroup group(UUID user) {
        return new ClaimsGroup("authenticated", "{\"role\":\"authenticated\",\"sub\":\"" + user + "\"}");
    }

    private static HikariDataSource pool(Database database) {
        var config = new HikariConfig();
        config.setJdbcUrl(database.url());
        config.setUsername(database.user());
        config.setPassword(database.password());
        config.setMaximumPoolSize(CONNECTIONS);
        return new HikariDataSource(config);
    }

    private static void execute(Database database, String... statements) throws SQLException {
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    /** Of the heap after a collection. */
    private static long used() {
        long used = Long.MAX_VALUE;
        for (int i = 0; i < 5; i++) {
            System.gc();
            used = Math.min(
                    used,
                    ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
        }
        return used;
    }
}
