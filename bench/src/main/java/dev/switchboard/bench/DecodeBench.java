package dev.switchboard.bench;

import dev.switchboard.engine.authorize.Grant;
import dev.switchboard.engine.decode.TransactionAssembler;
import dev.switchboard.engine.encode.ChangeEncoder;
import dev.switchboard.engine.encode.TypeCatalog;
import dev.switchboard.engine.model.Batch;
import dev.switchboard.engine.model.Change;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.pipeline.WalSource;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.PostgresTypeCatalog;
import dev.switchboard.engine.postgres.PostgresWalSource;
import dev.switchboard.engine.route.EventKind;
import dev.switchboard.engine.route.Routed;
import dev.switchboard.engine.route.Selection;
import dev.switchboard.engine.route.Subscription;
import dev.switchboard.engine.route.SubscriptionIndex;
import dev.switchboard.engine.route.TableSelector;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * (c) Rows per second decoded, routed and encoded, against reading the same stream and doing nothing with it. Each run
 * reads the same WAL from a copy of the same slot; the runs alternate.
 */
final class DecodeBench {
    private static final String BENCH = "decode";
    private static final int ROWS_PER_TRANSACTION = 100;
    private static final int RUNS = 5;

    private final Report report;
    private final int rows;

    DecodeBench(Report report, int rows) {
        this.report = report;
        this.rows = rows;
    }

    /** What is done with each message; says how many rows it was. */
    private interface Work {
        int take(ByteBuffer message) throws Exception;
    }

    void run() throws Exception {
        try (ServerProcess server = new ServerProcess();
                Connection connection = connect(server.database())) {
            Database database = server.database();
            load(connection);
            var raw = new ArrayList<Double>();
            var ours = new ArrayList<Double>();
            for (int run = -1; run < RUNS; run++) {
                double reading = read(connection, database, message -> message.get(message.position()) == 'I' ? 1 : 0);
                double working = read(connection, database, pipeline(database));
                if (run >= 0) { // the first is for the compiler
                    raw.add(reading);
                    ours.add(working);
                }
            }
            raw.sort(null);
            ours.sort(null);
            report.figure(BENCH, "rows read raw, median of " + RUNS, raw.get(RUNS / 2), "rows/s", "");
            report.figure(BENCH, "rows decoded, routed and encoded, median", ours.get(RUNS / 2), "rows/s", "");
            report.figure(BENCH, "ratio of medians", ours.get(RUNS / 2) / raw.get(RUNS / 2), "x", ">= 0.75");
            report.figure(BENCH, "ratio of the best runs", ours.getLast() / raw.getLast(), "x", "");
        }
    }

    private static Connection connect(Database database) throws SQLException {
        return DriverManager.getConnection(database.url(), database.user(), database.password());
    }

    private void load(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(
                    "create table bench_rows (id bigint primary key, organization_id uuid, sid text, direction text,"
                            + " from_number text, to_number text, state text, started_at timestamptz, answered_at timestamptz,"
                            + " talk_s int, hold_s int, score numeric, insights jsonb, tags text[], active bool, note text)");
            statement.execute("alter table bench_rows replica identity full");
            statement.execute("create publication bench for table bench_rows");
            statement.execute("select pg_create_logical_replication_slot('bench_start', 'pgoutput')");
            for (int from = 0; from < rows; from += ROWS_PER_TRANSACTION) {
                statement.execute("insert into bench_rows select i, gen_random_uuid(), 'CA' || md5(i::text), 'inbound',"
                        + " '+15550100', '+15550199', 'ringing', now(), null, i % 900, 7, 93.5,"
                        + " '{\"topic\": \"billing\", \"mood\": [0.1, 0.2]}', array['a', 'b c'], true, repeat('x', 400)"
                        + " from generate_series(" + from + ", " + (from + ROWS_PER_TRANSACTION - 1) + ") as i");
            }
        }
    }

    private double read(Connection connection, Database database, Work work) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.execute("select pg_copy_logical_replication_slot('bench_start', 'bench_run')");
        }
        var source = new PostgresWalSource(database, "bench_run", "bench");
        int seen = 0;
        long start = 0;
        long end;
        try (WalSource.Stream stream = source.open(Lsn.NONE)) {
            while (seen < rows) {
                Optional<ByteBuffer> message = stream.read();
                if (message.isPresent()) {
                    start = start == 0 ? System.nanoTime() : start;
                    seen += work.take(message.get());
                }
            }
            end = System.nanoTime();
        } finally {
            source.close();
        }
        drop(connection);
        return rows / ((end - start) / 1e9);
    }

    /** The walsender needs a moment to see that nobody reads any more. */
    private static void drop(Connection connection) throws SQLException, InterruptedException {
        for (int attempt = 0; ; attempt++) {
            try (Statement statement = connection.createStatement()) {
                statement.execute("select pg_drop_replication_slot('bench_run')");
                return;
            } catch (SQLException active) {
                if (attempt == 100) {
                    throw active;
                }
                Thread.sleep(50);
            }
        }
    }

    private static Work pipeline(Database database) {
        var dataSource = new PGSimpleDataSource();
        dataSource.setUrl(database.url());
        dataSource.setUser(database.user());
        dataSource.setPassword(database.password());
        TypeCatalog types = new PostgresTypeCatalog(dataSource);
        var index = new SubscriptionIndex();
        var channel = new ChannelRef(new ConnectionId(0, 1), 1, "realtime:bench", WireVersion.V2);
        index.add(
                channel,
                List.of(new Subscription(
                        channel,
                        7,
                        EventKind.ALL,
                        new TableSelector.Schema("public"),
                        Optional.empty(),
                        Selection.ALL,
                        new ClaimsGroup("authenticated", "{}"))));
        var assembler = new TransactionAssembler(Position.START);
        long[] bytes = new long[1];
        return message -> {
            Optional<Batch> batch = assembler.take(message);
            if (batch.isEmpty()) {
                return 0;
            }
            long number = batch.get().firstIndex();
            for (Change change : batch.get().changes()) {
                Routed routed = index.route(batch.get().transaction(), number, change);
                var columns = new BitSet();
                columns.set(0, change.relation().columns().size());
                var encoder = new ChangeEncoder(
                        batch.get().transaction(), number++, change, ChangeEncoder.types(change, types));
                for (Subscription subscription : routed.certain()) {
                    bytes[0] += encoder.frame(
                                    new ChangeEncoder.View(columns, Grant.OldImage.HIDDEN, Optional.empty(), false),
                                    subscription.channel().topic(),
                                    List.of(subscription.binding()),
                                    WireVersion.V2)
                            .payload()
                            .length;
                }
            }
            return batch.get().changes().size();
        };
    }
}
