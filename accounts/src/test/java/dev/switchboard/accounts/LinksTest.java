package dev.switchboard.accounts;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Where a link may lead: to the site, and to what the settings allow. */
class LinksTest {
    private static final String SITE = "https://site.example/welcome";

    private static String destination(String allowed, String wanted) {
        AccountSettings all = AccountSettings.defaults();
        var settings = new AccountSettings(
                Optional.of(SITE),
                List.of(allowed),
                all.signUp(),
                all.confirmEmail(),
                all.anonymous(),
                all.shortestPassword(),
                all.accessTokenLife(),
                all.linkLife(),
                all.smtp(),
                all.hs256(),
                all.signInsPerAddress(),
                true,
                all.logMail());
        return new Links(settings, () -> "http://127.0.0.1:8000").destination(Optional.of(wanted));
    }

    private static void allows(String allowed, String... wanted) {
        for (String target : wanted) {
            assertThat(destination(allowed, target)).as(allowed).isEqualTo(target);
        }
    }

    private static void refuses(String allowed, String... wanted) {
        for (String target : wanted) {
            assertThat(destination(allowed, target)).as(allowed + ": " + target).isEqualTo(SITE);
        }
    }

    @Test
    void KF45_aHostThatOnlyBeginsWithAnAllowedOneIsAnother() {
        allows(
                "https://x.example*",
                "https://x.example",
                "https://x.example/a",
                "https://x.example?b",
                "https://x.example#c");
        refuses(
                "https://x.example*",
                "https://x.exampleevil.com",
                "https://x.example.evil.com/",
                "https://x.example:8443/",
                "https://x.example@evil.com/",
                "http://x.example/");
    }

    @Test
    void KF45_aPathMayBeginAsAllowed() {
        allows("https://x.example/app*", "https://x.example/app", "https://x.example/application/a?b");
        refuses(
                "https://x.example/app*",
                "https://x.example/",
                "https://x.example.evil.com/app",
                "https://x.example/ap");
    }

    @Test
    void KF45_anyPortIsAllowedAfterAColonAndNothingElse() {
        allows("http://localhost:*", "http://localhost:3000", "http://localhost:5173/auth/callback?next=%2F");
        refuses(
                "http://localhost:*",
                "http://localhost",
                "http://localhost/",
                "http://localhost:",
                "http://localhost:3000@evil.com/",
                "http://localhost:evil.com/",
                "http://localhost:3000.evil.com/");
    }

    @Test
    void KF45_withoutAStarTheAddressIsMeantAsItIs() {
        allows("https://x.example/done", "https://x.example/done", "https://site.example/elsewhere");
        refuses(
                "https://x.example/done",
                "https://x.example/done/more",
                "https://x.example/Done",
                "javascript:alert(1)");
    }
}
