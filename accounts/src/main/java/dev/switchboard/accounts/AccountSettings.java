package dev.switchboard.accounts;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Who may have an account, and how.
 *
 * @param siteUrl          where links in e-mails lead in the end; empty for the server's own address
 * @param redirects        other addresses that a link may lead to; one that ends in {@code *} allows what begins so
 * @param signUp           whether people may sign themselves up
 * @param confirmEmail     whether an address has to be confirmed before its owner can sign in
 * @param anonymous        whether one may sign in without an address
 * @param shortestPassword in characters
 * @param accessTokenLife  of a session's access token
 * @param linkLife         of a link in an e-mail
 * @param smtp             the mail server
 * @param hs256            whether sessions are signed with the installation's secret instead of a key of its ring
 * @param signInsPerAddress per 5 minutes
 * @param askBothAddresses whether a change of address asks the one that is given up as well
 * @param logMail          whether e-mails go to the log where there is no mail server
 */
public record AccountSettings(
        Optional<String> siteUrl,
        List<String> redirects,
        boolean signUp,
        boolean confirmEmail,
        boolean anonymous,
        int shortestPassword,
        Duration accessTokenLife,
        Duration linkLife,
        Optional<SmtpSettings> smtp,
        boolean hs256,
        int signInsPerAddress,
        boolean askBothAddresses,
        boolean logMail) {
    public AccountSettings {
        redirects = List.copyOf(redirects);
    }

    /** Everything as it is where nothing is set. */
    public static AccountSettings defaults() {
        return new AccountSettings(
                Optional.empty(),
                List.of(),
                true,
                false,
                false,
                8,
                Duration.ofHours(1),
                Duration.ofHours(1),
                Optional.empty(),
                false,
                300,
                true,
                false);
    }
}
