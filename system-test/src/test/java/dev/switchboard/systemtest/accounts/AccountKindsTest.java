package dev.switchboard.systemtest.accounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.icegreen.greenmail.util.GreenMail;
import com.icegreen.greenmail.util.GreenMailUtil;
import com.icegreen.greenmail.util.ServerSetup;
import dev.switchboard.accounts.AccountSettings;
import dev.switchboard.accounts.SmtpSettings;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.TestServer;
import jakarta.mail.internet.MimeMessage;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Accounts, kind by kind: KF21 to KF25. */
class AccountKindsTest {
    private static final String PASSWORD = "correct horse battery";

    private static GreenMail mail;
    private static TestServer server;
    private static TestServer alone;
    private static Http http;
    private static Http aloneHttp;

    @BeforeAll
    static void start() {
        mail = new GreenMail(new ServerSetup(0, "127.0.0.1", ServerSetup.PROTOCOL_SMTP));
        mail.start();
        server = TestServer.with().accounts(settings(true)).start();
        alone = TestServer.with().accounts(settings(false)).start();
        http = new Http(server);
        aloneHttp = new Http(alone);
    }

    private static AccountSettings settings(boolean askBoth) {
        return new AccountSettings(
                Optional.of("http://site.example/"),
                List.of(),
                true,
                false,
                true,
                8,
                Duration.ofHours(1),
                Duration.ofHours(1),
                Optional.of(new SmtpSettings(
                        "127.0.0.1", mail.getSmtp().getPort(), false, Optional.empty(), "", "switchboard@example.com")),
                false,
                100_000,
                askBoth,
                false);
    }

    @AfterAll
    static void stop() {
        http.close();
        aloneHttp.close();
        server.close();
        alone.close();
        mail.stop();
    }

    private static JsonNode signUp(Http to, String email) {
        Http.Answer answer =
                to.post("/auth/v1/signup", "{\"email\":\"" + email + "\",\"password\":\"" + PASSWORD + "\"}");
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        return answer.json();
    }

    private static String text(JsonNode session, String member) {
        return session.path(member).asString();
    }

    private static Http.Answer refresh(String token) {
        return http.post("/auth/v1/token?grant_type=refresh_token", "{\"refresh_token\":\"" + token + "\"}");
    }

    private static Http.Answer signIn(Http to, String email) {
        return to.post(
                "/auth/v1/token?grant_type=password",
                "{\"email\":\"" + email + "\",\"password\":\"" + PASSWORD + "\"}");
    }

    private static Http.Answer update(Http to, JsonNode session, String body) {
        return to.send("PUT", "/auth/v1/user", body, "Authorization", "Bearer " + text(session, "access_token"));
    }

    private static Http.Answer administer(String method, String path, String body) {
        return http.send(method, "/auth/v1" + path, body, "Authorization", "Bearer " + server.serviceKey());
    }

    /** As if that much time had gone by since tokens were used. */
    private static void age(Duration time) {
        server.database()
                .useHandle(handle -> handle.execute(
                        "update auth.refresh_tokens set used_at = used_at - ? * interval '1 second' where used_at is not null",
                        time.toSeconds()));
    }

    private static List<String> mailsTo(String address) throws jakarta.mail.MessagingException {
        var mails = new ArrayList<String>();
        for (MimeMessage message : mail.getReceivedMessages()) {
            if (message.getAllRecipients()[0].toString().equals(address)) {
                mails.add(GreenMailUtil.getBody(message).replace("=\r\n", "").replace("=3D", "="));
            }
        }
        return mails;
    }

    private static String mailTo(String address, int number) {
        return await().atMost(Duration.ofSeconds(10))
                .until(() -> mailsTo(address), mails -> mails.size() >= number)
                .get(number - 1);
    }

    /** Where the browser is sent in the end. */
    private static String follow(Http to, String mailText) {
        var link = Pattern.compile("http://[^/]+(/auth/v1/verify\\S+)").matcher(mailText);
        assertThat(link.find()).as(mailText).isTrue();
        return URLDecoder.decode(to.get(link.group(1)).header("Location"), StandardCharsets.UTF_8);
    }

    private static String number(String mailText) {
        var number = Pattern.compile("number: (\\d{6})").matcher(mailText);
        assertThat(number.find()).isTrue();
        return number.group(1);
    }

    // KF21

    @Test
    void KF21_aRefreshWhoseAnswerWasLostIsAnsweredAgainAtAnyTime() {
        String first = text(signUp(http, "lost@example.com"), "refresh_token");
        String second = text(refresh(first).json(), "refresh_token");
        for (Duration later : List.of(Duration.ofSeconds(11), Duration.ofHours(1), Duration.ofDays(6))) {
            age(later);
            Http.Answer again = refresh(first);
            assertThat(again.status()).as("after " + later).isEqualTo(200);
            assertThat(text(again.json(), "refresh_token")).isEqualTo(second);
        }
        assertThat(refresh(second).status()).isEqualTo(200);
    }

    @Test
    void KF21_whatIsOlderThanThatEndsTheFamily() {
        JsonNode session = signUp(http, "stolen@example.com");
        String first = text(session, "refresh_token");
        String second = text(refresh(first).json(), "refresh_token");
        String third = text(refresh(second).json(), "refresh_token");
        age(Duration.ofSeconds(11));
        // the parent of the one that was never used still gives it; the parent's parent is a thief's
        assertThat(text(refresh(second).json(), "refresh_token")).isEqualTo(third);
        assertThat(refresh(first).code()).isEqualTo("refresh_token_already_used");
        assertThat(refresh(third).code()).isEqualTo("refresh_token_not_found");
        assertThat(refresh(second).code()).isEqualTo("refresh_token_not_found");
    }

    @Test
    void KF21_withinTenSecondsAnyUsedTokenGivesItsSuccessor() {
        String first = text(signUp(http, "tabs@example.com"), "refresh_token");
        String second = text(refresh(first).json(), "refresh_token");
        String third = text(refresh(second).json(), "refresh_token");
        assertThat(text(refresh(first).json(), "refresh_token")).isEqualTo(second);
        assertThat(text(refresh(second).json(), "refresh_token")).isEqualTo(third);
    }

    @Test
    void KF21_anEndedOrBannedSessionStaysSo() {
        JsonNode session = signUp(http, "ended@example.com");
        String first = text(session, "refresh_token");
        JsonNode second = refresh(first).json();
        age(Duration.ofHours(1));
        http.send("POST", "/auth/v1/logout", "", "Authorization", "Bearer " + text(second, "access_token"));
        assertThat(refresh(first).code()).isEqualTo("refresh_token_not_found");
        String banned = text(signUp(http, "banned@example.com"), "refresh_token");
        String id = text(refresh(banned).json().path("user"), "id");
        age(Duration.ofHours(1));
        administer("PUT", "/admin/users/" + id, "{\"ban_duration\":\"24h\"}");
        assertThat(refresh(banned).status()).isEqualTo(400);
    }

    // KF22

    @Test
    void KF22_anAddressChangesOnceBothAgree() {
        JsonNode session = signUp(http, "former@example.com");
        Http.Answer asked = update(http, session, "{\"email\":\"next@example.com\"}");
        assertThat(asked.status()).isEqualTo(200);
        assertThat(text(asked.json(), "email")).isEqualTo("former@example.com");
        assertThat(text(asked.json(), "new_email")).isEqualTo("next@example.com");

        String half = follow(http, mailTo("next@example.com", 1));
        assertThat(half).contains("message=").contains("other email");
        assertThat(signIn(http, "former@example.com").status()).isEqualTo(200);
        assertThat(signIn(http, "next@example.com").status()).isEqualTo(400);

        String whole = follow(http, mailTo("former@example.com", 1));
        assertThat(whole).contains("access_token=").contains("type=email_change");
        assertThat(signIn(http, "next@example.com").status()).isEqualTo(200);
        assertThat(signIn(http, "former@example.com").status()).isEqualTo(400);
        assertThat(mailTo("former@example.com", 2)).contains("next@example.com").contains("signs in no more");
    }

    @Test
    void KF22_byNumbersInTheOtherOrderAndEachLinkOnce() {
        JsonNode session = signUp(http, "one@example.com");
        update(http, session, "{\"email\":\"two@example.com\"}");
        String current = mailTo("one@example.com", 1);
        String next = mailTo("two@example.com", 1);
        Http.Answer half = http.post(
                "/auth/v1/verify",
                "{\"type\":\"email_change\",\"email\":\"one@example.com\",\"token\":\"" + number(current) + "\"}");
        assertThat(half.status()).as(half.body()).isEqualTo(200);
        assertThat(half.json().path("msg").asString()).contains("other email");
        assertThat(follow(http, current)).contains("otp_expired");
        Http.Answer whole = http.post(
                "/auth/v1/verify",
                "{\"type\":\"email_change\",\"email\":\"two@example.com\",\"token\":\"" + number(next) + "\"}");
        assertThat(whole.status()).as(whole.body()).isEqualTo(200);
        assertThat(text(whole.json().path("user"), "email")).isEqualTo("two@example.com");
    }

    @Test
    void KF22_twoWhoWantOneAddressAreToldApartByTheirNumbers() {
        JsonNode owner = signUp(http, "first-wish@example.com");
        update(http, signUp(http, "other-wish@example.com"), "{\"email\":\"wished@example.com\"}");
        update(http, owner, "{\"email\":\"wished@example.com\"}");
        String theirs = mailTo("wished@example.com", 1);
        String own = mailTo("wished@example.com", 2);
        for (String number : List.of(number(theirs), number(own))) {
            Http.Answer half = http.post(
                    "/auth/v1/verify",
                    "{\"type\":\"email_change\",\"email\":\"wished@example.com\",\"token\":\"" + number + "\"}");
            assertThat(half.json().path("msg").asString()).as(half.body()).contains("other email");
        }
        assertThat(follow(http, mailTo("first-wish@example.com", 1))).contains("access_token=");
        // who is second finds it taken
        assertThat(follow(http, mailTo("other-wish@example.com", 1))).contains("error_code=email_exists");
    }

    @Test
    void KF22_whoNeverAgreesKeepsTheAddress() {
        JsonNode session = signUp(http, "owner@example.com");
        update(http, session, "{\"email\":\"thief@example.com\"}");
        follow(http, mailTo("thief@example.com", 1));
        assertThat(follow(http, mailTo("thief@example.com", 1))).contains("otp_expired");
        assertThat(text(update(http, session, "{\"data\":{}}").json(), "email")).isEqualTo("owner@example.com");
        // another wish takes the place of this one, and both are asked anew
        server.database()
                .useHandle(handle -> handle.execute(
                        "update auth.one_time_tokens set created_at = created_at - interval '2 minutes'"));
        update(http, session, "{\"email\":\"better@example.com\"}");
        assertThat(follow(http, mailTo("better@example.com", 1))).contains("message=");
        assertThat(follow(http, mailTo("owner@example.com", 2))).contains("access_token=");
        assertThat(signIn(http, "better@example.com").status()).isEqualTo(200);
    }

    @Test
    void KF22_byASettingTheNewAddressAloneIsAskedAndTheOldOneTold() {
        JsonNode session = signUp(aloneHttp, "single@example.com");
        update(aloneHttp, session, "{\"email\":\"married@example.com\"}");
        assertThat(signIn(aloneHttp, "single@example.com").status()).isEqualTo(200);
        assertThat(follow(aloneHttp, mailTo("married@example.com", 1))).contains("access_token=");
        assertThat(mailTo("single@example.com", 1))
                .contains("married@example.com")
                .contains("signs in no more");
        assertThat(signIn(aloneHttp, "married@example.com").status()).isEqualTo(200);
    }

    @Test
    void KF22_aLinkAgreesToItsOwnWishAlone() {
        JsonNode session = signUp(http, "steady@example.com");
        update(http, session, "{\"email\":\"mine@example.com\"}");
        String mine = mailTo("mine@example.com", 1);
        String current = mailTo("steady@example.com", 1);
        assertThat(current).contains("mine@example.com");
        // somebody else with the session wants another one
        server.database()
                .useHandle(handle -> handle.execute(
                        "update auth.one_time_tokens set created_at = created_at - interval '2 minutes'"));
        update(http, session, "{\"email\":\"evil@example.com\"}");
        assertThat(mailTo("steady@example.com", 2)).contains("evil@example.com");
        assertThat(follow(http, current)).contains("otp_expired");
        assertThat(follow(http, mine)).contains("otp_expired");
        assertThat(follow(http, mailTo("evil@example.com", 1))).contains("other email");
        assertThat(signIn(http, "steady@example.com").status()).isEqualTo(200);
    }

    @Test
    void KF22_nobodyIsFloodedByResending() {
        JsonNode session = signUp(http, "flooded@example.com");
        update(http, session, "{\"email\":\"flood@example.com\"}");
        follow(http, mailTo("flood@example.com", 1));
        mailTo("flooded@example.com", 1);
        for (int i = 0; i < 5; i++) {
            http.post("/auth/v1/resend", "{\"type\":\"email_change\",\"email\":\"flooded@example.com\"}");
        }
        // one that is sent after them all says that they are through
        http.post("/auth/v1/recover", "{\"email\":\"flooded@example.com\"}");
        assertThat(mailTo("flooded@example.com", 2)).contains("new password");
    }

    @Test
    void KF22_aFirstAddressIsAsGoodAsAtASignUp() {
        JsonNode session = http.post("/auth/v1/signup", "{}").json();
        Http.Answer changed = update(http, session, "{\"email\":\"nobody@example.com\"}");
        assertThat(text(changed.json(), "email")).isEqualTo("nobody@example.com");
        assertThat(changed.json().path("is_anonymous").asBoolean()).isFalse();
        // the next one is a change
        assertThat(text(
                        update(http, session, "{\"email\":\"body@example.com\"}")
                                .json(),
                        "email"))
                .isEqualTo("nobody@example.com");
        mailTo("nobody@example.com", 1);
        mailTo("body@example.com", 1);
    }

    @Test
    void KF22_anAdministratorChangesItAndTheOldOneIsTold() {
        JsonNode session = signUp(http, "moved@example.com");
        administer("PUT", "/admin/users/" + text(session.path("user"), "id"), "{\"email\":\"settled@example.com\"}");
        assertThat(mailTo("moved@example.com", 1)).contains("settled@example.com");
        assertThat(signIn(http, "settled@example.com").status()).isEqualTo(200);
    }

    // KF23

    @Test
    void KF23_aValueOfAnotherTypeIsRefused() {
        JsonNode session = signUp(http, "typed@example.com");
        for (String body : List.of(
                "{\"password\":12345678}",
                "{\"data\":\"x\"}",
                "{\"data\":[1]}",
                "{\"email\":{\"a\":1}}",
                "{\"nonce\":1}",
                "{\"code_challenge\":true}")) {
            Http.Answer refused = update(http, session, body);
            assertThat(refused.status()).as(body).isEqualTo(400);
            assertThat(refused.json().path("message").asString()).as(body).startsWith("'");
        }
        assertThat(update(http, session, "{\"password\":null,\"email\":null,\"data\":null,\"unknown\":7}")
                        .status())
                .isEqualTo(200);
        for (String[] request : new String[][] {
            {"/signup", "{\"email\":5,\"password\":\"long enough\"}"},
            {"/signup", "{\"email\":\"a@example.com\",\"password\":\"long enough\",\"data\":\"x\"}"},
            {"/token?grant_type=password", "{\"email\":\"a@example.com\",\"password\":1}"},
            {"/token?grant_type=refresh_token", "{\"refresh_token\":[]}"},
            {"/otp", "{\"email\":\"a@example.com\",\"create_user\":\"no\"}"},
            {"/recover", "{\"email\":false}"},
            {"/resend", "{\"type\":1,\"email\":\"a@example.com\"}"},
            {"/verify", "{\"type\":\"email\",\"email\":\"a@example.com\",\"token\":123456}"},
        }) {
            assertThat(http.post("/auth/v1" + request[0], request[1]).status())
                    .as(request[0])
                    .isEqualTo(400);
        }
        for (String[] request : new String[][] {
            {"POST", "/admin/users", "{\"email\":\"b@example.com\",\"email_confirm\":\"yes\"}"},
            {"POST", "/admin/users", "{\"email\":\"b@example.com\",\"user_metadata\":[]}"},
            {"POST", "/invite", "{\"email\":\"b@example.com\",\"data\":1}"},
            {"POST", "/admin/generate_link", "{\"type\":\"recovery\",\"email\":1}"},
            {"PUT", "/admin/users/" + text(session.path("user"), "id"), "{\"ban_duration\":24}"},
            {"DELETE", "/admin/users/" + text(session.path("user"), "id"), "{\"should_soft_delete\":\"true\"}"},
        }) {
            assertThat(administer(request[0], request[1], request[2]).status())
                    .as(request[1] + request[2])
                    .isEqualTo(400);
        }
        assertThat(signIn(http, "typed@example.com").status()).isEqualTo(200);
    }

    // KF24

    @Test
    void KF24_whatSomebodyHasNotIsNotConfirmed() {
        JsonNode session = http.post("/auth/v1/signup", "{}").json();
        String path = "/admin/users/" + text(session.path("user"), "id");
        Http.Answer refused = administer("PUT", path, "{\"email_confirm\":true}");
        assertThat(refused.status()).isEqualTo(400);
        assertThat(refused.json().path("message").asString()).contains("email");
        assertThat(administer("PUT", path, "{\"phone_confirm\":true}").status()).isEqualTo(400);
        assertThat(administer("GET", path, null).json().path("is_anonymous").asBoolean())
                .isTrue();
        assertThat(administer("POST", "/admin/users", "{\"phone\":\"4912345\",\"email_confirm\":true}")
                        .status())
                .isEqualTo(400);
        Http.Answer known = administer(
                "PUT",
                path,
                "{\"email\":\"late@example.com\",\"email_confirm\":true,\"password\":\"" + PASSWORD + "\"}");
        assertThat(known.status()).as(known.body()).isEqualTo(200);
        assertThat(known.json().path("is_anonymous").asBoolean()).isFalse();
        assertThat(signIn(http, "late@example.com").status()).isEqualTo(200);
        assertThat(administer("PUT", path, "{\"email_confirm\":false}").status())
                .isEqualTo(200);
    }

    // KF25

    @Test
    void KF25_administrationKeepsWhatItWasGivenAndNothingElse() {
        JsonNode created = administer(
                        "POST",
                        "/admin/users",
                        "{\"email\":\"made@example.com\",\"email_confirm\":true,\"password\":\"" + PASSWORD
                                + "\",\"user_metadata\":{\"name\":\"Made\"}}")
                .json();
        assertThat(created.path("user_metadata").toString()).isEqualTo("{\"name\":\"Made\"}");
        String path = "/admin/users/" + text(created, "id");
        assertThat(administer("PUT", path, "{\"email\":\"remade@example.com\"}")
                        .json()
                        .path("user_metadata")
                        .toString())
                .isEqualTo("{\"name\":\"Made\"}");
        assertThat(administer("PUT", path, "{\"email_confirm\":true,\"user_metadata\":{\"a\":1}}")
                        .json()
                        .path("user_metadata")
                        .toString())
                .isEqualTo("{\"a\":1,\"name\":\"Made\"}");
        JsonNode invited = administer("POST", "/invite", "{\"email\":\"guest@example.com\",\"data\":{\"x\":1}}")
                .json();
        assertThat(invited.path("user_metadata").toString()).isEqualTo("{\"x\":1}");
        follow(http, mailTo("guest@example.com", 1));
        assertThat(administer("GET", "/admin/users/" + text(invited, "id"), null)
                        .json()
                        .path("user_metadata")
                        .toString())
                .isEqualTo("{\"x\":1}");
        // the identity says it either way
        assertThat(administer("GET", path, null)
                        .json()
                        .at("/identities/0/identity_data/email")
                        .asString())
                .isEqualTo("remade@example.com");
        // who signs up is described, as by the original
        assertThat(signUp(http, "self@example.com")
                        .at("/user/user_metadata/email")
                        .asString())
                .isEqualTo("self@example.com");
    }

    @Test
    void KF25_verifyingByPhoneSaysWhatIsWrong() {
        Http.Answer sms = http.post("/auth/v1/verify", "{\"type\":\"sms\",\"phone\":\"49123\",\"token\":\"123456\"}");
        assertThat(sms.status()).isEqualTo(400);
        assertThat(sms.code()).isEqualTo("phone_provider_disabled");
        assertThat(http.post("/auth/v1/verify", "{\"type\":\"phone_change\",\"phone\":\"49\",\"token\":\"1\"}")
                        .code())
                .isEqualTo("phone_provider_disabled");
        Http.Answer unknown = http.post("/auth/v1/verify", "{\"type\":\"pigeon\",\"token\":\"1\"}");
        assertThat(unknown.code()).isEqualTo("validation_failed");
        assertThat(unknown.json().path("message").asString()).contains("'pigeon'");
        assertThat(http.post("/auth/v1/verify", "{\"token\":\"1\"}").code()).isEqualTo("validation_failed");
    }
}
