package dev.switchboard.systemtest.accounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.icegreen.greenmail.util.GreenMail;
import com.icegreen.greenmail.util.GreenMailUtil;
import com.icegreen.greenmail.util.ServerSetup;
import dev.switchboard.accounts.SmtpSettings;
import dev.switchboard.systemtest.harness.AccountWishes;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.PhoenixClient;
import dev.switchboard.systemtest.harness.TestServer;
import jakarta.mail.internet.MimeMessage;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Whose an address is, and who learns of it; what is kept of a user; tokens that do not hold yet. */
class AddressesTest {
    private static GreenMail mail;
    private static TestServer server;
    private static Http http;

    @BeforeAll
    static void start() {
        mail = new GreenMail(new ServerSetup(0, "127.0.0.1", ServerSetup.PROTOCOL_SMTP));
        mail.start();
        var smtp = new SmtpSettings(
                "127.0.0.1", mail.getSmtp().getPort(), false, Optional.empty(), "", "switchboard@example.com");
        server = TestServer.with()
                .accounts(AccountWishes.settings(true, Optional.of(smtp)))
                .start();
        http = new Http(server);
    }

    @AfterAll
    static void stop() {
        http.close();
        server.close();
        mail.stop();
    }

    private static Http.Answer signUp(String email, String password) {
        return http.post("/auth/v1/signup", "{\"email\":\"" + email + "\",\"password\":\"" + password + "\"}");
    }

    private static Http.Answer signIn(String email, String password) {
        return http.post(
                "/auth/v1/token?grant_type=password",
                "{\"email\":\"" + email + "\",\"password\":\"" + password + "\"}");
    }

    private static List<String> mailsTo(String address, int atLeast) {
        return await().atMost(Duration.ofSeconds(10)).until(() -> mailsTo(address), mails -> mails.size() >= atLeast);
    }

    /** In the order in which they came. */
    private static List<String> mailsTo(String address) throws jakarta.mail.MessagingException {
        var mails = new ArrayList<String>();
        for (MimeMessage message : mail.getReceivedMessages()) {
            if (message.getAllRecipients()[0].toString().equals(address)) {
                mails.add(GreenMailUtil.getBody(message).replace("=\r\n", "").replace("=3D", "="));
            }
        }
        return mails;
    }

    private static void follow(String mailText) {
        var link = Pattern.compile("http://[^/]+(/auth/v1/verify\\S+)").matcher(mailText);
        assertThat(link.find()).isTrue();
        http.get(link.group(1));
    }

    private static String number(String mailText) {
        var number = Pattern.compile("number: (\\d{6})").matcher(mailText);
        assertThat(number.find()).isTrue();
        return number.group(1);
    }

    private static String confirmed(String email, String password) {
        signUp(email, password);
        follow(mailsTo(email, 1).getLast());
        return signIn(email, password).json().path("access_token").asString();
    }

    // KF38

    @Test
    void KF38_theVictimsLinkBringsTheVictimsPassword() {
        signUp("victim@example.com", "attacker's password");
        mailsTo("victim@example.com", 1);
        signUp("victim@example.com", "victim's password");

        follow(mailsTo("victim@example.com", 2).getLast());

        assertThat(signIn("victim@example.com", "attacker's password").status()).isEqualTo(400);
        assertThat(signIn("victim@example.com", "victim's password").status()).isEqualTo(200);
    }

    @Test
    void KF38_theVictimWhoWasFirstKeepsTheOwnLink() {
        signUp("first@example.com", "victim's password");
        String own = mailsTo("first@example.com", 1).getFirst();
        signUp("first@example.com", "attacker's password");
        mailsTo("first@example.com", 2);

        follow(own);

        assertThat(signIn("first@example.com", "victim's password").status()).isEqualTo(200);
        assertThat(signIn("first@example.com", "attacker's password").status()).isEqualTo(400);
        int left = server.database()
                .withHandle(handle -> handle.createQuery("select count(*) from auth.one_time_tokens t join auth.users u"
                                + " on u.id = t.user_id where u.email = 'first@example.com'")
                        .mapTo(Integer.class)
                        .one());
        assertThat(left).as("links of the others, which nobody needs any more").isZero();
    }

    @Test
    void KF38_aLinkThatWasSentAgainBringsNobodysPasswordWhereThereWereSeveral() {
        signUp("again@example.com", "attacker's password");
        signUp("again@example.com", "victim's password");
        mailsTo("again@example.com", 2);
        server.script("update auth.one_time_tokens set created_at = created_at - interval '2 minutes'");
        http.post("/auth/v1/resend", "{\"type\":\"signup\",\"email\":\"again@example.com\"}");

        follow(mailsTo("again@example.com", 3).getLast());

        assertThat(signIn("again@example.com", "attacker's password").status()).isEqualTo(400);
        assertThat(signIn("again@example.com", "victim's password").status()).isEqualTo(400);
    }

    @Test
    void KF38_numbersBelongToTheirSignUpToo() {
        signUp("number@example.com", "attacker's password");
        mailsTo("number@example.com", 1);
        signUp("number@example.com", "victim's password");
        String number = number(mailsTo("number@example.com", 2).getLast());

        Http.Answer verified = http.post(
                "/auth/v1/verify",
                "{\"type\":\"signup\",\"email\":\"number@example.com\",\"token\":\"" + number + "\"}");

        assertThat(verified.status()).as(verified.body()).isEqualTo(200);
        assertThat(signIn("number@example.com", "victim's password").status()).isEqualTo(200);
        assertThat(signIn("number@example.com", "attacker's password").status()).isEqualTo(400);
    }

    @Test
    void KF38_nobodyIsFloodedWithMailsBySignUps() {
        for (int i = 0; i < 12; i++) {
            assertThat(signUp("flooded@example.com", "password " + i).status()).isEqualTo(200);
        }
        confirmed("after-the-flood@example.com", "some password"); // mails of before are there with this one

        assertThat(mailsTo("flooded@example.com", 1)).hasSizeLessThanOrEqualTo(4);
    }

    // KF39

    /** An answer without what differs from user to user. */
    private static String shape(Http.Answer answer, String email) {
        JsonNode body = answer.json();
        return answer.status() + " " + shapeOf(body).toString().replace(email, "EMAIL");
    }

    private static JsonNode shapeOf(JsonNode json) {
        if (json instanceof ObjectNode object) {
            ObjectNode shape = PhoenixClient.JSON.createObjectNode();
            object.propertyNames().forEach(name -> shape.set(name, shapeOf(object.get(name))));
            return shape;
        }
        if (json.isArray()) {
            var shape = PhoenixClient.JSON.createArrayNode();
            json.forEach(item -> shape.add(shapeOf(item)));
            return shape;
        }
        boolean own = json.isString() && json.asString().matches("[0-9a-f-]{36}|\\d{4}-\\d{2}-\\d{2}T.*");
        return own ? PhoenixClient.JSON.getNodeFactory().stringNode("own") : json;
    }

    @Test
    void KF39_aSignUpAnswersTheSameForKnownUnconfirmedAndNewAddresses() {
        confirmed("known@example.com", "known password");
        signUp("waiting@example.com", "some password");

        String known = shape(signUp("known@example.com", "another password"), "known@example.com");
        String waiting = shape(signUp("waiting@example.com", "another password"), "waiting@example.com");
        String fresh = shape(signUp("fresh@example.com", "another password"), "fresh@example.com");

        assertThat(known).isEqualTo(fresh);
        assertThat(waiting).isEqualTo(fresh);
        assertThat(fresh).contains("\"identities\":[{");
    }

    @Test
    void KF39_aLinkToSignInWithTellsNobodyWhoHasAnAccount() {
        confirmed("otp@example.com", "some password");
        String wish = "{\"email\":\"%s\",\"create_user\":false}";
        for (int i = 0; i < 3; i++) {
            Http.Answer known = http.post("/auth/v1/otp", wish.formatted("otp@example.com"));
            Http.Answer unknown = http.post("/auth/v1/otp", wish.formatted("nobody-" + i + "@example.com"));

            assertThat(known.status()).isEqualTo(200);
            assertThat(unknown.status()).isEqualTo(200);
            assertThat(known.body()).isEqualTo(unknown.body());
        }
    }

    /** Somebody else holds the row of the known user: whoever waited for it would answer later than for an unknown one. */
    @Test
    void KF39_noAnswerWaitsForWhatIsDoneForAKnownUser() throws Exception {
        confirmed("slow@example.com", "some password");
        signUp("slow-unconfirmed@example.com", "some password");
        mailsTo("slow-unconfirmed@example.com", 1);
        List<String> asked = List.of(
                "/recover {'email':'slow@example.com'}",
                "/recover {'email':'slow@example.com'}",
                "/otp {'email':'slow@example.com','create_user':false}",
                "/otp {'email':'slow@example.com'}",
                "/magiclink {'email':'slow@example.com'}",
                "/resend {'type':'signup','email':'slow-unconfirmed@example.com'}");
        var answered = new ArrayList<Integer>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            server.database().useTransaction(handle -> {
                handle.execute("select 1 from auth.users where email like 'slow%' for update");
                for (String ask : asked) {
                    String[] parts = ask.split(" ", 2);
                    answered.add(threads.submit(() -> http.post("/auth/v1" + parts[0], parts[1].replace('\'', '"'))
                                    .status())
                            .get(20, TimeUnit.SECONDS));
                }
            });
        }

        assertThat(answered).containsOnly(200).hasSameSizeAs(asked);
        assertThat(mailsTo("slow@example.com", 3))
                .as("a confirmation, a link and a recovery")
                .hasSize(3);
    }

    @Test
    void KF39_recoveryResendingAndAChangeOfAddressTellNeither() {
        confirmed("taken@example.com", "some password");
        String token = confirmed("curious@example.com", "some password");
        for (String path : List.of("/recover", "/resend")) {
            String wish = "{\"type\":\"signup\",\"email\":\"%s\"}";
            assertThat(http.post("/auth/v1" + path, wish.formatted("taken@example.com"))
                            .body())
                    .isEqualTo(http.post("/auth/v1" + path, wish.formatted("nobody@example.com"))
                            .body());
        }

        Http.Answer taken = changeAddress(token, "taken@example.com");
        assertThat(taken.status()).isEqualTo(200);
        assertThat(changeAddress(token, "free@example.com").status())
                .as("both within a minute, whichever was first")
                .isEqualTo(429);
        // the own mailbox tells neither: it is asked as for a free address, and its link is half of what is needed
        String own = mailsTo("curious@example.com", 2).getLast();
        assertThat(own).contains("to have the address taken@example.com");
        follow(own);
        assertThat(signIn("curious@example.com", "some password").status()).isEqualTo(200);
    }

    private static Http.Answer changeAddress(String token, String email) {
        return http.send("PUT", "/auth/v1/user", "{\"email\":\"" + email + "\"}", "Authorization", "Bearer " + token);
    }

    // KF40

    @Test
    void KF40_metadataIsBoundedInSum() {
        String token = confirmed("large@example.com", "some password");
        String before = "";
        for (int i = 0; i < 4; i++) {
            Http.Answer answer = http.send(
                    "PUT",
                    "/auth/v1/user",
                    "{\"data\":{\"part" + i + "\":\"" + "x".repeat(30_000) + "\"}}",
                    "Authorization",
                    "Bearer " + token);
            assertThat(answer.status()).as("part " + i).isEqualTo(i < 2 ? 200 : 422);
            before = i == 1 ? answer.json().path("user_metadata").toString() : before;
        }
        Http.Answer after = http.get("/auth/v1/user", "Authorization", "Bearer " + token);
        assertThat(after.json().path("user_metadata").toString()).isEqualTo(before);
        assertThat(http.send("PUT", "/auth/v1/user", "{\"data\":{\"part0\":null}}", "Authorization", "Bearer " + token)
                        .status())
                .as("taking away is always possible")
                .isEqualTo(200);
    }

    @Test
    void KF40_whatAdministratorsKeepIsBoundedToo() {
        String[] service = {"Authorization", "Bearer " + server.serviceKey()};
        String id = http.post(
                        "/auth/v1/admin/users", "{\"email\":\"kept@example.com\",\"email_confirm\":true}", service)
                .json()
                .path("id")
                .asString();
        for (String member : List.of("app_metadata", "user_metadata")) {
            for (int i = 0; i < 3; i++) {
                String part = "{\"" + member + "\":{\"part" + i + "\":\"" + "x".repeat(30_000) + "\"}}";
                assertThat(http.send("PUT", "/auth/v1/admin/users/" + id, part, service)
                                .status())
                        .isEqualTo(i < 2 ? 200 : 422);
            }
        }
        assertThat(http.get("/auth/v1/admin/users/" + id, service).body()).hasSizeLessThan(130_000);
    }

    // KF45

    @Test
    void KF45_tokensThatDoNotHoldYetAreRefusedEverywhere() {
        long later = Instant.now().plusSeconds(300).getEpochSecond();
        String early =
                server.token("authenticated", Map.of("sub", UUID.randomUUID().toString(), "nbf", later));
        String soon = server.token(
                "authenticated",
                Map.of(
                        "sub",
                        UUID.randomUUID().toString(),
                        "nbf",
                        Instant.now().plusSeconds(10).getEpochSecond()));
        for (String path : List.of("/rest/v1/calls", "/auth/v1/user", "/api/calls/health-check")) {
            assertThat(http.get(path, "Authorization", "Bearer " + early).status())
                    .as(path)
                    .isIn(401, 403);
        }
        assertThat(http.post("/api/broadcast", "{}", "Authorization", "Bearer " + early)
                        .status())
                .isEqualTo(401);
        assertThat(http.get("/rest/v1/calls", "Authorization", "Bearer " + soon).status())
                .as("what clocks may differ")
                .isEqualTo(200);
        try (PhoenixClient client = server.connect()) {
            assertThat(client.join("realtime:early", early).toString()).contains("JWT not yet valid");
            client.joined("realtime:soon", soon);
        }
    }

    @Test
    void KF45_aNewAddressEndsTheSessionsOfTheOldOne() {
        confirmed("old@example.com", "some password");
        Http.Answer session = signIn("old@example.com", "some password");
        String refresh = session.json().path("refresh_token").asString();
        changeAddress(session.json().path("access_token").asString(), "new@example.com");
        follow(mailsTo("new@example.com", 1).getLast());
        follow(mailsTo("old@example.com", 2).getLast()); // the first confirmed the address

        Http.Answer refreshed =
                http.post("/auth/v1/token?grant_type=refresh_token", "{\"refresh_token\":\"" + refresh + "\"}");

        assertThat(refreshed.status()).isEqualTo(400);
        assertThat(signIn("new@example.com", "some password").status()).isEqualTo(200);
    }
}
