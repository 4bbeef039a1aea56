package dev.switchboard.accounts;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.HandleConsumer;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/** Links and numbers that people ask to be mailed, and what they are good for when they come back. Blocking; thread-safe. */
final class MailSignIn {
    /** Of the numbers that e-mails carry, per account. */
    static final RateLimits.Rate NUMBER_GUESSES = new RateLimits.Rate("number", 20, Duration.ofMinutes(10));

    private static final Logger LOG = LoggerFactory.getLogger(MailSignIn.class);
    /** Fewer than there are connections: those who wait for an answer have the others. */
    private static final int WORKERS = 2;

    private static final int MOST_WAITING = 1_000;

    private final Jdbi jdbi;
    private final AccountSettings settings;
    private final RateLimits limits;
    private final Sessions sessions;
    private final OneTimeTokens oneTimeTokens;
    private final MailedLinks mails;
    private final EmailChanges emailChanges;
    private final Executor workers = workers();

    MailSignIn(Parts parts) {
        jdbi = parts.jdbi();
        settings = parts.settings();
        limits = parts.limits();
        sessions = parts.sessions();
        oneTimeTokens = parts.oneTimeTokens();
        mails = parts.mails();
        emailChanges = parts.emailChanges();
    }

    /**
     * A link to sign in with.
     *
     * @param create whether somebody unknown is signed up by it
     */
    void sendMagicLink(Accounts.Applicant applicant, boolean create, Origin origin) {
        mails.require();
        String email =
                Users.normalize(applicant.email().orElseThrow(() -> Accounts.invalid("An email address is required")));
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
            Handle handle, Optional<User> existing, String email, Accounts.Applicant applicant, Origin origin) {
        User user = existing.orElseGet(() -> {
            User created = Users.insert(handle, Accounts.newcomer(email, Optional.empty(), applicant.data(), false))
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
    void sendRecovery(Accounts.Applicant applicant) {
        mails.require();
        String email =
                Users.normalize(applicant.email().orElseThrow(() -> Accounts.invalid("An email address is required")));
        afterTheAnswer(handle -> Users.byEmail(handle, email)
                .filter(user -> !wasMailedJustNow(handle, user, OneTimeTokens.Purpose.RECOVERY))
                .ifPresent(user -> mails.send(handle, user, OneTimeTokens.Purpose.RECOVERY, email, applicant.along())));
    }

    /** Sends what was sent before once more, if there is anything to wait for. */
    void resend(OneTimeTokens.Purpose purpose, Accounts.Applicant applicant) {
        mails.require();
        String email =
                Users.normalize(applicant.email().orElseThrow(() -> Accounts.invalid("An email address is required")));
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

    // What came back

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
        return new Verified.SignedIn(sessions.enter(handle, id, method, origin));
    }
}
