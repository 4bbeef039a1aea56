package dev.switchboard.systemtest.clients;

import static org.assertj.core.api.Assertions.assertThat;

import com.icegreen.greenmail.util.GreenMail;
import com.icegreen.greenmail.util.GreenMailUtil;
import com.icegreen.greenmail.util.ServerSetup;
import dev.switchboard.accounts.SmtpSettings;
import dev.switchboard.systemtest.harness.AccountWishes;
import dev.switchboard.systemtest.harness.SupabaseClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Every call of the unmodified official auth client. */
@Tag("node")
class AuthClientTest {
    private static final String NEWEST = "supabase-js-2.119";
    private static final String FORMER = "supabase-js-2.109";
    private static final String OPTIONS = "{\"persistSession\":false,\"autoRefreshToken\":false}";
    private static final String PKCE = "{\"flowType\":\"pkce\",\"persistSession\":true,\"autoRefreshToken\":false}";

    private static GreenMail mail;
    private static TestServer server;
    private static TestServer confirming;
    private static SupabaseClient clients;

    @BeforeAll
    static void start() {
        mail = new GreenMail(new ServerSetup(0, "127.0.0.1", ServerSetup.PROTOCOL_SMTP));
        mail.start();
        var smtp = new SmtpSettings(
                "127.0.0.1", mail.getSmtp().getPort(), false, Optional.empty(), "", "switchboard@example.com");
        server = TestServer.with()
                .accounts(AccountWishes.settings(false, Optional.of(smtp)))
                .start();
        confirming = TestServer.with()
                .accounts(AccountWishes.settings(true, Optional.of(smtp)))
                .start();
        clients = new SupabaseClient();
    }

    @AfterAll
    static void stop() {
        clients.close();
        server.close();
        confirming.close();
        mail.stop();
    }

    private static String open(String library, TestServer target, String key, String options) {
        String name = UUID.randomUUID().toString();
        clients.connectWithAuth(name, library, target, key, options);
        return name;
    }

    private static String address() {
        return "u" + UUID.randomUUID().toString().substring(0, 12) + "@example.com";
    }

    private static JsonNode ok(JsonNode result) {
        assertThat(result.path("error").isNull() || result.path("error").isMissingNode())
                .as("%s", result)
                .isTrue();
        return result.path("data");
    }

    private static void refused(JsonNode result, int status, String code) {
        assertThat(result.path("error").path("status").asInt()).as("%s", result).isEqualTo(status);
        assertThat(result.path("error").path("code").asString(""))
                .as("%s", result)
                .isEqualTo(code);
    }

    @ParameterizedTest
    @ValueSource(strings = {NEWEST, FORMER})
    void K1_signUpInUpdateRefreshAndOut(String library) {
        String client = open(library, server, server.anonKey(), OPTIONS);
        String email = address();
        String credentials = "{'email':'" + email + "','password':'long enough'";

        JsonNode signedUp =
                ok(clients.run(client, "[['auth.signUp'," + credentials + ",'options':{'data':{'color':'blue'}}}]]"));
        assertThat(signedUp.path("session").path("access_token").asString()).isNotEmpty();
        assertThat(signedUp.path("user").path("user_metadata").path("color").asString())
                .isEqualTo("blue");
        refused(clients.run(client, "[['auth.signUp'," + credentials + "}]]"), 422, "user_already_exists");
        assertThat(ok(clients.run(client, "[['auth.getSession']]"))
                        .path("session")
                        .path("token_type")
                        .asString())
                .isEqualTo("bearer");
        assertThat(ok(clients.run(client, "[['auth.getUser']]"))
                        .path("user")
                        .path("email")
                        .asString())
                .isEqualTo(email);
        JsonNode claims = ok(clients.run(client, "[['auth.getClaims']]"));
        assertThat(claims.path("claims").path("role").asString()).isEqualTo("authenticated");
        assertThat(claims.path("header").path("alg").asString()).isEqualTo("ES256");
        JsonNode refreshed = ok(clients.run(client, "[['auth.refreshSession']]"));
        assertThat(refreshed.path("session").path("refresh_token").asString())
                .isNotEqualTo(signedUp.path("session").path("refresh_token").asString());
        JsonNode updated =
                ok(clients.run(client, "[['auth.updateUser',{'password':'another one','data':{'size':2}}]]"));
        assertThat(updated.path("user").path("user_metadata").path("size").asInt())
                .isEqualTo(2);
        refused(clients.run(client, "[['auth.updateUser',{'password':'another one'}]]"), 422, "same_password");
        ok(clients.run(client, "[['auth.signOut']]"));
        refused(clients.run(client, "[['auth.signInWithPassword'," + credentials + "}]]"), 400, "invalid_credentials");
        JsonNode signedIn = ok(clients.run(
                client, "[['auth.signInWithPassword',{'email':'" + email + "','password':'another one'}]]"));
        JsonNode set = ok(clients.run(
                client,
                "[['auth.setSession',{'access_token':'"
                        + signedIn.path("session").path("access_token").asString() + "','refresh_token':'"
                        + signedIn.path("session").path("refresh_token").asString() + "'}]]"));
        assertThat(set.path("user").path("email").asString()).isEqualTo(email);
        ok(clients.run(client, "[['auth.updateUser',{'email':'new" + email + "'}]]"));
        ok(clients.run(client, "[['auth.signOut',{'scope':'others'}]]"));
        ok(clients.run(client, "[['auth.signOut',{'scope':'local'}]]"));
    }

    @ParameterizedTest
    @ValueSource(strings = {NEWEST, FORMER})
    void K14_theServiceKeyAdministersUsers(String library) {
        String admin = open(library, server, server.serviceKey(), OPTIONS);
        String email = address();

        JsonNode created = ok(
                clients.run(
                        admin,
                        "[['auth.admin.createUser',{'email':'" + email
                                + "','password':'long enough','email_confirm':true,'user_metadata':{'a':1},'app_metadata':{'team':'x'}}]]"));
        String id = created.path("user").path("id").asString();
        assertThat(created.path("user").path("app_metadata").path("team").asString())
                .isEqualTo("x");
        refused(
                clients.run(admin, "[['auth.admin.createUser',{'email':'" + email + "','password':'long enough'}]]"),
                422,
                "email_exists");
        assertThat(ok(clients.run(admin, "[['auth.admin.getUserById','" + id + "']]"))
                        .path("user")
                        .path("email")
                        .asString())
                .isEqualTo(email);
        JsonNode list = ok(clients.run(admin, "[['auth.admin.listUsers',{'page':1,'perPage':2}]]"));
        assertThat(list.path("users").size()).isBetween(1, 2);
        assertThat(list.path("total").asInt()).isPositive();
        JsonNode updated =
                ok(clients.run(admin, "[['auth.admin.updateUserById','" + id + "',{'user_metadata':{'b':2}}]]"));
        assertThat(updated.path("user").path("user_metadata").path("a").asInt()).isEqualTo(1);
        assertThat(updated.path("user").path("user_metadata").path("b").asInt()).isEqualTo(2);
        for (String type : new String[] {"magiclink", "recovery", "invite", "signup"}) {
            String target = type.equals("invite") || type.equals("signup") ? address() : email;
            JsonNode link = ok(clients.run(
                    admin,
                    "[['auth.admin.generateLink',{'type':'" + type + "','email':'" + target
                            + "','password':'long enough'}]]"));
            assertThat(link.path("properties").path("verification_type").asString())
                    .isEqualTo(type);
            String user = open(library, server, server.anonKey(), OPTIONS);
            JsonNode verified = ok(clients.run(
                    user,
                    "[['auth.verifyOtp',{'type':'" + type + "','token_hash':'"
                            + link.path("properties").path("hashed_token").asString() + "'}]]"));
            assertThat(verified.path("session").path("access_token").asString()).isNotEmpty();
            refused(
                    clients.run(
                            user,
                            "[['auth.verifyOtp',{'type':'" + type + "','token_hash':'"
                                    + link.path("properties")
                                            .path("hashed_token")
                                            .asString() + "'}]]"),
                    403,
                    "otp_expired");
        }
        JsonNode invited =
                ok(clients.run(admin, "[['auth.admin.inviteUserByEmail','" + address() + "',{'data':{'team':'y'}}]]"));
        assertThat(invited.path("user").path("invited_at").asString()).isNotEmpty();
        ok(clients.run(admin, "[['auth.admin.deleteUser','" + id + "']]"));
        refused(clients.run(admin, "[['auth.admin.getUserById','" + id + "']]"), 404, "user_not_found");
        String nobody = open(library, server, server.anonKey(), OPTIONS);
        refused(clients.run(nobody, "[['auth.admin.listUsers']]"), 403, "not_admin");
    }

    @ParameterizedTest
    @ValueSource(strings = {NEWEST, FORMER})
    void K15_anonymousUsersBecomeKnownOnes(String library) {
        String client = open(library, server, server.anonKey(), OPTIONS);

        JsonNode anonymous = ok(clients.run(client, "[['auth.signInAnonymously']]"));
        assertThat(anonymous.path("user").path("is_anonymous").asBoolean()).isTrue();
        JsonNode known =
                ok(clients.run(client, "[['auth.updateUser',{'email':'" + address() + "','password':'long enough'}]]"));
        assertThat(known.path("user").path("is_anonymous").asBoolean()).isFalse();
        assertThat(known.path("user").path("id"))
                .isEqualTo(anonymous.path("user").path("id"));
    }

    @ParameterizedTest
    @ValueSource(strings = {NEWEST, FORMER})
    void K7_linksAndNumbersByMailSignIn(String library) throws Exception {
        String client = open(library, confirming, confirming.anonKey(), OPTIONS);
        String email = address();

        JsonNode signedUp =
                ok(clients.run(client, "[['auth.signUp',{'email':'" + email + "','password':'long enough'}]]"));
        assertThat(signedUp.path("session").isNull()).isTrue();
        refused(
                clients.run(client, "[['auth.signInWithPassword',{'email':'" + email + "','password':'long enough'}]]"),
                400,
                "email_not_confirmed");
        ok(clients.run(client, "[['auth.resend',{'type':'signup','email':'" + email + "'}]]"));
        ok(clients.run(
                client,
                "[['auth.verifyOtp',{'type':'signup','email':'" + email + "','token':'"
                        + find(email, "number: (\\d{6})") + "'}]]"));
        ok(clients.run(client, "[['auth.resetPasswordForEmail','" + email + "']]"));
        ok(clients.run(
                client,
                "[['auth.verifyOtp',{'type':'recovery','email':'" + email + "','token':'"
                        + find(email, "(?s)Choose a new password.*number: (\\d{6})") + "'}]]"));
        refused(
                clients.run(client, "[['auth.verifyOtp',{'type':'email','email':'" + email + "','token':'123456'}]]"),
                403,
                "otp_expired");
        String fresh = address();
        // the same as for who has an account: nobody learns who has
        ok(clients.run(
                client, "[['auth.signInWithOtp',{'email':'" + fresh + "','options':{'shouldCreateUser':false}}]]"));
        ok(clients.run(client, "[['auth.reauthenticate']]"));
        String nonce = find(email, "go on: (\\d{6})");
        ok(clients.run(client, "[['auth.updateUser',{'password':'yet another','nonce':'" + nonce + "'}]]"));
    }

    @ParameterizedTest
    @ValueSource(strings = {NEWEST, FORMER})
    void K16_pkceExchangesTheCodeOfALinkOnce(String library) throws Exception {
        String client = open(library, server, server.anonKey(), PKCE);
        String email = address();

        ok(clients.run(
                client,
                "[['auth.signInWithOtp',{'email':'" + email
                        + "','options':{'emailRedirectTo':'http://app.example/welcome?x=1'}}]]"));
        HttpResponse<String> followed;
        try (HttpClient browser = HttpClient.newHttpClient()) {
            followed = browser.send(
                    HttpRequest.newBuilder(URI.create(find(email, "(http://\\S+)")))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
        }
        String location = followed.headers().firstValue("Location").orElse("");
        assertThat(location).startsWith("http://app.example/welcome?x=1&code=");
        String code = location.substring(location.indexOf("code=") + 5);

        JsonNode session = ok(clients.run(client, "[['auth.exchangeCodeForSession','" + code + "']]"));

        assertThat(session.path("user").path("email").asString()).isEqualTo(email);
        JsonNode again = clients.run(client, "[['auth.exchangeCodeForSession','" + code + "']]");
        assertThat(again.toString()).contains("rror");
    }

    @ParameterizedTest
    @ValueSource(strings = {NEWEST, FORMER})
    void KF21_anAnswerThatWasLostALaptopThatSleptAndTwoTabsSignNobodyOut(String library) {
        String tab = open(library, server, server.anonKey(), OPTIONS);
        String other = open(library, server, server.anonKey(), OPTIONS);
        String email = address();
        String first = ok(clients.run(tab, "[['auth.signUp',{'email':'" + email + "','password':'long enough'}]]"))
                .path("session")
                .path("refresh_token")
                .asString();
        // the other one holds the same session, and never hears of this refresh
        String second = refreshed(tab, first);
        server.database()
                .useHandle(
                        handle -> handle.execute(
                                "update auth.refresh_tokens set used_at = used_at - interval '1 hour' where used_at is not null"));

        assertThat(refreshed(other, first)).isEqualTo(second);

        String third = refreshed(tab, second);
        assertThat(refreshed(other, second)).isEqualTo(third); // both at the same time
        for (String client : List.of(tab, other)) {
            assertThat(ok(clients.run(client, "[['auth.getUser']]"))
                            .path("user")
                            .path("email")
                            .asString())
                    .isEqualTo(email);
        }
    }

    private static String refreshed(String client, String token) {
        return ok(clients.run(client, "[['auth.refreshSession',{'refresh_token':'" + token + "'}]]"))
                .path("session")
                .path("refresh_token")
                .asString();
    }

    @ParameterizedTest
    @ValueSource(strings = {NEWEST, FORMER})
    void KF22_aChangeOfAddressIsConfirmedAtBoth(String library) {
        String client = open(library, server, server.anonKey(), OPTIONS);
        String email = address();
        String next = address();
        ok(clients.run(client, "[['auth.signUp',{'email':'" + email + "','password':'long enough'}]]"));

        JsonNode asked = ok(clients.run(client, "[['auth.updateUser',{'email':'" + next + "'}]]"));

        assertThat(asked.path("user").path("email").asString()).isEqualTo(email);
        assertThat(asked.path("user").path("new_email").asString()).isEqualTo(next);
        ok(verified(client, email));
        assertThat(ok(clients.run(client, "[['auth.getUser']]"))
                        .path("user")
                        .path("email")
                        .asString())
                .isEqualTo(email);
        assertThat(ok(verified(client, next)).path("user").path("email").asString())
                .isEqualTo(next);
    }

    private static JsonNode verified(String client, String email) {
        return clients.run(
                client,
                "[['auth.verifyOtp',{'type':'email_change','email':'" + email + "','token':'"
                        + find(email, "number: (\\d{6})") + "'}]]");
    }

    private static String find(String address, String pattern) {
        return Awaitility.await()
                .atMost(Duration.ofSeconds(10))
                .until(() -> search(address, pattern), Optional::isPresent)
                .orElseThrow();
    }

    private static Optional<String> search(String address, String pattern) throws Exception {
        Optional<String> found = Optional.empty();
        for (var message : mail.getReceivedMessages()) {
            if (message.getAllRecipients()[0].toString().equals(address)) {
                String body =
                        GreenMailUtil.getBody(message).replace("=\r\n", "").replace("=3D", "=");
                Matcher matcher = Pattern.compile(pattern).matcher(body);
                if (matcher.find()) {
                    found = Optional.of(matcher.group(1));
                }
            }
        }
        return found;
    }
}
