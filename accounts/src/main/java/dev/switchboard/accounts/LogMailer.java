package dev.switchboard.accounts;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Without a mail server: in a demo the messages, links and all, go to the log; otherwise nothing can be sent. */
public final class LogMailer implements Mailer {
    private static final Logger LOG = LoggerFactory.getLogger(LogMailer.class);

    private final boolean demo;

    public LogMailer(boolean demo) {
        this.demo = demo;
    }

    @Override
    public boolean works() {
        return demo;
    }

    @Override
    public void send(Mail mail) {
        if (demo) {
            LOG.info("Mail to {}: {}\n{}", mail.to(), mail.subject(), mail.text());
        }
    }
}
