package dev.switchboard.callcenter;

import dev.switchboard.callcenter.command.Refusal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;

/**
 * The key under which a request is carried out once (IETF draft idempotency-key-header): its answer is written in the
 * request's own transaction, and a repeated request gets that. Refusals leave nothing: what was refused can be asked again.
 *
 * @param hash of the request, so that another one under the same key is refused
 */
public record OnceKey(UUID organization, UUID user, String key, byte[] hash) {
    /** Whose keys programs use. */
    public static final UUID NOBODY = new UUID(0, 0);

    /**
     * Waits for a request with the same key that is under way; gives its answer, where there is one. Who has left the
     * organization since gets none: for them the request is one like any other, and refused as such.
     */
    Optional<Answer> begin(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "insert into public.idempotency_keys (organization_id, user_id, key, request_hash, status, answer)"
                        + " values (?, ?, ?, ?, 200, '') on conflict do nothing")) {
            statement.setObject(1, organization);
            statement.setObject(2, user);
            statement.setString(3, key);
            statement.setBytes(4, hash);
            if (statement.executeUpdate() == 1) {
                return Optional.empty();
            }
        }
        try (PreparedStatement statement = connection.prepareStatement(
                "select k.request_hash, k.answer, k.user_id = '" + NOBODY
                        + "' or exists (select from public.user_roles r where r.organization_id = k.organization_id"
                        + "   and r.user_id = k.user_id) as member"
                        + " from public.idempotency_keys k where k.organization_id = ? and k.user_id = ? and k.key = ?")) {
            statement.setObject(1, organization);
            statement.setObject(2, user);
            statement.setString(3, key);
            try (ResultSet row = statement.executeQuery()) {
                if (!row.next()) {
                    return Optional.of(Answer.refused(Refusal.TRY_AGAIN, Refusal.TRY_AGAIN.title()));
                }
                if (!row.getBoolean("member")) {
                    return Optional.empty();
                }
                return Optional.of(
                        Arrays.equals(row.getBytes(1), hash)
                                ? new Answer.Repeated(row.getString(2))
                                : Answer.refused(Refusal.KEY_USED_OTHERWISE, Refusal.KEY_USED_OTHERWISE.title()));
            }
        }
    }

    void end(Connection connection, String answer) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("update public.idempotency_keys set answer = ?"
                + " where organization_id = ? and user_id = ? and key = ?")) {
            statement.setString(1, answer);
            statement.setObject(2, organization);
            statement.setObject(3, user);
            statement.setString(4, key);
            statement.executeUpdate();
        }
    }
}
