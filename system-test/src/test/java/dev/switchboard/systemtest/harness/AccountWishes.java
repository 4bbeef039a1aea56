package dev.switchboard.systemtest.harness;

import dev.switchboard.accounts.AccountSettings;
import dev.switchboard.accounts.SmtpSettings;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Accounts as most tests want them: open to everybody, with links to sites of the test. */
public final class AccountWishes {
    private AccountWishes() {}

    /** @param confirm whether an address has to be confirmed before its owner signs in */
    public static AccountSettings settings(boolean confirm, Optional<SmtpSettings> smtp) {
        return new AccountSettings(
                Optional.of("http://site.example/"),
                List.of("http://app.example/*"),
                true,
                confirm,
                true,
                8,
                Duration.ofHours(1),
                Duration.ofHours(1),
                smtp,
                false,
                100_000,
                true,
                false);
    }
}
