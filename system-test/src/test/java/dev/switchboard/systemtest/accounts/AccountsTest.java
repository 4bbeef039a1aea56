package dev.switchboard.systemtest.accounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.icegreen.greenmail.util.GreenMail;
import com.icegreen.greenmail.util.GreenMailUtil;
import com.icegreen.greenmail.util.ServerSetup;
import com.nimbusds.jwt.SignedJWT;
import dev.switchboard.accounts.SmtpSettings;
import dev.switchboard.systemtest.harness.AccountWishes;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.TestServer;
import dev.switchboard.tokens.KeyRing;
import jakarta.mail.MessagingException;
import jakarta.mail.internet.MimeMessage;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Accounts over plain HTTP: what clients' libraries hide, and what they never do. */
class AccountsTest {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final String PASSWORD = "correct horse battery";

    private static GreenMail mail;
    private static TestServer server;
    private static TestServer confirming;
    private final HttpClient http = HttpClient.newHttpClient();

    /** An answer. */
    record Answer(int status, JsonNode body, java.net.http.HttpHeaders headers) {
        String code() {
            return body.path("code").asString("");
        }

        String text(String member) {
            return body.path(member).asString("");
        }
    }

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
    }

    @AfterAll
    static void stop() {
        server.close();
        confirming.close();
        mail.stop();
    }

    @Test
    void K1_aSessionCarriesWhatClientsReadAndItsTokenIsVerifiedByTheJwks() throws Exception {
        Answer session = signUp(server, "ann@example.com");

        assertThat(session.status()).isEqualTo(200);
        assertThat(session.body().path("expires_in").asInt()).isEqualTo(3600);
        assertThat(session.body().path("user").path("email").asString()).isEqualTo("ann@example.com");
        SignedJWT token = SignedJWT.parse(session.text("access_token"));
        assertThat(token.getHeader().getAlgorithm().getName()).isEqualTo("ES256");
        assertThat(token.getJWTClaimsSet().getIssuer()).isEqualTo(server.url() + "/auth/v1");
        assertThat(token.getJWTClaimsSet().getClaims())
                .containsKeys("sub", "aud", "exp", "iat", "email", "phone", "app_metadata", "user_metadata", "role")
                .containsKeys("aal", "amr", "session_id", "is_anonymous");
        Answer jwks = get(server, "/.well-known/jwks.json", null);
        assertThat(jwks.body().path("keys").get(0).path("kid").asString())
                .isEqualTo(token.getHeader().getKeyID());
        assertThat(jwks.body().toString()).doesNotContain("\"d\"");
    }

    @Test
    void K2_aRefreshTokenIsGoodOnceARepeatedRequestIsForgivenAndALateOneEndsTheSession() {
        Answer first = signUp(server, "bea@example.com");
        Answer second = refresh(first.text("refresh_token"));
        Answer repeated = refresh(first.text("refresh_token"));
        assertThat(second.status()).isEqualTo(200);
        assertThat(repeated.status()).isEqualTo(200);
        assertThat(second.text("refresh_token")).isNotEqualTo(first.text("refresh_token"));
        assertThat(repeated.text("refresh_token")).isEqualTo(second.text("refresh_token"));

        Answer third = refresh(second.text("refresh_token"));
        server.database()
                .useHandle(
                        handle -> handle.execute(
                                "update auth.refresh_tokens set used_at = used_at - interval '11 seconds' where used_at is not null"));
        Answer stolen = refresh(first.text("refresh_token")); // its successor has been used as well

        assertThat(stolen.status()).isEqualTo(400);
        assertThat(stolen.code()).isEqualTo("refresh_token_already_used");
        assertThat(refresh(third.text("refresh_token")).code()).isEqualTo("refresh_token_not_found");
        assertThat(refresh(repeated.text("refresh_token")).code()).isEqualTo("refresh_token_not_found");
        assertThat(get(server, "/user", second.text("access_token")).code()).isEqualTo("session_not_found");
        assertThat(refresh("no such token").code()).isEqualTo("refresh_token_not_found");
    }

    @Test
    void K2_refreshesAtTheSameTimeAllSucceedOrTheSessionIsIntact() throws Exception {
        Answer first = signUp(server, "bob@example.com");
        var refreshes = new ArrayList<Callable<Answer>>();
        for (int i = 0; i < 8; i++) {
            refreshes.add(() -> refresh(first.text("refresh_token")));
        }

        List<Answer> answers = new ArrayList<>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (Future<Answer> future : threads.invokeAll(refreshes)) {
                answers.add(future.get());
            }
        }

        assertThat(answers).allMatch(answer -> answer.status() == 200);
        assertThat(refresh(answers.getLast().text("refresh_token")).status()).isEqualTo(200);
    }

    @Test
    void K3_signingOutEndsTheSessionsOfItsScope() {
        Answer one = signUp(server, "cid@example.com");
        Answer two = signIn(server, "cid@example.com", PASSWORD);
        Answer three = signIn(server, "cid@example.com", PASSWORD);

        assertThat(post(server, "/logout?scope=others", one.text("access_token"), "{}")
                        .status())
                .isEqualTo(204);
        assertThat(refresh(two.text("refresh_token")).code()).isEqualTo("refresh_token_not_found");
        assertThat(get(server, "/user", one.text("access_token")).status()).isEqualTo(200);
        assertThat(post(server, "/logout?scope=local", one.text("access_token"), "{}")
                        .status())
                .isEqualTo(204);
        assertThat(get(server, "/user", one.text("access_token")).code()).isEqualTo("session_not_found");
        Answer four = signIn(server, "cid@example.com", PASSWORD);
        assertThat(post(server, "/logout", four.text("access_token"), "").status())
                .isEqualTo(204);
        assertThat(get(server, "/user", four.text("access_token")).code()).isEqualTo("session_not_found");
        assertThat(refresh(three.text("refresh_token")).code()).isEqualTo("refresh_token_not_found");
    }

    @Test
    void K4_anUnknownUserIsAnsweredLikeAWrongPasswordAlsoInTime() {
        signUp(server, "dan@example.com");
        long known = 0;
        long unknown = 0;
        for (int i = 0; i < 8; i++) {
            long start = System.nanoTime();
            assertThat(signIn(server, "dan@example.com", "wrong " + i).code()).isEqualTo("invalid_credentials");
            long middle = System.nanoTime();
            assertThat(signIn(server, "nobody@example.com", "wrong " + i).code())
                    .isEqualTo("invalid_credentials");
            known += middle - start;
            unknown += System.nanoTime() - middle;
        }

        // without the hash of nobody's password an unknown user takes a tenth of the time
        assertThat((double) unknown / known).isGreaterThan(0.4);
    }

    @Test
    void K5_whoGuessesIsStoppedAndItsVictimSignsInElsewhere() {
        signUp(server, "eve@example.com");
        Answer answer = signIn(server, "eve@example.com", "guess");
        for (int i = 0; i < 12 && answer.status() == 400; i++) {
            answer = signIn(server, "eve@example.com", "guess " + i);
        }

        assertThat(answer.status()).isEqualTo(429);
        assertThat(answer.code()).isEqualTo("over_request_rate_limit");
        assertThat(answer.headers().firstValue("Retry-After")).isPresent();
        assertThat(signIn(server, "eve@example.com", PASSWORD).status()).isEqualTo(429);
        // the guesser's address is locked for this account, not the account
        assertThat(signInFrom("127.0.0.2", "eve@example.com").status()).isEqualTo(200);
        assertThat(signIn(server, "ann@example.com", "another").status()).isEqualTo(400);
    }

    @Test
    void K6_addressesAreConfirmedByLinkOrNumberAndNobodyLearnsWhoIsRegistered() throws Exception {
        Answer user = signUp(confirming, "fay@example.com");
        assertThat(user.status()).isEqualTo(200);
        assertThat(user.body().has("access_token")).isFalse();
        assertThat(signIn(confirming, "fay@example.com", PASSWORD).code()).isEqualTo("email_not_confirmed");

        Answer wrong = post(
                confirming,
                "/verify",
                null,
                "{\"type\":\"signup\",\"email\":\"fay@example.com\",\"token\":\"000000\"}");
        Answer right = post(
                confirming,
                "/verify",
                null,
                "{\"type\":\"signup\",\"email\":\"fay@example.com\",\"token\":\"" + number(mailTo("fay@example.com"))
                        + "\"}");
        Answer again = signUp(confirming, "fay@example.com");

        assertThat(wrong.code()).isEqualTo("otp_expired");
        assertThat(right.body().has("access_token")).isTrue();
        assertThat(again.status()).isEqualTo(200);
        assertThat(again.body().path("identities").size())
                .as("as a newcomer has")
                .isEqualTo(1);
        assertThat(signIn(confirming, "fay@example.com", PASSWORD).status()).isEqualTo(200);
    }

    @Test
    void K7_aLinkIsGoodOnceAndLeadsOnlyWhereTheSettingsAllow() throws Exception {
        signUp(confirming, "gus@example.com");
        String link = link(mailTo("gus@example.com"));

        HttpResponse<String> followed = follow(link);
        HttpResponse<String> again = follow(link);

        assertThat(followed.statusCode()).isEqualTo(303);
        assertThat(location(followed))
                .startsWith("http://site.example/#access_token=")
                .contains("type=signup");
        assertThat(location(again)).startsWith("http://site.example/#error=access_denied&error_code=otp_expired");
        post(server, "/recover?redirect_to=http://app.example/reset", null, "{\"email\":\"ann@example.com\"}");
        signUp(server, "hal@example.com");
        post(server, "/recover?redirect_to=http%3A%2F%2Fapp.example%2Freset", null, "{\"email\":\"hal@example.com\"}");
        assertThat(link(mailTo("hal@example.com"))).contains("redirect_to=http%3A%2F%2Fapp.example%2Freset");
        signUp(server, "ida@example.com");
        post(server, "/recover?redirect_to=http%3A%2F%2Fevil.example%2F", null, "{\"email\":\"ida@example.com\"}");
        assertThat(link(mailTo("ida@example.com"))).contains("redirect_to=http%3A%2F%2Fsite.example%2F");
    }

    @Test
    void K8_fiveWrongNumbersSpoilTheRightOne() throws Exception {
        signUp(confirming, "jan@example.com");
        String number = number(mailTo("jan@example.com"));
        for (int i = 0; i < 5; i++) {
            String wrong = "%06d".formatted((Integer.parseInt(number) + 1 + i) % 1_000_000);
            post(
                    confirming,
                    "/verify",
                    null,
                    "{\"type\":\"email\",\"email\":\"jan@example.com\",\"token\":\"" + wrong + "\"}");
        }

        Answer late = post(
                confirming,
                "/verify",
                null,
                "{\"type\":\"email\",\"email\":\"jan@example.com\",\"token\":\"" + number + "\"}");

        assertThat(late.code()).isEqualTo("otp_expired");
    }

    @Test
    void K9_keysRotateAndOldTokensStayGoodUnlessTheirKeyIsRevoked() throws Exception {
        Answer before = signUp(server, "kai@example.com");
        var file = server.directory().resolve("signing-keys.json");

        KeyRing.Rotation rotation = KeyRing.rotate(file, Instant.now(), false);
        await().atMost(Duration.ofSeconds(10))
                .until(() -> keyOf(signIn(server, "kai@example.com", PASSWORD)).equals(rotation.signing()));
        assertThat(get(server, "/user", before.text("access_token")).status()).isEqualTo(200);
        assertThat(get(server, "/.well-known/jwks.json", null)
                        .body()
                        .path("keys")
                        .size())
                .isEqualTo(2);

        KeyRing.rotate(file, Instant.now(), true);
        await().atMost(Duration.ofSeconds(10))
                .until(() -> get(server, "/user", before.text("access_token")).status() == 403);
        assertThat(get(server, "/user", before.text("access_token")).code()).isEqualTo("bad_jwt");
    }

    @Test
    void K10_whatIsDoneToAccountsIsAuditedWithoutSecretsAndTamperingShows() {
        signUp(server, "lea@example.com");
        signIn(server, "lea@example.com", "wrong secret");

        server.database().useHandle(handle -> {
            String all = handle.createQuery("select string_agg(a::text, ' ') from public.audit_logs a")
                    .mapTo(String.class)
                    .one();
            assertThat(all).contains("user_signedup", "login").doesNotContain(PASSWORD, "wrong secret");
            assertThat(broken(handle)).isEmpty();
            handle.execute("set session_replication_role = replica");
            handle.execute("update public.audit_logs set action = 'nothing' where id = 2");
            assertThat(broken(handle)).contains(2L);
            handle.execute("delete from public.audit_logs where id = 1");
            assertThat(broken(handle)).contains(2L);
            handle.execute("set session_replication_role = origin");
        });
    }

    @Test
    void K10_adminsReadTheAuditLogOfTheirOrganizationAndAgentsDoNot() {
        Answer admin = signUp(server, "pia@example.com");
        Answer agent = signUp(server, "quin@example.com");
        UUID organization = server.organization("audited");
        server.database().useHandle(handle -> {
            for (Answer user : List.of(admin, agent)) {
                handle.execute(
                        "insert into user_roles (organization_id, user_id, role) values (?, ?::uuid, ?)",
                        organization,
                        user.body().path("user").path("id").asString(),
                        user.equals(admin) ? "admin" : "agent");
            }
        });

        signIn(server, "quin@example.com", PASSWORD);

        try (Http requests = new Http(server)) {
            Http.Answer seen = requests.get(
                    "/rest/v1/audit_logs?select=action,organization_id&organization_id=eq." + organization,
                    "Authorization",
                    "Bearer " + admin.text("access_token"));
            assertThat(seen.json().get(0).path("action").asString()).isEqualTo("login");
            assertThat(seen.json().get(0).path("organization_id").asString()).isEqualTo(organization.toString());
            assertThat(requests.get("/rest/v1/audit_logs", "Authorization", "Bearer " + agent.text("access_token"))
                            .body())
                    .isEqualTo("[]");
            assertThat(requests.get("/rest/v1/audit_logs").status()).isEqualTo(401);
        }
    }

    private static Optional<Long> broken(org.jdbi.v3.core.Handle handle) {
        return handle.createQuery("select auth.broken_audit_log()")
                .mapTo(Long.class)
                .findOne();
    }

    @Test
    void K11_onlyTheServiceKeyAdministersAndErrorsHaveTheClientsForm() throws Exception {
        Answer user = signUp(server, "mia@example.com");

        assertThat(get(server, "/admin/users", user.text("access_token")).code())
                .isEqualTo("not_admin");
        assertThat(get(server, "/admin/users", server.anonKey()).code()).isEqualTo("not_admin");
        assertThat(get(server, "/admin/users", null).status()).isEqualTo(401);
        assertThat(get(server, "/user", "not a token").code()).isEqualTo("bad_jwt");
        assertThat(get(server, "/user", server.anonKey()).code()).isEqualTo("bad_jwt");
        assertThat(post(server, "/signup", null, "{").code()).isEqualTo("bad_json");
        assertThat(post(server, "/token?grant_type=magic", null, "{}").code()).isEqualTo("unsupported_grant_type");
        assertThat(get(server, "/nowhere", null).status()).isEqualTo(404);
        Answer weak = post(server, "/signup", null, "{\"email\":\"x@example.com\",\"password\":\"short\"}");
        assertThat(weak.status()).isEqualTo(422);
        assertThat(weak.body().path("weak_password").path("reasons").get(0).asString())
                .isEqualTo("length");
        assertThat(weak.headers().firstValue("X-Supabase-Api-Version")).contains("2024-01-01");
    }

    @Test
    void K12_aBannedUserIsOutAtOnceForRefreshAndSignIn() {
        Answer user = signUp(server, "ned@example.com");
        String id = user.body().path("user").path("id").asString();

        Answer banned = put(server, "/admin/users/" + id, server.serviceKey(), "{\"ban_duration\":\"24h\"}");

        assertThat(banned.body().has("banned_until")).isTrue();
        assertThat(refresh(user.text("refresh_token")).status()).isEqualTo(400);
        assertThat(signIn(server, "ned@example.com", PASSWORD).code()).isEqualTo("user_banned");
        put(server, "/admin/users/" + id, server.serviceKey(), "{\"ban_duration\":\"none\"}");
        assertThat(signIn(server, "ned@example.com", PASSWORD).status()).isEqualTo(200);
    }

    @Test
    void K13_onlyHashesOfTokensAndPasswordsAreKept() {
        Answer user = signUp(server, "oda@example.com");

        server.database().useHandle(handle -> {
            for (String table : List.of("users", "sessions", "refresh_tokens", "identities", "one_time_tokens")) {
                String all = handle.createQuery(
                                "select coalesce(string_agg(t::text, ' '), '') from auth." + table + " t")
                        .mapTo(String.class)
                        .one();
                assertThat(all).doesNotContain(PASSWORD, user.text("refresh_token"), user.text("access_token"));
            }
        });
    }

    @Test
    void K18_whoSignsUpSomebodyElsesAddressHasNothingOfIt() {
        String theirs = "rob@example.com";
        post(confirming, "/signup", null, credentials(theirs, "the attacker's own"));
        confirming
                .database()
                .useHandle(handle -> handle.execute(
                        "update auth.one_time_tokens set created_at = created_at - interval '2 minutes'"));
        Answer second = signUp(confirming, theirs);
        assertThat(second.body().path("identities").size())
                .as("as a newcomer has")
                .isEqualTo(1);

        post(
                confirming,
                "/verify",
                null,
                "{\"type\":\"signup\",\"email\":\"" + theirs + "\",\"token\":\"" + newestNumber(theirs) + "\"}");

        assertThat(signIn(confirming, theirs, "the attacker's own").code()).isEqualTo("invalid_credentials");
        assertThat(signIn(confirming, theirs, PASSWORD).status()).isEqualTo(200);

        post(confirming, "/signup", null, credentials("sue@example.com", "the attacker's own"));
        post(confirming, "/otp", null, "{\"email\":\"sue@example.com\"}");
        String link = await().atMost(Duration.ofSeconds(10))
                .until(() -> newest(mail, "sue@example.com", "Sign in by"), Optional::isPresent)
                .orElseThrow();
        post(
                confirming,
                "/verify",
                null,
                "{\"type\":\"email\",\"email\":\"sue@example.com\",\"token\":\"" + number(link) + "\"}");
        assertThat(signIn(confirming, "sue@example.com", "the attacker's own").code())
                .isEqualTo("invalid_credentials");
    }

    /** Of the second mail to somebody. */
    private static String newestNumber(String address) {
        await().atMost(Duration.ofSeconds(10))
                .until(() -> java.util.Arrays.stream(mail.getReceivedMessages())
                                .filter(message -> recipient(message).equals(address))
                                .count()
                        >= 2);
        return number(mailTo(address));
    }

    private static String recipient(MimeMessage message) {
        try {
            return message.getAllRecipients()[0].toString();
        } catch (MessagingException broken) {
            throw new AssertionError(broken);
        }
    }

    @Test
    void K19_aNewPasswordEndsLinksThatAreUnderWay() {
        Answer thief = signUp(confirming, "tim@example.com");
        assertThat(thief.status()).isEqualTo(200);
        String token = post(
                        confirming,
                        "/verify",
                        null,
                        "{\"type\":\"signup\",\"email\":\"tim@example.com\",\"token\":\""
                                + number(mailTo("tim@example.com")) + "\"}")
                .text("access_token");
        assertThat(put(confirming, "/user", token, "{\"email\":\"evil@example.com\"}")
                        .status())
                .isEqualTo(200);
        String number = number(mailTo("evil@example.com"));
        assertThat(put(confirming, "/user", token, "{\"email\":\"evil2@example.com\"}")
                        .code())
                .isEqualTo("over_email_send_rate_limit");

        assertThat(put(confirming, "/user", token, "{\"password\":\"a new password\"}")
                        .status())
                .isEqualTo(200);

        Answer late = post(
                confirming,
                "/verify",
                null,
                "{\"type\":\"email_change\",\"email\":\"evil@example.com\",\"token\":\"" + number + "\"}");
        assertThat(late.code()).isEqualTo("otp_expired");
    }

    @Test
    void K5_guessesAtTheSameTimeAreCountedToo() throws Exception {
        signUp(server, "uma@example.com");
        var guesses = new ArrayList<Callable<Answer>>();
        for (int i = 0; i < 40; i++) {
            String guess = "wrong " + i;
            guesses.add(() -> signIn(server, "uma@example.com", guess));
        }

        var statuses = new ArrayList<Integer>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (Future<Answer> future : threads.invokeAll(guesses)) {
                statuses.add(future.get().status());
            }
        }

        assertThat(statuses.stream().filter(status -> status == 400).count()).isEqualTo(10);
        assertThat(statuses.stream().filter(status -> status == 429).count()).isEqualTo(30);
    }

    @Test
    void K20_signInsAndChangesOfOneUserDoNotWaitForEachOtherForEver() throws Exception {
        String id =
                signUp(server, "val@example.com").body().path("user").path("id").asString();
        var work = new ArrayList<Callable<Answer>>();
        for (int i = 0; i < 60; i++) {
            String data = "{\"user_metadata\":{\"n\":" + i + "}}";
            work.add(() -> signIn(server, "val@example.com", PASSWORD));
            work.add(() -> put(server, "/admin/users/" + id, server.serviceKey(), data));
        }

        try (var threads = Executors.newFixedThreadPool(8)) {
            for (Future<Answer> future : threads.invokeAll(work)) {
                assertThat(future.get().status())
                        .as(future.get().body().toString())
                        .isEqualTo(200);
            }
        }
    }

    @Test
    void K3_aTokenOfAnEndedSessionEndsNoOther() {
        Answer first = signUp(server, "wes@example.com");
        post(server, "/logout?scope=local", first.text("access_token"), "{}");
        Answer second = signIn(server, "wes@example.com", PASSWORD);

        assertThat(post(server, "/logout?scope=global", first.text("access_token"), "{}")
                        .code())
                .isEqualTo("session_not_found");
        assertThat(get(server, "/user", second.text("access_token")).status()).isEqualTo(200);
    }

    @Test
    void K11_whatPostgresCannotHoldIsTheClientsMistake() {
        Answer answer = post(
                server,
                "/signup",
                null,
                "{\"email\":\"nul@example.com\",\"password\":\"long enough\",\"data\":{\"a\":\"\\u0000\"}}");

        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.code()).isEqualTo("validation_failed");
        assertThat(post(server, "/signup", null, "x".repeat(100_000)).status()).isEqualTo(413);
    }

    // Requests

    private Answer signUp(TestServer target, String email) {
        return post(target, "/signup", null, credentials(email, PASSWORD));
    }

    private Answer signIn(TestServer target, String email, String password) {
        return post(target, "/token?grant_type=password", null, credentials(email, password));
    }

    private Answer refresh(String token) {
        return post(server, "/token?grant_type=refresh_token", null, "{\"refresh_token\":\"" + token + "\"}");
    }

    private static String credentials(String email, String password) {
        return JSON.createObjectNode()
                .put("email", email)
                .put("password", password)
                .toString();
    }

    private Answer get(TestServer target, String path, String token) {
        return send(request(target, path, token).GET());
    }

    private Answer post(TestServer target, String path, String token, String body) {
        return send(request(target, path, token).POST(HttpRequest.BodyPublishers.ofString(body)));
    }

    private Answer put(TestServer target, String path, String token, String body) {
        return send(request(target, path, token).PUT(HttpRequest.BodyPublishers.ofString(body)));
    }

    private static HttpRequest.Builder request(TestServer target, String path, String token) {
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(target.url() + "/auth/v1" + path))
                .header("Content-Type", "application/json");
        return token == null ? builder : builder.header("Authorization", "Bearer " + token);
    }

    private Answer send(HttpRequest.Builder request) {
        return send(http, request);
    }

    private static Answer send(HttpClient client, HttpRequest.Builder request) {
        try {
            HttpResponse<String> answer = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            return new Answer(
                    answer.statusCode(),
                    answer.body().isEmpty() ? JSON.createObjectNode() : JSON.readTree(answer.body()),
                    answer.headers());
        } catch (IOException | InterruptedException failed) {
            throw new AssertionError(failed);
        }
    }

    /** From another address of this machine. */
    private static Answer signInFrom(String address, String email) {
        try (HttpClient other = HttpClient.newBuilder()
                .localAddress(java.net.InetAddress.ofLiteral(address))
                .build()) {
            return send(
                    other,
                    request(server, "/token?grant_type=password", null)
                            .POST(HttpRequest.BodyPublishers.ofString(credentials(email, PASSWORD))));
        }
    }

    private HttpResponse<String> follow(String link) throws IOException, InterruptedException {
        return http.send(HttpRequest.newBuilder(URI.create(link)).build(), HttpResponse.BodyHandlers.ofString());
    }

    private static String location(HttpResponse<String> answer) {
        return answer.headers().firstValue("Location").orElse("");
    }

    private static String keyOf(Answer session) throws ParseException {
        return SignedJWT.parse(session.text("access_token")).getHeader().getKeyID();
    }

    static String mailTo(String address) {
        return await().atMost(Duration.ofSeconds(10))
                .until(() -> newest(mail, address), Optional::isPresent)
                .orElseThrow();
    }

    private static Optional<String> newest(GreenMail mail, String address) throws MessagingException {
        return newest(mail, address, "");
    }

    /** Mails arrive in any order: the newest that has these words. */
    private static Optional<String> newest(GreenMail mail, String address, String words) throws MessagingException {
        Optional<String> newest = Optional.empty();
        for (MimeMessage message : mail.getReceivedMessages()) {
            String text = GreenMailUtil.getBody(message).replace("=\r\n", "").replace("=3D", "=");
            if (message.getAllRecipients()[0].toString().equals(address) && text.contains(words)) {
                newest = Optional.of(text);
            }
        }
        return newest;
    }

    private static String link(String mail) {
        return find(mail, "(http://\\S+)");
    }

    private static String number(String mail) {
        return find(mail, "number: (\\d{6})");
    }

    private static String find(String text, String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        assertThat(matcher.find()).as("%s in %s", pattern, text).isTrue();
        return matcher.group(1);
    }

    @Test
    void K14_anUnknownIdIsNotFound() {
        Answer answer = get(server, "/admin/users/" + UUID.randomUUID(), server.serviceKey());

        assertThat(answer.status()).isEqualTo(404);
        assertThat(answer.code()).isEqualTo("user_not_found");
    }
}
