package dev.switchboard.accounts;

import dev.switchboard.engine.postgres.Preparation;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.http.AnswerMetrics;
import dev.switchboard.http.Handler;
import dev.switchboard.http.Metrics;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import dev.switchboard.tokens.JwtTokens;
import java.security.SecureRandom;
import java.sql.SQLException;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.postgresql.util.PSQLException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The endpoints below {@code /auth/v1}: who asks for what, and the form of the answers. */
public final class AccountRoutes implements Handler {
    /** Where the endpoints live. */
    public static final String PREFIX = "/auth/v1";

    private static final Logger LOG = LoggerFactory.getLogger(AccountRoutes.class);
    /** What a client that follows the original's words looks for. */
    private static final String ONE_OF_TWO =
            "Confirmation link accepted. Please proceed to confirm link sent to the other email";

    private static final JsonMapper JSON = JsonMapper.shared();
    private static final String API_VERSION = "2024-01-01";
    private static final int MOST_BODY_BYTES = 64 * 1024;

    private final AnswerMetrics answers;
    private final Accounts accounts;
    private final MailSignIn mailSignIn;
    private final AdministrationRoutes administration;
    private final Links links;
    private final JwtTokens jwt;
    private final AccountSettings settings;
    private final InstantSource clock;

    /**
     * What accounts need of their surroundings.
     *
     * @param jwt issues access tokens, and reads them
     * @param url of the server as its users see it, without a slash at the end
     */
    public record Surroundings(
            JwtTokens jwt,
            Mailer mailer,
            InstantSource clock,
            SecureRandom random,
            Supplier<String> url,
            Metrics metrics) {}

    private AccountRoutes(Parts parts, Surroundings around) {
        jwt = around.jwt();
        answers = new AnswerMetrics(around.metrics(), "accounts");
        parts.count(around.metrics());
        settings = parts.settings();
        clock = parts.clock();
        links = parts.links();
        accounts = new Accounts(parts);
        mailSignIn = new MailSignIn(parts);
        administration = new AdministrationRoutes(new Administration(parts));
    }

    /**
     * The endpoints, or where the database has no tables for them a handler that says so; what lacks is logged then.
     *
     * @param connections of a user who may read and write schema {@code auth}
     */
    public static Handler of(DataSource connections, AccountSettings settings, Surroundings around) {
        Optional<Preparation.Lack> lack = AccountsSchema.lack(connections);
        if (lack.isPresent()) {
            LOG.warn(
                    "There are no accounts: {}. switchboard prepare makes what they need",
                    lack.get().what());
            return (_, _) -> Response.json(
                    404,
                    "{\"code\":\"not_found\",\"message\":\"This database has no accounts; switchboard prepare makes what"
                            + " they need\"}");
        }
        return new AccountRoutes(Parts.of(Jdbi.create(connections), settings, around), around);
    }

    @Override
    public Response handle(Request request, Client client) {
        return answers.measure(() -> answer(request));
    }

    private Response answer(Request request) {
        try {
            return route(request).with("Cache-Control", "no-store");
        } catch (AccountException refused) {
            return refusal(refused.error(), refused.text(), refused.retryAfter().map(wait -> wait.toSeconds() + 1));
        } catch (UnableToExecuteStatementException failed) {
            if (failed.getCause() instanceof SQLException raised
                    && String.valueOf(raised.getSQLState()).startsWith("22")) {
                return refusal(
                        AccountError.VALIDATION_FAILED, AccountError.VALIDATION_FAILED.message(), Optional.empty());
            }
            if (failed.getCause() instanceof PSQLException raised
                    && "23514".equals(raised.getSQLState())
                    && raised.getServerErrorMessage() != null) { // a rule of the application, in its own words
                return refusal(
                        AccountError.VALIDATION_FAILED,
                        String.valueOf(raised.getServerErrorMessage().getMessage()),
                        Optional.empty());
            }
            LOG.error("{} {} failed: {}", request.method(), request.path(), String.valueOf(failed.getCause()));
            return refusal(AccountError.UNEXPECTED, AccountError.UNEXPECTED.message(), Optional.empty());
        } catch (RuntimeException failed) {
            LOG.error("{} {} failed: {}", request.method(), request.path(), failed.toString());
            return refusal(AccountError.UNEXPECTED, AccountError.UNEXPECTED.message(), Optional.empty());
        }
    }

    @Override
    public int mostBodyBytes() {
        return MOST_BODY_BYTES;
    }

    private static Response refusal(AccountError error, String message, Optional<Long> retryAfter) {
        ObjectNode body = JSON.createObjectNode()
                .put("code", error.code())
                .put("error_code", error.code())
                .put("message", message)
                .put("msg", message);
        if (error == AccountError.WEAK_PASSWORD) {
            body.putObject("weak_password")
                    .put("message", message)
                    .putArray("reasons")
                    .add("length");
        }
        Response response = Response.json(error.status(), body.toString())
                .with("X-Supabase-Api-Version", API_VERSION)
                .with("X-Sb-Error-Code", error.code());
        return retryAfter
                .map(seconds -> response.with("Retry-After", seconds.toString()))
                .orElse(response);
    }

    private Response route(Request request) {
        String path = request.path().substring(PREFIX.length());
        List<String> parts = List.of(path.split("/", -1));
        if (path.startsWith("/admin/") || path.equals("/invite")) {
            requireAdministrator(request);
            return administration.answer(request, parts.subList(1, parts.size()), origin(request));
        }
        return switch (request.method() + " " + path) {
            case "GET /health" -> ok(health());
            case "GET /settings" -> ok(publicSettings());
            case "GET /.well-known/jwks.json" -> Response.json(200, jwt.publicKeys());
            case "GET /user" -> ok(accounts.user(principal(request)));
            case "PUT /user" -> ok(update(request));
            case "POST /logout" -> logout(request);
            case "GET /reauthenticate" -> {
                accounts.count(origin(request));
                accounts.reauthenticate(principal(request));
                yield ok(JSON.createObjectNode());
            }
            case "GET /verify" -> verifyLink(request);
            case "GET /authorize" -> throw new AccountException(AccountError.PROVIDER_DISABLED);
            case "POST /signup",
                    "POST /token",
                    "POST /otp",
                    "POST /magiclink",
                    "POST /recover",
                    "POST /resend",
                    "POST /verify" -> {
                accounts.count(origin(request));
                yield ok(enter(path, request));
            }
            default -> throw notFound(request);
        };
    }

    static AccountException notFound(Request request) {
        return new AccountException(
                AccountError.NOT_FOUND, "No such endpoint: " + request.method() + " " + request.path());
    }

    static Response ok(JsonNode body) {
        return Response.json(200, body.toString());
    }

    private ObjectNode enter(String path, Request request) {
        JsonNode body = form(path).read(request.body());
        return switch (path) {
            case "/signup" -> {
                refusePhone(body);
                yield accounts.signUp(applicant(body, request), origin(request));
            }
            case "/token" -> token(request, body);
            case "/otp", "/magiclink" -> {
                refusePhone(body);
                mailSignIn.sendMagicLink(
                        applicant(body, request), body.path("create_user").asBoolean(true), origin(request));
                yield JSON.createObjectNode();
            }
            case "/recover" -> {
                mailSignIn.sendRecovery(applicant(body, request));
                yield JSON.createObjectNode();
            }
            case "/resend" -> {
                refusePhone(body);
                mailSignIn.resend(resendable(body), applicant(body, request));
                yield JSON.createObjectNode();
            }
            case "/verify" -> verify(body, request);
            default -> throw notFound(request);
        };
    }

    private static BodyForm form(String path) {
        return switch (path) {
            case "/signup" -> BodyForm.SIGN_UP;
            case "/token" -> BodyForm.TOKEN;
            case "/recover" -> BodyForm.RECOVER;
            case "/resend" -> BodyForm.RESEND;
            case "/verify" -> BodyForm.VERIFY;
            default -> BodyForm.LINK;
        };
    }

    private static void refusePhone(JsonNode body) {
        if (Administration.text(body, "phone").isPresent()
                && Administration.text(body, "email").isEmpty()) {
            throw new AccountException(AccountError.PHONE_DISABLED);
        }
    }

    private static OneTimeTokens.Purpose resendable(JsonNode body) {
        String type = Administration.text(body, "type").orElse("");
        return switch (type) {
            case "signup" -> OneTimeTokens.Purpose.SIGNUP;
            case "email_change" -> OneTimeTokens.Purpose.EMAIL_CHANGE;
            default -> throw Accounts.invalid("Missing one of these types: signup, email_change");
        };
    }

    private ObjectNode token(Request request, JsonNode body) {
        return switch (request.parameter("grant_type").orElse("")) {
            case "password" -> {
                refusePhone(body);
                yield accounts.signIn(required(body, "email"), required(body, "password"), origin(request));
            }
            case "refresh_token" -> accounts.refresh(required(body, "refresh_token"), origin(request));
            case "pkce" ->
                accounts.exchange(required(body, "auth_code"), required(body, "code_verifier"), origin(request));
            default -> throw new AccountException(AccountError.UNSUPPORTED_GRANT);
        };
    }

    private ObjectNode verify(JsonNode body, Request request) {
        OneTimeTokens.Purpose purpose = purpose(Administration.text(body, "type"));
        Optional<String> hashed = Administration.text(body, "token_hash");
        if (hashed.isPresent()) {
            return answer(mailSignIn.verifyLink(hashed.get(), purpose, origin(request)));
        }
        return answer(
                mailSignIn.verifyNumber(required(body, "email"), required(body, "token"), purpose, origin(request)));
    }

    private static ObjectNode answer(MailSignIn.Verified verified) {
        return switch (verified) {
            case MailSignIn.Verified.SignedIn(ObjectNode session) -> session;
            case MailSignIn.Verified.Half _ ->
                JSON.createObjectNode().put("code", "200").put("msg", ONE_OF_TWO);
            case MailSignIn.Verified.Code _ -> throw new AccountException(AccountError.OTP_EXPIRED);
        };
    }

    private static OneTimeTokens.Purpose purpose(Optional<String> type) {
        String wire = type.orElseThrow(() -> Accounts.invalid("Verify requires a verification type"));
        if (wire.equals("sms") || wire.equals("phone_change")) {
            throw new AccountException(AccountError.PHONE_DISABLED);
        }
        return OneTimeTokens.Purpose.of(wire)
                .orElseThrow(() -> Accounts.invalid("type must be signup, invite, magiclink, email, recovery or"
                        + " email_change, and is '" + wire + "'"));
    }

    /** A link was followed: the browser goes on to the page, with the session or what went wrong. */
    private Response verifyLink(Request request) {
        String destination = links.destination(request.parameter("redirect_to"));
        Optional<String> token = request.parameter("token").or(() -> request.parameter("token_hash"));
        try {
            accounts.count(origin(request));
            OneTimeTokens.Purpose purpose = purpose(request.parameter("type"));
            return switch (mailSignIn.verifyLink(token.orElse(""), purpose, origin(request))) {
                case MailSignIn.Verified.SignedIn(ObjectNode session) ->
                    redirect(destination + "#" + fragment(session, purpose));
                case MailSignIn.Verified.Code(String code) -> redirect(Links.withParameter(destination, "code", code));
                case MailSignIn.Verified.Half _ -> redirect(destination + "#message=" + Links.encode(ONE_OF_TWO));
            };
        } catch (AccountException refused) {
            String description = refused.error() == AccountError.OTP_EXPIRED
                    ? "Email link is invalid or has expired"
                    : refused.text();
            return redirect(destination + "#error=access_denied&error_code="
                    + refused.error().code() + "&error_description=" + Links.encode(description));
        }
    }

    private static String fragment(ObjectNode session, OneTimeTokens.Purpose purpose) {
        var fields = new ArrayList<String>();
        for (String name : List.of("access_token", "expires_at", "expires_in", "refresh_token", "token_type")) {
            fields.add(name + "=" + Links.encode(session.path(name).asString()));
        }
        return String.join("&", fields) + "&type=" + purpose.wire();
    }

    private static Response redirect(String location) {
        return Response.empty(303).with("Location", location);
    }

    private ObjectNode update(Request request) {
        Accounts.Principal principal = principal(request);
        JsonNode body = BodyForm.USER.read(request.body());
        accounts.count(origin(request));
        return accounts.update(
                principal,
                new Accounts.Wish(
                        Administration.text(body, "email"),
                        Administration.text(body, "password"),
                        Administration.object(body, "data"),
                        Administration.text(body, "nonce"),
                        along(body, request)),
                origin(request));
    }

    private Response logout(Request request) {
        accounts.signOut(principal(request), request.parameter("scope").orElse("global"), origin(request));
        return Response.empty(204);
    }

    // Who asks

    private void requireAdministrator(Request request) {
        if (!bearer(request).role().equals("service_role")) {
            throw new AccountException(AccountError.NOT_ADMIN);
        }
    }

    private Accounts.Principal principal(Request request) {
        JwtTokens.Reading.Signed token = bearer(request);
        String subject = token.text("sub")
                .orElseThrow(() -> new AccountException(AccountError.BAD_JWT, "invalid claim: missing sub claim"));
        try {
            return new Accounts.Principal(
                    UUID.fromString(subject), token.text("session_id").map(UUID::fromString));
        } catch (IllegalArgumentException malformed) {
            throw new AccountException(AccountError.BAD_JWT, "invalid claim: sub claim must be a UUID");
        }
    }

    private JwtTokens.Reading.Signed bearer(Request request) {
        String token = request.bearer().orElseThrow(() -> new AccountException(AccountError.NO_AUTHORIZATION));
        return switch (jwt.read(token)) {
            case JwtTokens.Reading.Signed signed
            when signed.foreign() ->
                throw new AccountException(
                        AccountError.BAD_JWT,
                        "The identity provider keeps the accounts of its users, and not this server");
            case JwtTokens.Reading.Signed signed
            when signed.early(clock.instant()).isPresent() ->
                throw new AccountException(
                        AccountError.BAD_JWT,
                        AccountError.BAD_JWT.message() + ": "
                                + signed.early(clock.instant()).get());
            case JwtTokens.Reading.Signed signed when clock.instant().isBefore(signed.expiresAt()) -> signed;
            case JwtTokens.Reading.Signed _ ->
                throw new AccountException(
                        AccountError.BAD_JWT,
                        AccountError.BAD_JWT.message() + ": token has invalid claims: token is expired");
            case JwtTokens.Reading.Refused(ErrorCode code) ->
                throw new AccountException(
                        AccountError.BAD_JWT, AccountError.BAD_JWT.message() + ": " + code.message());
        };
    }

    private static Origin origin(Request request) {
        return new Origin(request.address(), request.header("user-agent").orElse(""));
    }

    private static Accounts.Applicant applicant(JsonNode body, Request request) {
        return new Accounts.Applicant(
                Administration.text(body, "email"),
                Administration.text(body, "password"),
                Administration.object(body, "data").orElseGet(JSON::createObjectNode),
                along(body, request));
    }

    private static MailedLinks.Along along(JsonNode body, Request request) {
        return new MailedLinks.Along(challenge(body), request.parameter("redirect_to"));
    }

    private static Optional<OneTimeTokens.Challenge> challenge(JsonNode body) {
        return Administration.text(body, "code_challenge")
                .map(value -> new OneTimeTokens.Challenge(
                        value,
                        Administration.text(body, "code_challenge_method").orElse("plain")));
    }

    private static String required(JsonNode body, String member) {
        return Administration.text(body, member)
                .orElseThrow(() -> Accounts.invalid("missing " + member.replace('_', ' ')));
    }

    private static ObjectNode health() {
        return JSON.createObjectNode()
                .put("version", "0.1.0")
                .put("name", "Switchboard")
                .put("description", "Accounts of Switchboard, as auth clients know them");
    }

    private ObjectNode publicSettings() {
        ObjectNode answer = JSON.createObjectNode();
        answer.putObject("external")
                .put("anonymous_users", settings.anonymous())
                .put("email", true)
                .put("phone", false);
        return answer.put("disable_signup", !settings.signUp())
                .put("mailer_autoconfirm", !settings.confirmEmail())
                .put("phone_autoconfirm", false)
                .put("sms_provider", "")
                .put("saml_enabled", false);
    }
}
