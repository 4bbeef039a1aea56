package dev.switchboard.accounts;

import dev.switchboard.engine.InvalidSettingException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * A mail server. The password never appears in text.
 *
 * @param tls  from the start; otherwise STARTTLS where the server has it
 * @param from address of the sender
 */
public record SmtpSettings(String host, int port, boolean tls, Optional<String> user, String password, String from) {
    private static final int SUBMISSION = 587;
    private static final int SUBMISSION_TLS = 465;

    /**
     * Parses {@code smtp://user:password@host:587}, or {@code smtps://} for TLS from the start.
     *
     * @throws InvalidSettingException if it has another form
     */
    public static SmtpSettings parse(String url, String from, Optional<String> environmentPassword) {
        try {
            var uri = new URI(url);
            boolean tls = "smtps".equals(uri.getScheme());
            if ((!tls && !"smtp".equals(uri.getScheme())) || uri.getHost() == null) {
                throw new InvalidSettingException(
                        "--smtp-url has the form smtp://user:password@host:587, or smtps:// for TLS from the start");
            }
            int port = uri.getPort() > 0 ? uri.getPort() : tls ? SUBMISSION_TLS : SUBMISSION;
            String[] user = uri.getRawUserInfo() == null
                    ? new String[0]
                    : uri.getRawUserInfo().split(":", 2);
            return new SmtpSettings(
                    uri.getHost(),
                    port,
                    tls,
                    user.length > 0 ? Optional.of(decode(user[0])) : Optional.empty(),
                    user.length > 1 ? decode(user[1]) : environmentPassword.orElse(""),
                    from);
        } catch (URISyntaxException malformed) {
            throw new InvalidSettingException(
                    "--smtp-url is no URL; percent-encode what is special in user and password");
        }
    }

    private static String decode(String text) {
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    /** Whether a password would go over the wire, to another machine. */
    public boolean needsEncryption() {
        return user.isPresent() && !host.equals("localhost") && !host.equals("127.0.0.1");
    }

    @Override
    public String toString() {
        return (tls ? "smtps://" : "smtp://") + host + ":" + port;
    }
}
