package dev.switchboard.accounts;

import java.time.Duration;

/** The texts of e-mails. */
final class Mails {
    private Mails() {}

    /** @param newEmail what takes the place of {@code to}, where that is what is asked */
    static Mailer.Mail of(
            OneTimeTokens.Purpose purpose, String to, String newEmail, String link, String number, Duration life) {
        String until = "\n\nIt is good once, for " + life.toMinutes() + " minutes.\n";
        String withNumber = "\n\nOr enter this number: " + number + until
                + "\nIf you did not ask for this, ignore it: nothing happens then.\n";
        return switch (purpose) {
            case SIGNUP ->
                new Mailer.Mail(
                        to, "Confirm your address", "Confirm your address by this link:\n\n" + link + withNumber);
            case INVITE ->
                new Mailer.Mail(
                        to, "You are invited", "You were given an account. Accept it by this link:\n\n" + link + until);
            case MAGICLINK ->
                new Mailer.Mail(to, "Your link to sign in", "Sign in by this link:\n\n" + link + withNumber);
            case RECOVERY ->
                new Mailer.Mail(
                        to, "Reset your password", "Choose a new password by this link:\n\n" + link + withNumber);
            case EMAIL_CHANGE ->
                new Mailer.Mail(
                        to,
                        "Confirm your new address",
                        "Confirm your new address by this link:\n\n" + link + withNumber);
            case EMAIL_CHANGE_CURRENT ->
                new Mailer.Mail(
                        to,
                        "Confirm that your address changes",
                        "Your account is to have the address " + newEmail
                                + " instead of this one. Confirm that by this link:\n\n" + link + withNumber);
            case REAUTHENTICATION ->
                new Mailer.Mail(to, "Your number", "Enter this number to go on: " + number + until);
        };
    }

    /** Tells an address that it is not the account's any more. */
    static Mailer.Mail changed(String to, String newAddress) {
        return new Mailer.Mail(
                to,
                "Your address was changed",
                "The address of your account is " + newAddress + " now, and this one signs in no more.\n\n"
                        + "If that was not you, tell whoever runs this site at once.\n");
    }
}
