package dev.switchboard.accounts;

import java.security.SecureRandom;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/** What the command line does with accounts, straight in the database. Blocking; thread-safe. */
public final class UserDirectory {
    private static final Origin COMMAND_LINE = new Origin("local", "switchboard command line");
    private static final int MOST_LISTED = 10_000;

    private final Jdbi jdbi;
    private final Passwords passwords;
    private final Tokens tokens;

    /** Somebody, as listed. */
    public record Entry(
            UUID id, String email, String role, boolean confirmed, Optional<String> lastSignIn, boolean banned) {}

    /** There is no such user, the address is taken, or the password is not good enough. */
    public static final class RefusedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        RefusedException(String message) {
            super(message);
        }
    }

    public UserDirectory(Jdbi jdbi, SecureRandom random) {
        this.jdbi = jdbi;
        this.passwords = new Passwords(AccountSettings.defaults().shortestPassword());
        this.tokens = new Tokens(random);
    }

    /** A password that nobody guesses. */
    public String newPassword() {
        return tokens.next().substring(0, 20);
    }

    /**
     * Adds somebody whose address counts as confirmed.
     *
     * @param id empty for a new one
     */
    public UUID add(String email, String password, Optional<UUID> id) {
        return refusing(() -> {
            passwords.check(password);
            var user = new Users.New(
                    id,
                    Optional.of(Users.normalize(email)),
                    Optional.empty(),
                    Optional.of(passwords.hash(password)),
                    "{}",
                    "{}",
                    Optional.empty(),
                    true,
                    false,
                    false,
                    false);
            return jdbi.inTransaction(handle -> {
                User added = Users.insert(handle, user)
                        .orElseThrow(
                                () -> new RefusedException("there is a user with the address " + email + " already"));
                audit(handle, "user_created", added.id());
                return added.id();
            });
        });
    }

    /**
     * What a token of somebody says of them, but for what differs from session to session.
     *
     * @throws RefusedException if there is nobody with that address
     */
    public Map<String, Object> claims(String email) {
        return Sessions.claims(jdbi.withHandle(handle -> Users.get(handle, find(handle, email))));
    }

    /** The database role of somebody's tokens; as {@link #claims}. */
    public String role(String email) {
        return jdbi.withHandle(handle -> Users.get(handle, find(handle, email))).role();
    }

    /** Whether there is somebody with that id. */
    public boolean has(UUID id) {
        return jdbi.withHandle(handle -> Users.find(handle, id)).isPresent();
    }

    /** Whether there is somebody with that address, and with that password. */
    public boolean hasPassword(String email, String password) {
        return jdbi.withHandle(handle -> Users.byEmail(handle, Users.normalize(email)))
                .filter(user -> passwords.matches(password, user.passwordHash()))
                .isPresent();
    }

    public List<Entry> list() {
        Instant now = Instant.now();
        return jdbi.withHandle(handle -> Users.page(handle, 0, MOST_LISTED)).stream()
                .map(user -> new Entry(
                        user.id(),
                        user.email().orElse("-"),
                        user.role(),
                        user.confirmed(),
                        Optional.ofNullable(user.json().path("last_sign_in_at").asString(null)),
                        user.isBanned(now)))
                .toList();
    }

    /** Sets a password and ends all sessions. */
    public void reset(String email, String password) {
        refusing(() -> {
            passwords.check(password);
            String hash = passwords.hash(password);
            return jdbi.inTransaction(handle -> {
                UUID id = find(handle, email);
                Users.lock(handle, id);
                Users.setPassword(handle, id, hash);
                audit(handle, "user_updated_password", id);
                return Sessions.endAll(handle, id);
            });
        });
    }

    /** Ends all sessions; how many. Access tokens that are out live until they expire. */
    public int revoke(String email) {
        return refusing(() -> jdbi.inTransaction(handle -> {
            UUID id = find(handle, email);
            Users.lock(handle, id);
            int ended = Sessions.endAll(handle, id);
            audit(handle, "sessions_revoked", id);
            return ended;
        }));
    }

    private static UUID find(Handle handle, String email) {
        return Users.byEmail(handle, Users.normalize(email))
                .orElseThrow(() -> new RefusedException("there is no user with the address " + email))
                .id();
    }

    private static void audit(Handle handle, String action, UUID subject) {
        AuditLog.write(handle, AuditLog.Entry.byAdministrator(action, subject), COMMAND_LINE);
    }

    private static <T> T refusing(java.util.function.Supplier<T> work) {
        try {
            return work.get();
        } catch (AccountException refused) {
            throw new RefusedException(refused.text());
        }
    }
}
