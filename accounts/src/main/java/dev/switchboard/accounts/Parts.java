package dev.switchboard.accounts;

import dev.switchboard.http.Metrics;
import java.time.InstantSource;
import org.jdbi.v3.core.Jdbi;

/** What those share who work on accounts. */
record Parts(
        Jdbi jdbi,
        AccountSettings settings,
        InstantSource clock,
        Passwords passwords,
        RateLimits limits,
        Sessions sessions,
        OneTimeTokens oneTimeTokens,
        Links links,
        MailedLinks mails,
        EmailChanges emailChanges) {
    static Parts of(Jdbi jdbi, AccountSettings settings, AccountRoutes.Surroundings around) {
        var tokens = new Tokens(around.random());
        var oneTimeTokens = new OneTimeTokens(tokens, settings.linkLife());
        var links = new Links(settings, around.url());
        var mails = new MailedLinks(oneTimeTokens, links, around.mailer(), settings.linkLife());
        return new Parts(
                jdbi,
                settings,
                around.clock(),
                new Passwords(settings.shortestPassword()),
                new RateLimits(around.clock()),
                new Sessions(around.jwt(), tokens, around.clock(), settings.accessTokenLife(), around.url()),
                oneTimeTokens,
                links,
                mails,
                new EmailChanges(settings, mails));
    }

    void count(Metrics metrics) {
        metrics.counter("accounts.sign.ins", "Sessions that began", sessions::begun);
        metrics.counter("accounts.rate.limited", "Tries refused since there were too many", limits::refused);
        metrics.counter("accounts.mails.unsent", "Mails that the mail server did not take", mails::unsent);
    }
}
