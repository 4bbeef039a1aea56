package dev.switchboard.accounts;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.StatementContext;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The rows of {@code auth.users} and {@code auth.identities}, each call within its caller's transaction. */
final class Users {
    private static final JsonMapper JSON = JsonMapper.shared();

    private static final String SELECT = """
            select u.id, u.email, u.encrypted_password, u.email_confirmed_at is not null or u.phone_confirmed_at is not null as confirmed,
                   u.banned_until, u.is_anonymous, u.role, u.aud, u.email_change, u.email_change_awaits, auth.user_json(u) as json
              from auth.users u where u.deleted_at is null and\s""";

    /** Members that are null are taken away; what is null deeper stays. */
    private static final String MERGE = "raw_%1$s_meta_data = (select coalesce(jsonb_object_agg(m.key, m.value), '{}')"
            + " from jsonb_each(raw_%1$s_meta_data || :value::jsonb) m where m.value <> 'null')";

    /** Bytes of each of a user's two objects, as JSON text. */
    static final int MOST_METADATA = 64 * 1024;

    /** Of those who want one address. */
    private static final int MOST_WANTING = 5;

    private Users() {}

    /**
     * Somebody new.
     *
     * @param described whether the metadata says of the address what the identity does, as of those who sign themselves up
     */
    record New(
            Optional<UUID> id,
            Optional<String> email,
            Optional<String> phone,
            Optional<String> passwordHash,
            String metadata,
            String appMetadata,
            Optional<String> role,
            boolean emailConfirmed,
            boolean phoneConfirmed,
            boolean anonymous,
            boolean described) {}

    static Optional<User> find(Handle handle, UUID id) {
        return handle.createQuery(SELECT + "u.id = :id")
                .bind("id", id)
                .map(Users::read)
                .findOne();
    }

    static User get(Handle handle, UUID id) {
        return find(handle, id).orElseThrow(() -> new AccountException(AccountError.USER_NOT_FOUND));
    }

    /** Holds the row until the transaction ends, so that changes of one user come one after the other. */
    static void lock(Handle handle, UUID id) {
        handle.createQuery("select id from auth.users where id = :id for update")
                .bind("id", id)
                .mapTo(UUID.class)
                .findOne();
    }

    static Optional<User> byEmail(Handle handle, String email) {
        return handle.createQuery(SELECT + "u.email = :email")
                .bind("email", email)
                .map(Users::read)
                .findOne();
    }

    /** Who want to have the address, the latest of them. */
    static List<User> byNewEmail(Handle handle, String email) {
        return handle.createQuery(
                        SELECT + "u.email_change = :email order by u.email_change_sent_at desc limit " + MOST_WANTING)
                .bind("email", email)
                .map(Users::read)
                .list();
    }

    static List<User> page(Handle handle, long offset, int limit) {
        return handle.createQuery(SELECT + "true order by u.created_at desc, u.id limit :limit offset :offset")
                .bind("limit", limit)
                .bind("offset", offset)
                .map(Users::read)
                .list();
    }

    static long count(Handle handle) {
        return handle.createQuery("select count(*) from auth.users where deleted_at is null")
                .mapTo(Long.class)
                .one();
    }

    /** Inserts somebody; empty if the address or the id is taken. */
    static Optional<User> insert(Handle handle, New user) {
        UUID id = user.id().orElseGet(UUID::randomUUID);
        int inserted = handle.createUpdate("""
                        insert into auth.users (id, role, email, phone, encrypted_password, email_confirmed_at, phone_confirmed_at,
                                                is_anonymous, raw_app_meta_data, raw_user_meta_data)
                        values (:id, :role, :email, :phone, :password,
                                case when :emailConfirmed and :email is not null then now() end,
                                case when :phoneConfirmed and :phone is not null then now() end,
                                :anonymous, :app::jsonb, :metadata::jsonb)
                        on conflict do nothing""")
                .bind("id", id)
                .bind("role", user.role().orElse("authenticated"))
                .bind("email", user.email().orElse(null))
                .bind("phone", user.phone().orElse(null))
                .bind("password", user.passwordHash().orElse(null))
                .bind("emailConfirmed", user.emailConfirmed())
                .bind("phoneConfirmed", user.phoneConfirmed())
                .bind("anonymous", user.anonymous())
                .bind("app", user.appMetadata())
                .bind("metadata", user.metadata())
                .execute();
        if (inserted == 0) {
            return Optional.empty();
        }
        user.email().ifPresent(email -> identify(handle, id, email, user.described()));
        bound(handle, id);
        return Optional.of(get(handle, id));
    }

    /** What is kept of a user goes into every token and every answer: however it grew, it is refused beyond a size. */
    private static void bound(Handle handle, UUID id) {
        int largest =
                handle.createQuery("""
                        select greatest(octet_length(raw_user_meta_data::text), octet_length(raw_app_meta_data::text))
                          from auth.users where id = :id""").bind("id", id).mapTo(Integer.class).one();
        if (largest > MOST_METADATA) {
            throw new AccountException(
                    AccountError.METADATA_TOO_LARGE,
                    "user_metadata and app_metadata hold at most " + MOST_METADATA + " bytes each, and would hold "
                            + largest);
        }
    }

    /**
     * Gives the user an identity of provider {@code email}, or changes its address.
     *
     * @param describe whether the metadata says so too; it goes on to where it did before
     */
    private static void identify(Handle handle, UUID id, String email, boolean describe) {
        handle.createUpdate("""
                        insert into auth.identities (user_id, provider, provider_id, identity_data)
                        values (:id, 'email', :id::text, jsonb_build_object('sub', :id::text, 'email', :email,
                                'email_verified', (select email_confirmed_at is not null from auth.users where id = :id),
                                'phone_verified', false))
                        on conflict (provider, provider_id)
                          do update set identity_data = auth.identities.identity_data || excluded.identity_data, updated_at = now()""").bind("id", id).bind("email", email).execute();
        handle.createUpdate("""
                        update auth.users set
                          raw_app_meta_data = jsonb_build_object('provider', 'email', 'providers', jsonb_build_array('email')) || raw_app_meta_data,
                          raw_user_meta_data = raw_user_meta_data || case when :describe or raw_user_meta_data ->> 'sub' = id::text
                            then jsonb_build_object('sub', id::text, 'email', email,
                              'email_verified', email_confirmed_at is not null, 'phone_verified', false) else '{}' end
                         where id = :id""").bind("id", id).bind("describe", describe).execute();
    }

    /** The address was not confirmed yet, so whoever set a password need not be its owner: the owner's takes its place, or none. */
    static void adopt(Handle handle, UUID id, Optional<OneTimeTokens.Pending> pending) {
        set(
                handle,
                id,
                "encrypted_password = :value",
                pending.map(OneTimeTokens.Pending::passwordHash).orElse(null));
        pending.ifPresent(own -> set(handle, id, "raw_user_meta_data = :value::jsonb", own.metadata()));
        bound(handle, id);
    }

    /** The address is the user's: a link that was sent there came back. */
    static void confirm(Handle handle, UUID id) {
        handle.createUpdate("""
                        update auth.users set email_confirmed_at = coalesce(email_confirmed_at, now()), is_anonymous = false,
                               updated_at = now()
                         where id = :id""").bind("id", id).execute();
        get(handle, id).email().ifPresent(email -> identify(handle, id, email, false));
    }

    /** The number is the user's: somebody who may say so did. */
    static void confirmPhone(Handle handle, UUID id) {
        set(handle, id, "phone_confirmed_at = coalesce(phone_confirmed_at, now()), is_anonymous = false", null);
    }

    /**
     * @param describe whether the metadata says so too
     * @throws AccountException if the address is somebody else's
     */
    static void setEmail(Handle handle, UUID id, String email, boolean describe) {
        if (byEmail(handle, email).filter(other -> !other.id().equals(id)).isPresent()) {
            throw new AccountException(AccountError.EMAIL_EXISTS);
        }
        handle.createUpdate("""
                        update auth.users set email = :email, email_confirmed_at = now(), email_change = null,
                               email_change_awaits = '{}', is_anonymous = false,
                               updated_at = now()
                         where id = :id""").bind("id", id).bind("email", email).execute();
        identify(handle, id, email, describe);
        OneTimeTokens.revokeAll(handle, id);
    }

    /** @param asked all of which have to agree: links that went to the new address, and to the one that is given up */
    static void askForEmail(Handle handle, UUID id, String email, Set<OneTimeTokens.Purpose> asked) {
        OneTimeTokens.revoke(
                handle, id, OneTimeTokens.Purpose.EMAIL_CHANGE); // links of another wish agree to this one not
        OneTimeTokens.revoke(handle, id, OneTimeTokens.Purpose.EMAIL_CHANGE_CURRENT);
        handle.createUpdate("""
                        update auth.users set email_change = :email, email_change_awaits = :asked, email_change_sent_at = now(),
                               updated_at = now() where id = :id""")
                .bind("id", id)
                .bind("email", email)
                .bind("asked", asked.stream().map(OneTimeTokens.Purpose::wire).toArray(String[]::new))
                .execute();
    }

    /** One who was asked agrees; whose agreement is left. */
    static Set<OneTimeTokens.Purpose> agree(Handle handle, UUID id, OneTimeTokens.Purpose asked) {
        return handle.createQuery("""
                        update auth.users set email_change_awaits = array_remove(email_change_awaits, :asked), updated_at = now()
                         where id = :id returning email_change_awaits""")
                .bind("id", id)
                .bind("asked", asked.wire())
                .map((row, _) -> awaits(row))
                .one();
    }

    private static Set<OneTimeTokens.Purpose> awaits(ResultSet row) throws SQLException {
        return Arrays.stream((String[]) row.getArray("email_change_awaits").getArray())
                .map(wire -> OneTimeTokens.Purpose.valueOf(wire.toUpperCase(Locale.ROOT)))
                .collect(Collectors.toUnmodifiableSet());
    }

    static void setPassword(Handle handle, UUID id, String hash) {
        set(handle, id, "encrypted_password = :value", hash);
        OneTimeTokens.revokeAll(handle, id);
    }

    /** Adds members to the user's own data; null takes one away. */
    static void mergeMetadata(Handle handle, UUID id, ObjectNode data) {
        set(handle, id, MERGE.formatted("user"), data.toString());
        bound(handle, id);
    }

    static void mergeAppMetadata(Handle handle, UUID id, ObjectNode data) {
        set(handle, id, MERGE.formatted("app"), data.toString());
        bound(handle, id);
    }

    static void setRole(Handle handle, UUID id, String role) {
        set(handle, id, "role = :value", role);
    }

    static void setPhone(Handle handle, UUID id, String phone) {
        set(handle, id, "phone = :value", phone);
    }

    /** @param until empty to lift the ban */
    static void ban(Handle handle, UUID id, Optional<Instant> until) {
        set(
                handle,
                id,
                "banned_until = :value::timestamptz",
                until.map(Instant::toString).orElse(null));
    }

    static void signedIn(Handle handle, UUID id) {
        set(handle, id, "last_sign_in_at = now()", null);
    }

    static void invited(Handle handle, UUID id) {
        set(handle, id, "invited_at = now()", null);
    }

    static void delete(Handle handle, UUID id) {
        handle.createUpdate("delete from auth.users where id = :id")
                .bind("id", id)
                .execute();
    }

    /** Leaves the row, with nothing in it that says who it was, so that references to it hold. */
    static void deleteSoftly(Handle handle, UUID id) {
        handle.createUpdate("""
                        update auth.users set deleted_at = now(), email = null, phone = null, encrypted_password = null,
                               raw_user_meta_data = '{}', raw_app_meta_data = '{}', email_change = null, email_change_awaits = '{}'
                         where id = :id""").bind("id", id).execute();
        for (String table : List.of("sessions", "identities", "one_time_tokens", "flow_states")) {
            handle.createUpdate("delete from auth." + table + " where user_id = :id")
                    .bind("id", id)
                    .execute();
        }
    }

    private static void set(Handle handle, UUID id, String assignment, @Nullable String value) {
        handle.createUpdate("update auth.users set " + assignment + ", updated_at = now() where id = :id")
                .bind("id", id)
                .bind("value", value)
                .execute();
    }

    /**
     * An address as it is kept.
     *
     * @throws AccountException if it is none
     */
    static String normalize(String email) {
        String stripped = email.strip().toLowerCase(Locale.ROOT);
        if (stripped.length() > 254
                || !stripped.matches("[^\\s@<>(),;:\\\\\"\\p{Cntrl}]{1,64}@[^\\s@<>(),;:\\\\\"\\p{Cntrl}]+")) {
            throw new AccountException(
                    AccountError.VALIDATION_FAILED, "Unable to validate email address: invalid format");
        }
        return stripped;
    }

    private static User read(ResultSet row, StatementContext context) throws SQLException {
        var bannedUntil = row.getObject("banned_until", OffsetDateTime.class);
        return new User(
                row.getObject("id", UUID.class),
                Optional.ofNullable(row.getString("email")),
                Optional.ofNullable(row.getString("encrypted_password")),
                row.getBoolean("confirmed"),
                Optional.ofNullable(bannedUntil).map(OffsetDateTime::toInstant),
                row.getBoolean("is_anonymous"),
                row.getString("role"),
                row.getString("aud"),
                Optional.ofNullable(row.getString("email_change")),
                awaits(row),
                (ObjectNode) JSON.readTree(row.getString("json")));
    }
}
