package dev.switchboard.accounts;

import jakarta.mail.Authenticator;
import jakarta.mail.Message;
import jakarta.mail.MessagingException;
import jakarta.mail.PasswordAuthentication;
import jakarta.mail.Session;
import jakarta.mail.Transport;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeMessage;
import java.util.Properties;

/** Mail over SMTP (RFC 5321), with STARTTLS where the server has it, or TLS from the start. Thread-safe. */
public final class SmtpMailer implements Mailer {
    private static final String TIMEOUT_MILLIS = "10000";

    private final SmtpSettings settings;
    private final Session session;

    public SmtpMailer(SmtpSettings settings) {
        this.settings = settings;
        var properties = new Properties();
        properties.setProperty("mail.transport.protocol", settings.tls() ? "smtps" : "smtp");
        for (String protocol : new String[] {"mail.smtp.", "mail.smtps."}) {
            properties.setProperty(protocol + "host", settings.host());
            properties.setProperty(protocol + "port", Integer.toString(settings.port()));
            properties.setProperty(protocol + "connectiontimeout", TIMEOUT_MILLIS);
            properties.setProperty(protocol + "timeout", TIMEOUT_MILLIS);
            properties.setProperty(protocol + "writetimeout", TIMEOUT_MILLIS);
            properties.setProperty(protocol + "starttls.enable", "true");
            properties.setProperty(protocol + "ssl.checkserveridentity", "true");
            properties.setProperty(
                    protocol + "auth", Boolean.toString(settings.user().isPresent()));
            // a password goes over an encrypted connection or not at all
            properties.setProperty(protocol + "starttls.required", Boolean.toString(settings.needsEncryption()));
        }
        session = Session.getInstance(properties, new Authenticator() {
            @Override
            protected PasswordAuthentication getPasswordAuthentication() {
                return new PasswordAuthentication(settings.user().orElse(""), settings.password());
            }
        });
    }

    @Override
    public boolean works() {
        return true;
    }

    @Override
    public void send(Mail mail) {
        try {
            var message = new MimeMessage(session);
            message.setFrom(new InternetAddress(settings.from()));
            message.setRecipient(Message.RecipientType.TO, new InternetAddress(mail.to(), true));
            message.setSubject(mail.subject(), "UTF-8");
            message.setText(mail.text(), "UTF-8");
            Transport.send(message);
        } catch (MessagingException refused) {
            throw new UnsentMailException(refused);
        }
    }
}
