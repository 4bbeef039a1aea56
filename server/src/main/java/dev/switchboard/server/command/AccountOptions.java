package dev.switchboard.server.command;

import dev.switchboard.accounts.AccountSettings;
import dev.switchboard.accounts.SmtpSettings;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.tokens.OidcSettings;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of {@code start} about accounts. */
final class AccountOptions {
    /** Clients refresh a token that has 90 s left; a shorter one would be refreshed with every request. */
    private static final int SHORTEST_TOKEN_LIFE = 120;

    private static final int LONGEST_TOKEN_LIFE = 7 * 24 * 3600;

    @Option(names = "--site-url", description = "Where links in e-mails lead in the end; default: this server.")
    private @Nullable String siteUrl;

    @Option(
            names = "--redirect-urls",
            split = ",",
            description =
                    "Other addresses that links may lead to; one that ends in * allows what begins so; a host is always whole"
                            + " (http://localhost:* allows any port).")
    private List<String> redirectUrls = List.of();

    @Option(names = "--disable-signup", description = "People cannot sign themselves up.")
    private boolean disableSignup;

    @Option(
            names = "--confirm-email",
            description = "An address has to be confirmed before its owner can sign in; needs --smtp-url.")
    private boolean confirmEmail;

    @Option(
            names = "--change-email-by-new-address-alone",
            description = "A change of address asks the new address only, and not the one that is given up as well.")
    private boolean newAddressAlone;

    @Option(
            names = "--anonymous-sign-ins",
            description = "One may sign in without an address, with role authenticated.")
    private boolean anonymousSignIns;

    @Option(names = "--min-password-length", description = "In characters.", defaultValue = "8")
    private int minPasswordLength;

    @Option(names = "--access-token-seconds", description = "Life of an access token.", defaultValue = "3600")
    private int accessTokenSeconds;

    @Option(names = "--link-seconds", description = "Life of a link in an e-mail.", defaultValue = "3600")
    private int linkSeconds;

    @Option(
            names = "--smtp-url",
            description =
                    "Mail server: smtp://user:password@host:587, smtps:// for TLS from the start; the password may be in"
                            + " SWITCHBOARD_SMTP_PASSWORD.")
    private @Nullable String smtpUrl;

    @Option(names = "--smtp-from", description = "Sender of e-mails.", defaultValue = "switchboard@localhost")
    private String smtpFrom = "";

    @Option(
            names = "--token-algorithm",
            description =
                    "Of users' access tokens: ES256, which others can verify by /auth/v1/.well-known/jwks.json, or HS256.",
            defaultValue = "ES256")
    private String tokenAlgorithm = "";

    @Option(
            names = "--sign-ins-per-address",
            description = "Sign-ups, sign-ins, refreshes and the like per address and 5 minutes.",
            defaultValue = "300")
    private int signInsPerAddress;

    @Option(names = "--oidc-issuer", description = "Identity provider whose tokens are accepted: their claim iss.")
    private @Nullable String oidcIssuer;

    @Option(names = "--oidc-jwks-url", description = "Where its public keys are.")
    private @Nullable String oidcJwksUrl;

    @Option(names = "--oidc-audience", description = "What its tokens for us have in their claim aud.")
    private @Nullable String oidcAudience;

    @Option(
            names = "--oidc-claims",
            description =
                    "Our claims from theirs, as role=app.role,sub=user_id; the role is anon or authenticated, else"
                            + " authenticated.",
            defaultValue = "")
    private String oidcClaims = "";

    AccountSettings settings(boolean demo) {
        between("--min-password-length", minPasswordLength, 6, 64);
        between("--access-token-seconds", accessTokenSeconds, SHORTEST_TOKEN_LIFE, LONGEST_TOKEN_LIFE);
        between("--link-seconds", linkSeconds, 60, LONGEST_TOKEN_LIFE);
        between("--sign-ins-per-address", signInsPerAddress, 1, 1_000_000);
        if (confirmEmail && smtpUrl == null && !demo) {
            throw new InvalidSettingException(
                    "--confirm-email sends e-mails, and there is no mail server: set --smtp-url");
        }
        return new AccountSettings(
                Optional.ofNullable(siteUrl),
                redirectUrls,
                !disableSignup,
                confirmEmail,
                anonymousSignIns,
                minPasswordLength,
                Duration.ofSeconds(accessTokenSeconds),
                Duration.ofSeconds(linkSeconds),
                Optional.ofNullable(smtpUrl)
                        .map(url -> SmtpSettings.parse(
                                url, smtpFrom, Optional.ofNullable(System.getenv("SWITCHBOARD_SMTP_PASSWORD")))),
                hs256(),
                signInsPerAddress,
                !newAddressAlone,
                demo);
    }

    private boolean hs256() {
        return switch (tokenAlgorithm) {
            case "HS256" -> true;
            case "ES256" -> false;
            default ->
                throw new InvalidSettingException("--token-algorithm is ES256 or HS256, not '" + tokenAlgorithm + "'");
        };
    }

    Optional<OidcSettings> oidc() {
        if (oidcIssuer == null && oidcJwksUrl == null && oidcAudience == null) {
            return Optional.empty();
        }
        if (oidcIssuer == null || oidcJwksUrl == null || oidcAudience == null) {
            throw new InvalidSettingException(
                    "--oidc-issuer, --oidc-jwks-url and --oidc-audience go together; one of them is missing");
        }
        URI jwks = URI.create(oidcJwksUrl);
        if (!"https".equals(jwks.getScheme()) && !"http".equals(jwks.getScheme())) {
            throw new InvalidSettingException("--oidc-jwks-url is no http or https address: " + oidcJwksUrl);
        }
        return Optional.of(new OidcSettings(oidcIssuer, jwks, oidcAudience, OidcSettings.mapping(oidcClaims)));
    }

    static void between(String name, int value, int least, int most) {
        if (value < least || value > most) {
            throw new InvalidSettingException(
                    "Invalid value for option '" + name + "': " + value + " is not between " + least + " and " + most);
        }
    }
}
