package dev.switchboard.accounts;

import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/** The links in e-mails: to the server's {@code /verify}, and from there to a page that the settings allow. Immutable. */
final class Links {
    /** Up to the end of the authority. */
    private static final Pattern PORT = Pattern.compile("\\d{1,5}(?=[/?#]|$)");

    private static final Pattern NOTHING = Pattern.compile("(?=[/?#]|$)");

    private final AccountSettings settings;
    private final Supplier<String> url;

    /** @param url of the server */
    Links(AccountSettings settings, Supplier<String> url) {
        this.settings = settings;
        this.url = url;
    }

    /** Where to send the browser in the end: where the client asked for, if that is allowed, else the site. */
    String destination(Optional<String> wanted) {
        String site = settings.siteUrl().orElseGet(url);
        return wanted.filter(target -> isAllowed(target, site)).orElse(site);
    }

    private boolean isAllowed(String target, String site) {
        try {
            var uri = new URI(target);
            if (uri.getScheme() == null || uri.getRawUserInfo() != null) {
                return false;
            }
            return isSameOrigin(uri, new URI(site))
                    || settings.redirects().stream()
                            .anyMatch(allowed -> allowed.endsWith("*")
                                    ? begins(target, allowed.substring(0, allowed.length() - 1))
                                    : target.equals(allowed));
        } catch (java.net.URISyntaxException malformed) {
            return false;
        }
    }

    /** A host is allowed as a whole: what only begins with its name is another one. After a colon any port is. */
    private static boolean begins(String target, String allowed) {
        if (!target.startsWith(allowed)) {
            return false;
        }
        int authority = allowed.indexOf("://") + "://".length();
        boolean hostIsWhole = allowed.length() == authority || allowed.indexOf('/', authority) >= 0;
        String rest = target.substring(allowed.length());
        return hostIsWhole
                || (allowed.endsWith(":") ? PORT : NOTHING).matcher(rest).lookingAt();
    }

    private static boolean isSameOrigin(URI one, URI other) {
        return one.getScheme().equalsIgnoreCase(other.getScheme())
                && one.getHost() != null
                && one.getHost().equalsIgnoreCase(other.getHost())
                && one.getPort() == other.getPort();
    }

    /** What an e-mail carries. */
    String verification(OneTimeTokens.Issued issued, OneTimeTokens.Purpose purpose, Optional<String> redirect) {
        return url.get() + "/auth/v1/verify?token=" + encode(issued.hashed()) + "&type="
                + (purpose.changesEmail() ? "email_change" : purpose.wire()) + "&redirect_to="
                + encode(destination(redirect));
    }

    static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    /** An address with a parameter more. */
    static String withParameter(String address, String name, String value) {
        int fragment = address.indexOf('#');
        String base = fragment < 0 ? address : address.substring(0, fragment);
        return base + (base.contains("?") ? "&" : "?") + name + "=" + encode(value);
    }
}
