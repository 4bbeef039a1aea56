package dev.switchboard.accounts;

/** Port to a mail server. */
public interface Mailer {
    /** A message in plain text. */
    record Mail(String to, String subject, String text) {}

    /** The mail server of the settings, or in its place the log. */
    static Mailer of(AccountSettings settings) {
        return settings.smtp().<Mailer>map(SmtpMailer::new).orElseGet(() -> new LogMailer(settings.logMail()));
    }

    /** Whether anything can be sent. */
    boolean works();

    /**
     * Hands it to the mail server, and waits for that.
     *
     * @throws UnsentMailException if it does not take it
     */
    void send(Mail mail);

    /** A mail server that did not take a message. */
    final class UnsentMailException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public UnsentMailException(Throwable cause) {
            super("the mail server did not take the message: " + cause.getMessage(), cause);
        }
    }
}
