package dev.switchboard.accounts;

import dev.switchboard.accounts.OneTimeTokens.Purpose;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** A change of a user's address: who is asked, and what their answers do (SPEC K25). Each call within its caller's transaction. Thread-safe. */
final class EmailChanges {
    private final AccountSettings settings;
    private final MailedLinks mails;

    EmailChanges(AccountSettings settings, MailedLinks mails) {
        this.settings = settings;
        this.mails = mails;
    }

    /**
     * Asks whose address changes, and whose it becomes. It changes at once where no mail goes out, and where somebody who had none
     * gives a first one, as at a sign-up, unless that has to be confirmed too.
     *
     * @param session that stays where the address changes at once
     */
    void ask(Handle handle, User user, String email, Optional<UUID> session, MailedLinks.Along along) {
        if (user.email().filter(email::equals).isPresent()) {
            return;
        }
        boolean taken = Users.byEmail(handle, email).isPresent();
        if (taken && !settings.confirmEmail()) {
            throw new AccountException(AccountError.EMAIL_EXISTS);
        }
        if (!settings.confirmEmail() && !(mails.work() && user.email().isPresent())) {
            change(handle, user, email);
            Sessions.endOthers(handle, user.id(), session);
            return;
        }
        mails.require();
        MailedLinks.spare(handle, user.id(), Purpose.EMAIL_CHANGE);
        Users.askForEmail(handle, user.id(), email, asked(user));
        for (Purpose purpose : asked(user)) {
            send(handle, user, purpose, email, taken, along);
        }
    }

    /** Whose agreement a change of the user's address needs. */
    Set<Purpose> asked(User user) {
        return settings.askBothAddresses() && user.email().isPresent()
                ? Set.of(Purpose.EMAIL_CHANGE, Purpose.EMAIL_CHANGE_CURRENT)
                : Set.of(Purpose.EMAIL_CHANGE);
    }

    /** Sends to those whose agreement is left what was sent before, but to nobody more than once a minute. */
    void askAgain(Handle handle, User user, MailedLinks.Along along) {
        String email = user.newEmail().orElseThrow();
        boolean taken = Users.byEmail(handle, email).isPresent();
        user.awaited().stream()
                .filter(purpose -> !OneTimeTokens.issuedJustNow(handle, user.id(), purpose))
                .forEach(purpose -> send(handle, user, purpose, email, taken, along));
    }

    /** To the owner of an address that is taken nothing is sent, and nobody is told that there is one. */
    private void send(Handle handle, User user, Purpose purpose, String email, boolean taken, MailedLinks.Along along) {
        if (purpose == Purpose.EMAIL_CHANGE_CURRENT) {
            mails.sendToPresent(handle, user, email, along);
        } else if (taken) {
            mails.keepUnsent(handle, user, purpose, email, along);
        } else {
            mails.send(handle, user, purpose, email, along);
        }
    }

    /**
     * A link came back.
     *
     * @return whether the address has changed; if not, the other address has still to agree
     * @throws AccountException if the link is of another wish than the present one
     */
    boolean agree(Handle handle, OneTimeTokens.Redeemed link) {
        User before = Users.get(handle, link.userId());
        Optional<String> asked = link.purpose() == Purpose.EMAIL_CHANGE ? before.newEmail() : before.email();
        if (before.newEmail().isEmpty() || !asked.equals(Optional.of(link.email()))) {
            throw new AccountException(AccountError.OTP_EXPIRED);
        }
        if (!Users.agree(handle, before.id(), link.purpose()).isEmpty()) {
            return false;
        }
        change(handle, before, before.newEmail().get());
        Sessions.endAll(handle, before.id()); // who had the former address may have had a session too
        return true;
    }

    private void change(Handle handle, User before, String email) {
        Users.setEmail(handle, before.id(), email, true);
        mails.tellFormer(handle, before, email);
    }
}
