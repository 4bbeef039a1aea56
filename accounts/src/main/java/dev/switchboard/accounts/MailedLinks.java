package dev.switchboard.accounts;

import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Links and numbers that go out by e-mail: each call within its caller's transaction, the mail once that is committed. Thread-safe. */
final class MailedLinks {
    private static final Logger LOG = LoggerFactory.getLogger(MailedLinks.class);
    private static final Duration LEAST_DELAY = Duration.ofSeconds(60);

    private final OneTimeTokens tokens;
    private final Links links;
    private final Mailer mailer;
    private final Duration life;
    private final LongAdder unsent = new LongAdder();

    /** What a client sends along with its wish: PKCE's challenge, and where the link leads in the end. */
    record Along(Optional<OneTimeTokens.Challenge> challenge, Optional<String> redirect) {
        static final Along NOTHING = new Along(Optional.empty(), Optional.empty());
    }

    /** @param life of a link */
    MailedLinks(OneTimeTokens tokens, Links links, Mailer mailer, Duration life) {
        this.tokens = tokens;
        this.links = links;
        this.mailer = mailer;
        this.life = life;
    }

    /** How many mails the mail server did not take. */
    long unsent() {
        return unsent.sum();
    }

    /** Whether mails go out at all. */
    boolean work() {
        return mailer.works();
    }

    void require() {
        if (!mailer.works()) {
            throw new AccountException(AccountError.EMAIL_DISABLED);
        }
    }

    /** @throws AccountException if one for that purpose went out less than a minute ago */
    static void spare(Handle handle, UUID user, OneTimeTokens.Purpose purpose) {
        if (OneTimeTokens.issuedJustNow(handle, user, purpose)) {
            throw new AccountException(
                    AccountError.EMAIL_RATE_LIMIT, AccountError.EMAIL_RATE_LIMIT.message(), Optional.of(LEAST_DELAY));
        }
    }

    void send(Handle handle, User user, OneTimeTokens.Purpose purpose, String email, Along along) {
        send(handle, user, purpose, email, "", Optional.empty(), along);
    }

    /** @param pending what becomes the user's with the link */
    void sendSignUp(Handle handle, User user, String email, OneTimeTokens.Pending pending, Along along) {
        send(handle, user, OneTimeTokens.Purpose.SIGNUP, email, "", Optional.of(pending), along);
    }

    /** Asks the user's present address whether another takes its place. */
    void sendToPresent(Handle handle, User user, String newEmail, Along along) {
        OneTimeTokens.Purpose purpose = OneTimeTokens.Purpose.EMAIL_CHANGE_CURRENT;
        send(handle, user, purpose, user.email().orElseThrow(), newEmail, Optional.empty(), along);
    }

    private void send(
            Handle handle,
            User user,
            OneTimeTokens.Purpose purpose,
            String email,
            String newEmail,
            Optional<OneTimeTokens.Pending> pending,
            Along along) {
        OneTimeTokens.Issued issued = tokens.issue(handle, user.id(), purpose, email, along.challenge(), pending);
        String link = links.verification(issued, purpose, along.redirect());
        send(handle, Mails.of(purpose, email, newEmail, link, issued.number(), life));
    }

    /** As if one had gone out: to an address whose owner is not to hear of it. */
    void keepUnsent(Handle handle, User user, OneTimeTokens.Purpose purpose, String email, Along along) {
        tokens.issue(handle, user.id(), purpose, email, along.challenge(), Optional.empty());
    }

    /** Tells the address that was given up what took its place. */
    void tellFormer(Handle handle, User before, String email) {
        if (mailer.works()) {
            before.email()
                    .filter(former -> !former.equals(email))
                    .ifPresent(former -> send(handle, Mails.changed(former, email)));
        }
    }

    /** Not within the transaction: a slow mail server must not hold it, nor tell by its time who is a user. */
    private void send(Handle handle, Mailer.Mail mail) {
        handle.afterCommit(() -> Thread.ofVirtual().name("mail").start(() -> send(mail)));
    }

    private void send(Mailer.Mail mail) {
        try {
            mailer.send(mail);
        } catch (Mailer.UnsentMailException failed) {
            unsent.increment();
            LOG.error("A mail was not sent: {}", failed.getMessage());
        }
    }
}
