package dev.switchboard.callcenter;

import dev.switchboard.callcenter.CallCentre.Work;
import dev.switchboard.callcenter.command.Refusal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What telephone providers say: each message once, stored under its key, applied and answered in one transaction. One that
 * cannot be applied is kept, and taken up again (SPEC L19). Thread-safe.
 */
public final class ProviderInbox {
    /** So often a message is taken up before it is left for people to look at. */
    static final int MOST_TRIES = 10;
    /** How long a message is left to who took it in, before it is taken up again. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private static final String STORE =
            "insert into public.provider_events as e (organization_id, provider, dedup_key, headers, body, verified, received_at)"
                    + " values (?, ?, ?, ?::jsonb, ?::jsonb, true, ?)"
                    + " on conflict (provider, dedup_key) do update set attempts = e.attempts + 1"
                    + " returning id, applied, response";
    private static final String APPLIED =
            "update public.provider_events set applied = true, result = ?, response = ?, organization_id = coalesce(organization_id, ?)"
                    + " where id = ?";
    private static final String FAILED =
            "update public.provider_events set result = ? where provider = ? and dedup_key = ?";
    private static final String LEFT =
            "select provider, dedup_key, organization_id, headers::text, body::text from public.provider_events"
                    + " where provider = ? and not applied and attempts < " + MOST_TRIES
                    + " and received_at < ?::timestamptz order by received_at limit 100";

    private final CallCentre calls;

    public ProviderInbox(CallCentre calls) {
        this.calls = calls;
    }

    /**
     * One message, whose signature was good.
     *
     * @param key     the same for the same message, as long as the provider sends it again
     * @param headers a JSON object: what is to be kept of how it came
     * @param body    a JSON object
     */
    public record Message(String provider, String key, Optional<UUID> organization, String headers, String body) {}

    /** What a message comes to. */
    public interface Application {
        /**
         * Does what it says, and answers it.
         *
         * @throws SQLException where it has to be done again
         */
        String apply(Receiving receiving) throws SQLException;
    }

    /**
     * Takes a message in.
     *
     * @return what it is answered; of a repeated one, as before
     * @throws CallCentreException where it could not be applied now; it is kept
     */
    public String accept(Message message, Application application) {
        Answer answer;
        try {
            answer = calls.settle(calls.transaction(connection -> within(connection, message, application)));
        } catch (CallCentreException failed) {
            keep(message, String.valueOf(failed.getMessage()));
            throw failed;
        }
        return switch (answer) {
            case Answer.Done(String said) -> said;
            case Answer.Repeated(String said) -> said;
            case Answer.Refused(Refusal _, String detail, var _) -> {
                keep(message, detail);
                throw new CallCentreException("a message could not be applied: " + detail, new SQLException(detail));
            }
        };
    }

    private Work within(Connection connection, Message message, Application application) throws SQLException {
        UUID id;
        try (PreparedStatement statement = connection.prepareStatement(STORE)) {
            bind(statement, message);
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                if (row.getBoolean("applied")) {
                    return Work.answered(new Answer.Repeated(String.valueOf(row.getString("response"))));
                }
                id = row.getObject("id", UUID.class);
            }
        }
        var receiving = new Receiving(calls, connection);
        String said = application.apply(receiving);
        try (PreparedStatement statement = connection.prepareStatement(APPLIED)) {
            statement.setString(1, receiving.result());
            statement.setString(2, said);
            statement.setObject(3, receiving.organization().orElse(null));
            statement.setObject(4, id);
            statement.executeUpdate();
        }
        return receiving.work(said);
    }

    private void bind(PreparedStatement statement, Message message) throws SQLException {
        statement.setObject(1, message.organization().orElse(null));
        statement.setString(2, message.provider());
        statement.setString(3, message.key());
        statement.setString(4, message.headers());
        statement.setString(5, message.body());
        statement.setObject(6, calls.clock().instant().atOffset(ZoneOffset.UTC));
    }

    /** What could not be applied is in the books all the same, and its tries are counted. */
    public void keep(Message message, String error) {
        try (Connection connection = calls.connections().getConnection();
                PreparedStatement store = connection.prepareStatement(STORE);
                PreparedStatement failed = connection.prepareStatement(FAILED)) {
            bind(store, message);
            store.execute();
            failed.setString(1, error);
            failed.setString(2, message.provider());
            failed.setString(3, message.key());
            failed.executeUpdate();
        } catch (SQLException lost) {
            throw new CallCentreException("a message could be neither applied nor kept: " + lost.getMessage(), lost);
        }
    }

    /** Messages of a provider that are still to be applied, oldest first. */
    public List<Message> left(String provider) {
        try (Connection connection = calls.connections().getConnection();
                PreparedStatement statement = connection.prepareStatement(LEFT)) {
            statement.setString(1, provider);
            statement.setObject(2, calls.clock().instant().minus(PATIENCE).atOffset(ZoneOffset.UTC));
            var messages = new ArrayList<Message>();
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    messages.add(new Message(
                            row.getString(1),
                            row.getString(2),
                            Optional.ofNullable(row.getObject(3, UUID.class)),
                            row.getString(4),
                            row.getString(5)));
                }
            }
            return messages;
        } catch (SQLException failed) {
            throw new CallCentreException("messages could not be looked for: " + failed.getMessage(), failed);
        }
    }
}
