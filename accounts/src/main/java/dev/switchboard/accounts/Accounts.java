package dev.switchboard.accounts;

import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What people do with their accounts: sign up, in and out, change what is theirs. Blocking; thread-safe. */
final class Accounts {
    static final RateLimits.Rate PASSWORD_GUESSES = new RateLimits.Rate("guess", 10, Duration.ofMinutes(1));
    /** Wrong ones for one account, from all addresses together; beyond it the account counts as attacked. */
    static final RateLimits.Rate GUESSES_FROM_ANYWHERE = new RateLimits.Rate("guesses", 100, Duration.ofSeconds(30));

    /** From one address for an account that is attacked: its owner, elsewhere, still has them. */
    static final RateLimits.Rate GUESSES_UNDER_ATTACK = new RateLimits.Rate("cautious", 2, Duration.ofMinutes(10));

    /** To one address, from whoever signs it up. */
    static final RateLimits.Rate SIGN_UP_MAILS = new RateLimits.Rate("sign-up", 3, Duration.ofMinutes(1));

    private final Jdbi jdbi;
    private final AccountSettings settings;
    private final Passwords passwords;
    private final RateLimits limits;
    private final RateLimits.Rate requests;
    private final Sessions sessions;
    private final OneTimeTokens oneTimeTokens;
    private final MailedLinks mails;
    private final EmailChanges emailChanges;
    private final InstantSource clock;

    /** Who wants to sign up or in. */
    record Applicant(Optional<String> email, Optional<String> password, ObjectNode data, MailedLinks.Along along) {}

    /**
     * Who is signed in.
     *
     * @param session empty for a token that was made without one
     */
    record Principal(UUID userId, Optional<UUID> session) {}

    /** What the user wants to have changed. */
    record Wish(
            Optional<String> email,
            Optional<String> password,
            Optional<ObjectNode> data,
            Optional<String> nonce,
            MailedLinks.Along along) {}

    Accounts(Parts parts) {
        jdbi = parts.jdbi();
        settings = parts.settings();
        passwords = parts.passwords();
        limits = parts.limits();
        sessions = parts.sessions();
        oneTimeTokens = parts.oneTimeTokens();
        mails = parts.mails();
        emailChanges = parts.emailChanges();
        clock = parts.clock();
        requests = new RateLimits.Rate(
                "address",
                settings.signInsPerAddress(),
                Duration.ofMinutes(5).dividedBy(Math.max(1, settings.signInsPerAddress())));
    }

    /** Counts a request that costs something against its address. */
    void count(Origin origin) {
        limits.take(requests, RateLimits.network(origin.address()));
    }

    // Signing up

    /** A session, or the user whose address has to be confirmed first. */
    ObjectNode signUp(Applicant applicant, Origin origin) {
        if (!settings.signUp()) {
            throw new AccountException(AccountError.SIGNUP_DISABLED);
        }
        if (applicant.email().isEmpty() && applicant.password().isEmpty()) {
            return signInAnonymously(applicant, origin);
        }
        String email = Users.normalize(applicant.email().orElseThrow(() -> invalid("An email address is required")));
        String password = applicant.password().orElseThrow(() -> invalid("Signup requires a valid password"));
        passwords.check(password);
        String hash = passwords.hash(password);
        if (settings.confirmEmail()) {
            return signUpToConfirm(email, hash, applicant, origin);
        }
        return jdbi.inTransaction(handle -> {
            User user = Users.insert(handle, newcomer(email, Optional.of(hash), applicant.data(), true))
                    .orElseThrow(() -> new AccountException(AccountError.USER_EXISTS));
            AuditLog.write(handle, AuditLog.Entry.done(user.id(), "user_signedup"), origin);
            return sessions.start(handle, user.id(), "password", origin);
        });
    }

    /** Somebody who has an account already gets the same answer as a newcomer, so that nobody learns who has one. */
    private ObjectNode signUpToConfirm(String email, String hash, Applicant applicant, Origin origin) {
        mails.require();
        var pending = new OneTimeTokens.Pending(hash, applicant.data().toString());
        return jdbi.inTransaction(handle -> {
            Optional<User> existing = Users.byEmail(handle, email);
            existing.ifPresent(user -> Users.lock(handle, user.id()));
            if (existing.filter(User::confirmed).isPresent()) {
                return stranger(handle, email, hash, applicant.data());
            }
            User user = existing.orElseGet(
                    () -> Users.insert(handle, newcomer(email, Optional.of(hash), applicant.data(), false))
                            .orElseThrow(() -> new AccountException(AccountError.USER_EXISTS)));
            if (limits.tryTake(SIGN_UP_MAILS, email).isEmpty()) {
                mails.sendSignUp(handle, user, email, pending, applicant.along());
            }
            if (existing.isPresent()) {
                return stranger(handle, email, hash, applicant.data());
            }
            AuditLog.write(handle, AuditLog.Entry.done(user.id(), "user_signedup"), origin);
            return Users.get(handle, user.id())
                    .json()
                    .put("confirmation_sent_at", clock.instant().toString());
        });
    }

    static Users.New newcomer(String email, Optional<String> hash, ObjectNode data, boolean confirmed) {
        return new Users.New(
                Optional.empty(),
                Optional.of(email),
                Optional.empty(),
                hash,
                data.toString(),
                "{}",
                Optional.empty(),
                confirmed,
                false,
                false,
                true);
    }

    /** What a newcomer would be answered: somebody is made under another address, looked at, and taken back. */
    private ObjectNode stranger(Handle handle, String email, String hash, ObjectNode data) {
        String other = UUID.randomUUID() + "@" + UUID.randomUUID() + ".invalid";
        handle.savepoint("stranger");
        User user = Users.insert(handle, newcomer(other, Optional.of(hash), data, false))
                .orElseThrow();
        handle.rollbackToSavepoint("stranger");
        String json = user.json().toString().replace(other, email);
        return ((ObjectNode) JsonMapper.shared().readTree(json))
                .put("confirmation_sent_at", clock.instant().toString());
    }

    private ObjectNode signInAnonymously(Applicant applicant, Origin origin) {
        if (!settings.anonymous()) {
            throw new AccountException(AccountError.ANONYMOUS_DISABLED);
        }
        return jdbi.inTransaction(handle -> {
            var nobody = new Users.New(
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    applicant.data().toString(),
                    "{}",
                    Optional.empty(),
                    false,
                    false,
                    true,
                    true);
            User user = Users.insert(handle, nobody).orElseThrow();
            AuditLog.write(handle, AuditLog.Entry.done(user.id(), "user_signedup"), origin);
            return sessions.start(handle, user.id(), "anonymous", origin);
        });
    }

    // Signing in

    ObjectNode signIn(String address, String password, Origin origin) {
        String email = normalizeForSignIn(address);
        Optional<User> user = jdbi.withHandle(handle -> Users.byEmail(handle, email));
        String guess = email + " " + RateLimits.network(origin.address());
        RateLimits.Rate rate = limits.hasLeft(GUESSES_FROM_ANYWHERE, email) ? PASSWORD_GUESSES : GUESSES_UNDER_ATTACK;
        Optional<Duration> wait = limits.tryTake(rate, guess);
        if (wait.isPresent()) {
            fail(user.map(User::id), "login", "too many wrong passwords", origin);
            throw new AccountException(AccountError.RATE_LIMIT, AccountError.RATE_LIMIT.message(), wait);
        }
        if (!passwords.matches(password, user.flatMap(User::passwordHash))) {
            limits.tryTake(GUESSES_FROM_ANYWHERE, email);
            fail(user.map(User::id), "login", "wrong address or password", origin);
            throw new AccountException(AccountError.INVALID_CREDENTIALS);
        }
        limits.giveBack(rate, guess);
        User known = user.orElseThrow();
        if (known.isBanned(clock.instant())) {
            fail(Optional.of(known.id()), "login", "banned", origin);
            throw new AccountException(AccountError.USER_BANNED);
        }
        if (!known.confirmed()) {
            throw new AccountException(AccountError.EMAIL_NOT_CONFIRMED);
        }
        return jdbi.inTransaction(handle -> sessions.enter(handle, known.id(), "password", origin));
    }

    /** What is no address is nobody's. */
    private static String normalizeForSignIn(String address) {
        try {
            return Users.normalize(address);
        } catch (AccountException malformed) {
            throw new AccountException(AccountError.INVALID_CREDENTIALS);
        }
    }

    ObjectNode refresh(String refreshToken, Origin origin) {
        Sessions.Refresh refresh = jdbi.inTransaction(handle -> {
            Sessions.Refresh outcome = sessions.refresh(handle, refreshToken);
            switch (outcome) {
                case Sessions.Refresh.Reused(UUID user) ->
                    AuditLog.write(
                            handle,
                            AuditLog.Entry.failed(
                                    Optional.of(user),
                                    "token_refreshed",
                                    "a used token came again; the session was ended"),
                            origin);
                case Sessions.Refresh.Banned(UUID user) ->
                    AuditLog.write(
                            handle, AuditLog.Entry.failed(Optional.of(user), "token_refreshed", "banned"), origin);
                case Sessions.Refresh.Refreshed _, Sessions.Refresh.Unknown _ -> {}
            }
            return outcome;
        });
        return switch (refresh) {
            case Sessions.Refresh.Refreshed(ObjectNode session) -> session;
            case Sessions.Refresh.Unknown _ -> throw new AccountException(AccountError.REFRESH_NOT_FOUND);
            case Sessions.Refresh.Reused _ -> throw new AccountException(AccountError.REFRESH_ALREADY_USED);
            case Sessions.Refresh.Banned _ -> throw new AccountException(AccountError.USER_BANNED);
        };
    }

    ObjectNode exchange(String code, String verifier, Origin origin) {
        Optional<OneTimeTokens.Exchanged> exchanged =
                jdbi.inTransaction(handle -> OneTimeTokens.exchange(handle, code, verifier));
        OneTimeTokens.Exchanged found =
                exchanged.orElseThrow(() -> new AccountException(AccountError.FLOW_STATE_NOT_FOUND));
        if (!found.fits()) {
            throw new AccountException(AccountError.BAD_CODE_VERIFIER);
        }
        return jdbi.inTransaction(handle -> sessions.enter(handle, found.userId(), found.method(), origin));
    }

    /** @param scope global: everywhere; local: here; others: everywhere else */
    void signOut(Principal principal, String scope, Origin origin) {
        jdbi.useTransaction(handle -> {
            requireSession(handle, principal);
            switch (scope) {
                case "global" -> Sessions.endAll(handle, principal.userId());
                case "local" -> principal.session().ifPresent(session -> Sessions.end(handle, session));
                case "others" -> Sessions.endOthers(handle, principal.userId(), principal.session());
                default -> throw invalid("scope must be global, local or others, and is '" + scope + "'");
            }
            AuditLog.write(handle, AuditLog.Entry.done(principal.userId(), "logout"), origin);
        });
    }

    // One's own account

    ObjectNode user(Principal principal) {
        return jdbi.withHandle(handle -> {
            requireSession(handle, principal);
            return Users.get(handle, principal.userId()).json();
        });
    }

    private static void requireSession(Handle handle, Principal principal) {
        if (principal
                .session()
                .filter(session -> !Sessions.exists(handle, session))
                .isPresent()) {
            throw new AccountException(AccountError.SESSION_NOT_FOUND);
        }
    }

    ObjectNode update(Principal principal, Wish wish, Origin origin) {
        wish.password().ifPresent(passwords::check);
        User before = jdbi.withHandle(handle -> {
            requireSession(handle, principal);
            return Users.get(handle, principal.userId());
        });
        if (wish.password().isPresent()
                && before.passwordHash().isPresent()
                && passwords.matches(wish.password().get(), before.passwordHash())) {
            throw new AccountException(AccountError.SAME_PASSWORD);
        }
        wish.nonce().ifPresent(nonce -> requireNonce(before, nonce));
        Optional<String> hash = wish.password().map(passwords::hash);
        return jdbi.inTransaction(handle -> {
            UUID id = principal.userId();
            Users.lock(handle, id);
            wish.data().ifPresent(data -> Users.mergeMetadata(handle, id, data));
            hash.ifPresent(fresh -> {
                Users.setPassword(handle, id, fresh);
                Sessions.endOthers(handle, id, principal.session());
                AuditLog.write(handle, AuditLog.Entry.done(id, "user_updated_password"), origin);
            });
            wish.email()
                    .map(Users::normalize)
                    .ifPresent(email -> emailChanges.ask(handle, before, email, principal.session(), wish.along()));
            AuditLog.write(handle, AuditLog.Entry.done(id, "user_modified"), origin);
            return Users.get(handle, id).json();
        });
    }

    /** In a transaction of its own: a wrong guess counts also where the change fails. */
    private void requireNonce(User user, String nonce) {
        boolean right = jdbi.inTransaction(handle -> oneTimeTokens
                .redeem(handle, user.id(), user.email().orElse(""), nonce, OneTimeTokens.Purpose.REAUTHENTICATION)
                .isPresent());
        if (!right) {
            throw new AccountException(AccountError.REAUTHENTICATION_INVALID);
        }
    }

    void reauthenticate(Principal principal) {
        mails.require();
        jdbi.useTransaction(handle -> {
            requireSession(handle, principal);
            User user = Users.get(handle, principal.userId());
            String email = user.email().orElseThrow(() -> invalid("Reauthentication requires an email address"));
            MailedLinks.spare(handle, user.id(), OneTimeTokens.Purpose.REAUTHENTICATION);
            mails.send(handle, user, OneTimeTokens.Purpose.REAUTHENTICATION, email, MailedLinks.Along.NOTHING);
        });
    }

    private void fail(Optional<UUID> subject, String action, String why, Origin origin) {
        jdbi.useTransaction(handle -> AuditLog.write(handle, AuditLog.Entry.failed(subject, action, why), origin));
    }

    static AccountException invalid(String message) {
        return new AccountException(AccountError.VALIDATION_FAILED, message);
    }
}
