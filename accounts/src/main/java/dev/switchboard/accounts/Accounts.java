package dev.switchboard.accounts;

import dev.switchboard.tokens.JwtTokens;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.HandleConsumer;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What people do with their accounts: sign up, in and out, change what is theirs. Blocking; thread-safe. */
final class Accounts {
    static final RateLimits.Rate PASSWORD_GUESSES = new RateLimits.Rate("guess", 10, Duration.ofMinutes(1));
    /** Wrong ones for one account, from all addresses together; beyond it the account counts as attacked. */
    static final RateLimits.Rate GUESSES_FROM_ANYWHERE = new RateLimits.Rate("guesses", 100, Duration.ofSeconds(30));

    /** From one address for an account that is attacked: its owner, elsewhere, still has them. */
    static final RateLimits.Rate GUESSES_UNDER_ATTACK = new RateLimits.Rate("cautious", 2, Duration.ofMinutes(10));

    /** Of the numbers that e-mails carry, per account. */
    static final RateLimits.Rate NUMBER_GUESSES = new RateLimits.Rate("number", 20, Duration.ofMinutes(10));

    /** To one address, from whoever signs it up. */
    static final RateLimits.Rate SIGN_UP_MAILS = new RateLimits.Rate("sign-up", 3, Duration.ofMinutes(1));

    private static final Logger LOG = LoggerFactory.getLogger(Accounts.class);
    /** Fewer than there are connections: those who wait for an answer have the others. */
    private static final int WORKERS = 2;

    private static final int MOST_WAITING = 1_000;

    private final Jdbi jdbi;
    private final AccountSettings settings;
    private final Passwords passwords;
    private final RateLimits limits;
    private final RateLimits.Rate requests;
    private final Sessions sessions;
    private final OneTimeTokens oneTimeTokens;
    private final Links links;
    private final MailedLinks mails;
    private final EmailChanges emailChanges;
    private final InstantSource clock;
    private final Executor workers = workers();

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

    Accounts(
            Jdbi jdbi,
            AccountSettings settings,
            JwtTokens jwt,
            Mailer mailer,
            InstantSource clock,
            Tokens tokens,
            Supplier<String> url) {
        this.jdbi = jdbi;
        this.settings = settings;
        this.clock = clock;
        passwords = new Passwords(settings.shortestPassword());
        limits = new RateLimits(clock);
        requests = new RateLimits.Rate(
                "address",
                settings.signInsPerAddress(),
                Duration.ofMinutes(5).dividedBy(Math.max(1, settings.signInsPerAddress())));
        sessions = new Sessions(jwt, tokens, clock, settings.accessTokenLife(), url);
        oneTimeTokens = new OneTimeTokens(tokens, settings.linkLife());
        links = new Links(settings, url);
        mails = new MailedLinks(oneTimeTokens, links, mailer, settings.linkLife());
        emailChanges = new EmailChanges(settings, mails);
    }

    Jdbi database() {
        return jdbi;
    }

    Passwords passwords() {
        return passwords;
    }

    Links links() {
        return links;
    }

    OneTimeTokens oneTimeTokens() {
        return oneTimeTokens;
    }

    MailedLinks mails() {
        return mails;
    }

    EmailChanges emailChanges() {
        return emailChanges;
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
        return jdbi.inTransaction(handle -> enter(handle, known.id(), "password", origin));
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
        return jdbi.inTransaction(handle -> enter(handle, found.userId(), found.method(), origin));
    }

    private ObjectNode enter(Handle handle, UUID userId, String method, Origin origin) {
        Users.lock(
                handle,
                userId); // the row before the audit log, as everywhere: two who wait for each other would wait for ever
        if (Users.get(handle, userId).isBanned(clock.instant())) {
            throw new AccountException(AccountError.USER_BANNED);
        }
        ObjectNode session = sessions.start(handle, userId, method, origin);
        AuditLog.write(handle, AuditLog.Entry.done(userId, "login"), origin);
        return session;
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

    // Links by e-mail

    /**
     * A link to sign in with.
     *
     * @param create whether somebody unknown is signed up by it
     */
    void sendMagicLink(Applicant applicant, boolean create, Origin origin) {
        mails.require();
        String email = Users.normalize(applicant.email().orElseThrow(() -> invalid("An email address is required")));
        if (settings.confirmEmail()) {
            afterTheAnswer(handle -> {
                Optional<User> existing = Users.byEmail(handle, email);
                if (!isNotToBeTold(handle, existing, create)) {
                    mailMagicLink(handle, existing, email, applicant, origin);
                }
            });
            return;
        }
        jdbi.useTransaction(handle -> {
            Optional<User> existing = Users.byEmail(handle, email);
            if (existing.isEmpty() && !create) {
                throw new AccountException(AccountError.OTP_DISABLED);
            }
            if (existing.isEmpty() && !settings.signUp()) {
                throw new AccountException(AccountError.SIGNUP_DISABLED);
            }
            existing.ifPresent(user -> MailedLinks.spare(handle, user.id(), OneTimeTokens.Purpose.MAGICLINK));
            mailMagicLink(handle, existing, email, applicant, origin);
        });
    }

    private void mailMagicLink(
            Handle handle, Optional<User> existing, String email, Applicant applicant, Origin origin) {
        User user = existing.orElseGet(() -> {
            User created = Users.insert(handle, newcomer(email, Optional.empty(), applicant.data(), false))
                    .orElseThrow(() -> new AccountException(AccountError.USER_EXISTS));
            AuditLog.write(handle, AuditLog.Entry.done(created.id(), "user_signedup"), origin);
            return created;
        });
        mails.send(handle, user, OneTimeTokens.Purpose.MAGICLINK, email, applicant.along());
    }

    /** Where nobody is to learn who has an account, what is not sent is not told either. */
    private boolean isNotToBeTold(Handle handle, Optional<User> existing, boolean create) {
        return existing.map(user -> wasMailedJustNow(handle, user, OneTimeTokens.Purpose.MAGICLINK))
                .orElse(!create || !settings.signUp());
    }

    /** Under the user's lock: of two who ask at once one is mailed. */
    private static boolean wasMailedJustNow(Handle handle, User user, OneTimeTokens.Purpose purpose) {
        Users.lock(handle, user.id());
        return OneTimeTokens.issuedJustNow(handle, user.id(), purpose);
    }

    /**
     * What is done for a user, if there is one, is done after the answer: neither what is answered nor when says whether
     * there is. Nobody waits for the workers; where too much waits for them, everybody is told so alike.
     */
    private void afterTheAnswer(HandleConsumer<RuntimeException> work) {
        jdbi.useHandle(handle -> handle.execute("select 1")); // a database that is away is told of
        try {
            workers.execute(() -> {
                try {
                    jdbi.useTransaction(work);
                } catch (RuntimeException failed) {
                    LOG.error("What somebody asked to be mailed could not be prepared: {}", failed.getMessage());
                }
            });
        } catch (RejectedExecutionException full) {
            throw new AccountException(AccountError.RATE_LIMIT);
        }
    }

    private static ThreadPoolExecutor workers() {
        var workers = new ThreadPoolExecutor(
                WORKERS,
                WORKERS,
                10,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(MOST_WAITING),
                Thread.ofVirtual().name("accounts").factory());
        workers.allowCoreThreadTimeOut(true);
        return workers;
    }

    /** Says nothing of whether there is such a user. */
    void sendRecovery(Applicant applicant) {
        mails.require();
        String email = Users.normalize(applicant.email().orElseThrow(() -> invalid("An email address is required")));
        afterTheAnswer(handle -> Users.byEmail(handle, email)
                .filter(user -> !wasMailedJustNow(handle, user, OneTimeTokens.Purpose.RECOVERY))
                .ifPresent(user -> mails.send(handle, user, OneTimeTokens.Purpose.RECOVERY, email, applicant.along())));
    }

    /** Sends what was sent before once more, if there is anything to wait for. */
    void resend(OneTimeTokens.Purpose purpose, Applicant applicant) {
        mails.require();
        String email = Users.normalize(applicant.email().orElseThrow(() -> invalid("An email address is required")));
        afterTheAnswer(handle -> Users.byEmail(handle, email)
                .filter(user -> purpose.changesEmail() ? user.newEmail().isPresent() : !user.confirmed())
                .filter(user -> !wasMailedJustNow(handle, user, purpose))
                .ifPresent(user -> {
                    if (purpose.changesEmail()) {
                        emailChanges.askAgain(handle, user, applicant.along());
                    } else {
                        mails.send(handle, user, purpose, email, applicant.along());
                    }
                }));
    }

    /** What a redeemed link or number gives: a session, or a code to be exchanged for one. */
    sealed interface Verified {
        record SignedIn(ObjectNode session) implements Verified {}

        record Code(String code) implements Verified {}

        /** One of two addresses agrees to a change; the other one has still to. */
        record Half() implements Verified {}
    }

    Verified verifyLink(String hashed, OneTimeTokens.Purpose purpose, Origin origin) {
        return jdbi.inTransaction(handle ->
                        oneTimeTokens.redeem(handle, hashed, purpose).map(redeemed -> accept(handle, redeemed, origin)))
                .orElseThrow(() -> new AccountException(AccountError.OTP_EXPIRED));
    }

    Verified verifyNumber(String address, String number, OneTimeTokens.Purpose purpose, Origin origin) {
        String email = Users.normalize(address);
        limits.take(NUMBER_GUESSES, email);
        Optional<Verified> verified = jdbi.inTransaction(handle -> {
            var users = new ArrayList<>(Users.byEmail(handle, email).stream().toList());
            if (purpose.changesEmail()) { // whose address it is, and who want it: the number says who of them
                users.addAll(Users.byNewEmail(handle, email));
            }
            return users.stream()
                    .flatMap(known -> oneTimeTokens.redeem(handle, known.id(), email, number, purpose).stream())
                    .findFirst()
                    .map(redeemed -> accept(handle, redeemed, origin));
        });
        if (verified.isPresent()) {
            limits.giveBack(NUMBER_GUESSES, email);
        }
        return verified.orElseThrow(() -> new AccountException(AccountError.OTP_EXPIRED));
    }

    private Verified accept(Handle handle, OneTimeTokens.Redeemed redeemed, Origin origin) {
        UUID id = redeemed.userId();
        Users.lock(handle, id);
        if (redeemed.purpose().changesEmail()) {
            if (!emailChanges.agree(handle, redeemed)) {
                return new Verified.Half();
            }
        } else {
            if (!Users.get(handle, id).confirmed()) {
                Users.adopt(handle, id, redeemed.pending());
                OneTimeTokens.revoke(handle, id, OneTimeTokens.Purpose.SIGNUP);
            }
            Users.confirm(handle, id);
        }
        String method = redeemed.purpose() == OneTimeTokens.Purpose.RECOVERY ? "recovery" : "otp";
        if (redeemed.challenge().isPresent()) {
            return new Verified.Code(
                    oneTimeTokens.leaveCode(handle, id, redeemed.challenge().get(), method));
        }
        return new Verified.SignedIn(enter(handle, id, method, origin));
    }

    private void fail(Optional<UUID> subject, String action, String why, Origin origin) {
        jdbi.useTransaction(handle -> AuditLog.write(handle, AuditLog.Entry.failed(subject, action, why), origin));
    }

    static AccountException invalid(String message) {
        return new AccountException(AccountError.VALIDATION_FAILED, message);
    }
}
