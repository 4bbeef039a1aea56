package dev.switchboard.server;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.HikariPoolMXBean;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.data.DataSettings;
import dev.switchboard.data.KeptConnections;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.SessionSettings;
import dev.switchboard.http.Metrics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The connections that the parts have to PostgreSQL, each part its own. Closed once. */
final class Pools implements AutoCloseable {
    private static final int CATALOG_CONNECTIONS = 6;
    private static final int TYPE_CONNECTIONS = 2;
    private static final int ROOM_CONNECTIONS = 4;
    private static final int ACCOUNT_CONNECTIONS = 6;
    private static final int CALL_CONNECTIONS = 10;
    private static final int WEBHOOK_CONNECTIONS = 6;

    /** What a connection of the data API may be silent for beyond a statement's time: roles may have more of it. */
    private static final Duration DATA_GRACE = Duration.ofSeconds(60);

    private final Database owner;
    private final Database reader;
    private final boolean embedded;
    private final Metrics metrics;
    private final List<HikariDataSource> open = new ArrayList<>();

    /**
     * @param owner    of the database's tables
     * @param reader   who takes on the roles of tokens
     * @param embedded whether the database is the server's own
     * @param metrics  of how many connections are in use, and how many requests wait for one
     */
    Pools(Database owner, Database reader, boolean embedded, Metrics metrics) {
        this.metrics = metrics;
        this.owner = owner;
        this.reader = reader;
        this.embedded = embedded;
    }

    HikariDataSource catalog() {
        return open(poolOf(reader, "catalog", CATALOG_CONNECTIONS));
    }

    /** Of its own: types are asked for while a connection of the catalog's is held. */
    HikariDataSource types() {
        return open(poolOf(reader, "types", TYPE_CONNECTIONS));
    }

    /** For questions about private rooms, which come with joins. */
    HikariDataSource rooms() {
        return open(poolOf(reader, "rooms", ROOM_CONNECTIONS));
    }

    /** For looking whether the policies of rooms are what they were, however many ask. */
    HikariDataSource roomWatch() {
        return open(poolOf(reader, "room-watch", 1));
    }

    /** For what is said there and was: of its own, since it may take long, and joins must not wait for it. */
    HikariDataSource roomHistory() {
        return open(poolOf(reader, "room-history", ROOM_CONNECTIONS));
    }

    HikariDataSource accounts() {
        return open(owned("accounts", ACCOUNT_CONNECTIONS));
    }

    /** For endpoints and messages of webhooks. */
    HikariDataSource webhooks() {
        HikariConfig config = owned("webhooks", WEBHOOK_CONNECTIONS);
        // many messages at once take their time, and nobody waits in front of a screen for them
        config.setConnectionInitSql(SessionSettings.forRows() + "; SET statement_timeout = '60s'");
        config.addDataSourceProperty("socketTimeout", "90");
        return open(config);
    }

    /** Whose owner closes it. */
    HikariDataSource calls() {
        HikariConfig config = owned("calls", CALL_CONNECTIONS);
        config.setConnectionInitSql(SessionSettings.forRows() + "; " + CallCentre.CONNECTION_SETTINGS);
        return measured(config);
    }

    /** One connection more than asked for: it listens for changes of the schema. */
    HikariDataSource data(DataSettings settings) {
        HikariConfig config = poolOf(reader, "data", settings.limits().connections() + 1);
        config.addDataSourceProperty(
                "stringtype", "unspecified"); // values are typed by where they stand, as literals are
        config.addDataSourceProperty(
                "socketTimeout",
                Long.toString(settings.limits().statementTimeout().toSeconds() + DATA_GRACE.toSeconds()));
        // what a client's statement raises says nothing of the connection, also where its class is "not supported"
        config.setExceptionOverride(new KeptConnections());
        return open(config);
    }

    private HikariDataSource open(HikariConfig config) {
        HikariDataSource pool = measured(config);
        open.add(pool);
        return pool;
    }

    private HikariDataSource measured(HikariConfig config) {
        var pool = new HikariDataSource(config);
        HikariPoolMXBean state = pool.getHikariPoolMXBean();
        String name = config.getPoolName();
        metrics.gauge(name + ".connections.busy", "Connections to PostgreSQL in use", state::getActiveConnections);
        metrics.gauge(
                name + ".connections.awaited",
                "Requests that wait for a connection",
                state::getThreadsAwaitingConnection);
        return pool;
    }

    /** As the user who owns the embedded database: what a client does wrong is answered, and not written to PostgreSQL's log. */
    private HikariConfig owned(String name, int connections) {
        HikariConfig config = poolOf(owner, name, connections);
        if (embedded) {
            config.addDataSourceProperty("options", "-c log_min_messages=log");
        }
        return config;
    }

    private static HikariConfig poolOf(Database database, String name, int connections) {
        var config = new HikariConfig();
        config.setPoolName(name);
        config.setJdbcUrl(database.url());
        config.setUsername(database.user());
        config.setPassword(database.password());
        config.setMaximumPoolSize(connections);
        config.setMinimumIdle(1);
        config.setConnectionTimeout(8_000); // within the 10 s that clients wait for the reply to a join
        config.setValidationTimeout(1_000);
        config.setConnectionInitSql(SessionSettings.forRows());
        config.addDataSourceProperty("ApplicationName", "switchboard-" + name);
        config.addDataSourceProperty("connectTimeout", "5");
        config.addDataSourceProperty("socketTimeout", "20");
        return config;
    }

    @Override
    public void close() {
        open.forEach(HikariDataSource::close);
    }
}
