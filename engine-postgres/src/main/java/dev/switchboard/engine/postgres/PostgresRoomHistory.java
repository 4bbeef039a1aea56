package dev.switchboard.engine.postgres;

import dev.switchboard.engine.channel.RoomHistory;
import dev.switchboard.engine.channel.RoomPolicies;
import dev.switchboard.engine.pipeline.Trouble;
import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.Json;
import dev.switchboard.engine.protocol.JsonBytes;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import javax.sql.DataSource;

/**
 * What is kept in {@code realtime.messages} (the original's conventions), read and written as whoever asks, so that policies decide
 * row by row (SPEC Z6 to Z8). Thread-safe; blocking.
 */
public final class PostgresRoomHistory implements RoomHistory {
    private static final Duration TIMEOUT = Duration.ofSeconds(5);

    /** Bytes of what is replayed at once: it has to fit into what waits for a connection. */
    private static final int LARGEST_REPLAY = 256 * 1024;

    /** Those of one moment come in the order in which they were written. */
    private static final String PAST = """
            select event, id, fits, case when fits then payload end as payload, case when fits then binary_payload end as binary_payload
              from (select event, payload::text as payload, binary_payload, id, inserted_at, tableoid, ctid,
                           sum(coalesce(octet_length(payload::text), 0) + coalesce(octet_length(binary_payload), 0) + 512)
                               over (order by inserted_at desc, tableoid desc, ctid desc) <= ? as fits
                      from (select *, tableoid, ctid from realtime.messages
                             where topic = ? and private and extension = 'broadcast'
                               and octet_length(event) <= 255 and (payload is not null or binary_payload is not null)
                               and inserted_at >= to_timestamp(?) at time zone 'UTC'
                               and inserted_at < (now() at time zone 'UTC') + interval '1 minute'
                               and (expires_at is null or expires_at > now())
                             order by inserted_at desc, tableoid desc, ctid desc limit ?) as latest) as latest
             order by inserted_at, tableoid, ctid
            """;

    /** A commit is decoded before it is visible. Of 32 bits the nearest transaction is meant. */
    private static final String VISIBLE = """
            select coalesce(bool_and(pg_visible_in_snapshot((next + nearest - 2147483648)::text::xid8, pg_current_snapshot())), true)
              from (select next, ((x - next + 2147483648) % 4294967296 + 4294967296) % 4294967296 as nearest
                      from unnest(?::bigint[]) as x, (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next) as now) as said
            """;

    private static final Duration INVISIBLE = Duration.ofSeconds(2);

    private static final String KEEP = """
            insert into realtime.messages (id, topic, extension, private, event, payload, binary_payload, expires_at)
            values (?::uuid, ?, 'broadcast', true, ?, ?::jsonb, ?, now() + make_interval(secs => ?))
            """;

    private static final String DENIED = "42501";
    private static final String INVALID = "22023";

    private final DataSource connections;
    private final Trouble trouble;

    /** @param connections of a user who may take on the roles of tokens */
    public PostgresRoomHistory(DataSource connections, Trouble trouble) {
        this.connections = connections;
        this.trouble = trouble;
    }

    @Override
    public Past past(RoomPolicies.Question who, ClientMessage.Replay.Wanted wanted, Set<Integer> said) {
        try (Connection connection = connections.getConnection();
                PreparedStatement statement = connection.prepareStatement(
                        "begin read only; " + RoomVisitor.BECOME + "; " + PAST + "; rollback")) {
            awaitVisible(connection, said);
            int next = RoomVisitor.bind(statement, who, TIMEOUT);
            statement.setLong(next++, LARGEST_REPLAY);
            statement.setString(next++, who.topic());
            statement.setDouble(next++, wanted.since().toEpochMilli() / 1e3);
            statement.setInt(next, wanted.limit());
            return past(connection, statement);
        } catch (SQLException failed) {
            if (SqlState.isTimeout(failed)) {
                return new Past.Messages(List.of(), true); // asked again it would take as long
            }
            trouble.report("what was said in a private room cannot be replayed", failed);
            return new Past.Unavailable();
        }
    }

    /** What was told to who was there must not be missing for who came a moment later. */
    private static void awaitVisible(Connection connection, Set<Integer> said) throws SQLException {
        if (said.isEmpty()) {
            return;
        }
        String xids = said.stream().map(Integer::toUnsignedString).collect(Collectors.joining(",", "{", "}"));
        long deadline = System.nanoTime() + INVISIBLE.toNanos();
        try (PreparedStatement visible = connection.prepareStatement(VISIBLE)) {
            visible.setString(1, xids);
            while (!isTrue(visible)) {
                if (System.nanoTime() > deadline) {
                    throw new SQLException("what was said is not visible yet", "57P05");
                }
                LockSupport.parkNanos(1_000_000);
            }
        }
    }

    private static boolean isTrue(PreparedStatement query) throws SQLException {
        try (ResultSet row = query.executeQuery()) {
            return row.next() && row.getBoolean(1);
        }
    }

    private static Past past(Connection connection, PreparedStatement statement) throws SQLException {
        try {
            statement.execute();
            RoundTrips.nextRows(statement).close(); // set_config
            var messages = new ArrayList<BroadcastContent>();
            boolean cut = false;
            try (ResultSet row = RoundTrips.nextRows(statement)) {
                while (row.next()) {
                    if (row.getBoolean("fits")) {
                        messages.add(message(row));
                    } else {
                        cut = true;
                    }
                }
            }
            return new Past.Messages(messages, cut);
        } catch (SQLException raised) {
            Impersonation.rollback(connection);
            throw raised;
        }
    }

    private static BroadcastContent message(ResultSet row) throws SQLException {
        String json = row.getString("payload");
        return json == null
                ? new BroadcastContent.Binary(
                        row.getString("event"), row.getBytes("binary_payload"), Optional.of(row.getString("id")), true)
                : BroadcastContent.replayed(
                        row.getString("event"), json.getBytes(StandardCharsets.UTF_8), row.getString("id"));
    }

    @Override
    public Outcome keep(RoomPolicies.Question who, Said said) {
        try (Connection connection = connections.getConnection();
                PreparedStatement statement =
                        connection.prepareStatement("begin; " + RoomVisitor.BECOME + "; " + KEEP + "; commit")) {
            int next = RoomVisitor.bind(statement, who, TIMEOUT);
            statement.setString(next++, said.id().toString());
            statement.setString(next++, who.topic());
            next = bind(statement, next, said.content());
            Optional<Duration> ttl = said.persistence().ttl();
            if (ttl.isPresent()) {
                statement.setDouble(next, (double) ttl.get().toSeconds());
            } else {
                statement.setNull(next, Types.DOUBLE);
            }
            return keep(connection, statement);
        } catch (SQLException failed) {
            if (String.valueOf(failed.getSQLState()).matches("2[23]...")) {
                return Outcome.INVALID; // a value that the table cannot hold
            }
            trouble.report("a broadcast could not be kept", failed);
            return Outcome.FAILED;
        }
    }

    private static int bind(PreparedStatement statement, int first, BroadcastContent content) throws SQLException {
        int next = first;
        switch (content) {
            case BroadcastContent.Text text -> {
                if (!(Json.parse(text.payload()).orElse(Json.NULL) instanceof Json.Fields whole)) {
                    throw new SQLException("nested too deeply", INVALID);
                }
                statement.setString(next++, whole.text("event").orElseThrow());
                Json payload = whole.get("payload").orElse(Json.NULL);
                statement.setString(next++, Json.write(payload, new JsonBytes()).toString());
                statement.setNull(next++, Types.BINARY);
            }
            case BroadcastContent.Binary binary -> {
                statement.setString(next++, binary.event());
                statement.setNull(next++, Types.VARCHAR);
                statement.setBytes(next++, binary.payload());
            }
        }
        return next;
    }

    private static Outcome keep(Connection connection, PreparedStatement statement) throws SQLException {
        try {
            statement.execute();
            return Outcome.KEPT;
        } catch (SQLException raised) {
            Impersonation.rollback(connection);
            if (DENIED.equals(raised.getSQLState())) {
                return Outcome.DENIED;
            }
            throw raised;
        }
    }
}
