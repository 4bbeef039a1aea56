package dev.switchboard.accounts;

import dev.switchboard.tokens.JwtTokens;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.jdbi.v3.core.Handle;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Sessions: an access token that lives an hour, and refresh tokens of which each is good for one refresh. A refresh token
 * that comes again within {@link #REUSE}, or before its successor was ever used, is taken for a repeated request, whose answer was
 * lost, and answered with the same successor; one that comes later was stolen, from the user or by the user's thief: the
 * session ends (RFC 9700, section 4.14.2).
 */
final class Sessions {
    static final Duration REUSE = Duration.ofSeconds(10);

    private static final JsonMapper JSON = JsonMapper.shared();

    private final JwtTokens jwt;
    private final Tokens tokens;
    private final InstantSource clock;
    private final Duration accessLife;
    private final Supplier<String> url;
    private final LongAdder begun = new LongAdder();

    /** What came of a refresh. The database has changed in each case: let the transaction commit. */
    sealed interface Refresh {
        record Refreshed(ObjectNode session) implements Refresh {}

        record Unknown() implements Refresh {}

        /** The session was ended. */
        record Reused(UUID userId) implements Refresh {}

        record Banned(UUID userId) implements Refresh {}
    }

    private record Used(long id, UUID session, UUID user, String amr, boolean used, boolean recently) {}

    /** @param url of the server, for the claim {@code iss} */
    Sessions(JwtTokens jwt, Tokens tokens, InstantSource clock, Duration accessLife, Supplier<String> url) {
        this.jwt = jwt;
        this.tokens = tokens;
        this.clock = clock;
        this.accessLife = accessLife;
        this.url = url;
    }

    /** How many began; one whose transaction failed in the end is counted too. */
    long begun() {
        return begun.sum();
    }

    /**
     * Signs somebody in.
     *
     * @param method of authentication (claim {@code amr}): password, otp, anonymous ...
     */
    ObjectNode start(Handle handle, UUID userId, String method, Origin origin) {
        begun.increment();
        Users.signedIn(handle, userId);
        User user = Users.get(handle, userId);
        String amr = JSON.writeValueAsString(
                List.of(Map.of("method", method, "timestamp", clock.instant().getEpochSecond())));
        UUID session = handle.createQuery("""
                        insert into auth.sessions (user_id, amr, ip, user_agent) values (:user, :amr::jsonb, :ip, :agent)
                        returning id""")
                .bind("user", userId)
                .bind("amr", amr)
                .bind("ip", origin.address())
                .bind("agent", origin.userAgent())
                .mapTo(UUID.class)
                .one();
        return json(user, session, amr, nextRefreshToken(handle, session));
    }

    /** Signs somebody in who has shown who they are, unless they are banned. */
    ObjectNode enter(Handle handle, UUID userId, String method, Origin origin) {
        Users.lock(
                handle,
                userId); // the row before the audit log, as everywhere: two who wait for each other would wait for ever
        if (Users.get(handle, userId).isBanned(clock.instant())) {
            throw new AccountException(AccountError.USER_BANNED);
        }
        ObjectNode session = start(handle, userId, method, origin);
        AuditLog.write(handle, AuditLog.Entry.done(userId, "login"), origin);
        return session;
    }

    Refresh refresh(Handle handle, String refreshToken) {
        Optional<Used> found = find(handle, refreshToken);
        if (found.isEmpty()) {
            return new Refresh.Unknown();
        }
        Used used = found.get();
        // the same for a repeated request: the family has one line, and a token that was stolen shows when one of both
        // is
        // two steps ahead
        String next = jwt.derive("refresh token", refreshToken);
        if (used.used() && !used.recently() && !isUnused(handle, next)) {
            end(handle, used.session());
            return new Refresh.Reused(used.user());
        }
        User user = Users.get(handle, used.user());
        if (user.isBanned(clock.instant())) {
            end(handle, used.session());
            return new Refresh.Banned(user.id());
        }
        handle.createUpdate("update auth.refresh_tokens set used_at = coalesce(used_at, now()) where id = :id")
                .bind("id", used.id())
                .execute();
        handle.createUpdate(
                        "delete from auth.refresh_tokens where session_id = :id and used_at < now() - interval '30 days'")
                .bind("id", used.session())
                .execute();
        handle.createUpdate("update auth.sessions set refreshed_at = now() where id = :id")
                .bind("id", used.session())
                .execute();
        return new Refresh.Refreshed(json(user, used.session(), used.amr(), keep(handle, used.session(), next)));
    }

    /** Whether the token was given, to whoever heard the answer or did not, and never came back. */
    private static boolean isUnused(Handle handle, String token) {
        return handle.createQuery(
                        "select exists (select from auth.refresh_tokens where token_hash = :hash and used_at is null)")
                .bind("hash", Tokens.hash(token))
                .mapTo(Boolean.class)
                .one();
    }

    /** Locks the session first: two refreshes, or a refresh and a sign-out, of one family come one after the other. */
    private static Optional<Used> find(Handle handle, String refreshToken) {
        byte[] hash = Tokens.hash(refreshToken);
        handle.createQuery("""
                        select s.id from auth.sessions s
                         where s.id = (select session_id from auth.refresh_tokens where token_hash = :hash) for update""").bind("hash", hash).mapTo(UUID.class).findOne();
        return handle.createQuery("""
                        select t.id, s.id as session, s.user_id, s.amr::text as amr, t.used_at is not null as used,
                               t.used_at > now() - :reuse * interval '1 second' as recently
                          from auth.refresh_tokens t join auth.sessions s on s.id = t.session_id
                         where t.token_hash = :hash""")
                .bind("hash", hash)
                .bind("reuse", REUSE.toSeconds())
                .map((row, _) -> new Used(
                        row.getLong("id"),
                        row.getObject("session", UUID.class),
                        row.getObject("user_id", UUID.class),
                        row.getString("amr"),
                        row.getBoolean("used"),
                        row.getBoolean("recently")))
                .findOne();
    }

    private String nextRefreshToken(Handle handle, UUID session) {
        return keep(handle, session, tokens.next());
    }

    private static String keep(Handle handle, UUID session, String token) {
        handle.createUpdate("insert into auth.refresh_tokens (token_hash, session_id) values (:hash, :session)"
                        + " on conflict do nothing")
                .bind("hash", Tokens.hash(token))
                .bind("session", session)
                .execute();
        return token;
    }

    static boolean exists(Handle handle, UUID session) {
        return handle.createQuery("select exists (select from auth.sessions where id = :id)")
                .bind("id", session)
                .mapTo(Boolean.class)
                .one();
    }

    static void end(Handle handle, UUID session) {
        handle.createUpdate("delete from auth.sessions where id = :id")
                .bind("id", session)
                .execute();
    }

    static int endAll(Handle handle, UUID user) {
        OneTimeTokens.revokeAll(handle, user);
        return handle.createUpdate("delete from auth.sessions where user_id = :user")
                .bind("user", user)
                .execute();
    }

    static void endOthers(Handle handle, UUID user, Optional<UUID> but) {
        handle.createUpdate("delete from auth.sessions where user_id = :user and id is distinct from :but::uuid")
                .bind("user", user)
                .bind("but", but.orElse(null))
                .execute();
    }

    /** What every token of a user says of them. */
    static Map<String, Object> claims(User user) {
        var claims = new HashMap<String, Object>();
        claims.put("sub", user.id().toString());
        claims.put("aud", user.audience());
        claims.put("email", user.json().path("email").asString(""));
        claims.put("phone", user.json().path("phone").asString(""));
        claims.put("app_metadata", plain(user.json().path("app_metadata")));
        claims.put("user_metadata", plain(user.json().path("user_metadata")));
        claims.put("aal", "aal1");
        claims.put("is_anonymous", user.anonymous());
        return claims;
    }

    private ObjectNode json(User user, UUID session, String amr, String refreshToken) {
        var now = clock.instant();
        Map<String, Object> claims = claims(user);
        claims.put("iss", url.get() + "/auth/v1");
        claims.put("amr", JSON.readValue(amr, List.class));
        claims.put("session_id", session.toString());
        ObjectNode json = JSON.createObjectNode();
        json.put("access_token", jwt.issueAccess(user.role(), claims, now, accessLife));
        json.put("token_type", "bearer");
        json.put("expires_in", accessLife.toSeconds());
        json.put("expires_at", now.plus(accessLife).getEpochSecond());
        json.put("refresh_token", refreshToken);
        json.set("user", user.json());
        return json;
    }

    private static Map<?, ?> plain(JsonNode node) {
        return JSON.convertValue(node, Map.class);
    }
}
