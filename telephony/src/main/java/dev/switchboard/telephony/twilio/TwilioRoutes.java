package dev.switchboard.telephony.twilio;

import com.twilio.security.RequestValidator;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.CallCentreException;
import dev.switchboard.callcenter.ProviderInbox;
import dev.switchboard.callcenter.ProviderInbox.Message;
import dev.switchboard.callcenter.Receiving;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.http.AnswerMetrics;
import dev.switchboard.http.Handler;
import dev.switchboard.http.Metrics;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import dev.switchboard.telephony.SecretReference.MissingSecretException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.SQLException;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jdbi.v3.core.JdbiException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/**
 * Takes in Twilio's messages: signed by the account that it names, stored under its key, applied and answered in one
 * transaction. What is not signed is not stored.
 */
public final class TwilioRoutes implements Handler {
    public static final String PREFIX = TwilioUrls.PREFIX;

    private static final Logger LOG = LoggerFactory.getLogger(TwilioRoutes.class);
    private static final int MOST_BODY_BYTES = 65_536;
    private static final String FORM = "application/x-www-form-urlencoded";
    private static final Set<String> KINDS = Set.of(
            "voice",
            "flow",
            "join",
            "dial",
            "monitor",
            "dialled",
            "status",
            "room",
            "recording",
            "transcription",
            "left",
            "wait",
            "digits");
    /** Asked for again and again, and answered by how the call is then. */
    private static final Set<String> QUESTIONS = Set.of("flow", "join", "dial", "monitor", "wait", "digits", "left");

    /** Somebody on the line waits for the answer. */
    private static final Set<String> DOCUMENTS =
            Set.of("voice", "flow", "join", "dial", "monitor", "dialled", "left", "wait", "digits");

    private final TwilioAccounts accounts;
    private final ProviderInbox inbox;
    private final InstantSource clock;
    private final AnswerMetrics answers;

    public TwilioRoutes(TwilioAccounts accounts, CallCentre calls, InstantSource clock, Metrics metrics) {
        this.accounts = accounts;
        this.inbox = new ProviderInbox(calls);
        this.clock = clock;
        this.answers = new AnswerMetrics(metrics, "telephony");
    }

    @Override
    public int mostBodyBytes() {
        return MOST_BODY_BYTES;
    }

    @Override
    public Response handle(Request request, Client client) {
        return answers.measure(() -> answer(request));
    }

    private Response answer(Request request) {
        String kind = request.path().substring(PREFIX.length()).replaceFirst("^/", "");
        try {
            if (!KINDS.contains(kind)) {
                return refused(Refusal.NOT_FOUND, "Twilio is not answered at " + request.path());
            }
            if (!request.method().equals("POST")) {
                return refused(Refusal.METHOD_NOT_ALLOWED, request.path() + " takes POST");
            }
            String type =
                    request.header("content-type").orElse("").split(";", -1)[0].strip();
            if (!type.equalsIgnoreCase(FORM)) {
                return refused(Refusal.UNSUPPORTED_TYPE, "Content-Type is not " + FORM);
            }
            Form form = Form.of(request.query(), request.body());
            TwilioAccount account = accounts.bySid(form.required("AccountSid")).orElse(null);
            if (account == null || !isSigned(request, form, account)) {
                return refused(Refusal.NOT_SIGNED, Refusal.NOT_SIGNED.title());
            }
            return xml(accept(request, kind, form, account));
        } catch (Form.MalformedException malformed) {
            return refused(malformed.refusal(), String.valueOf(malformed.getMessage()));
        } catch (MissingSecretException missing) {
            LOG.error("A message of Twilio cannot be checked: {}", missing.getMessage());
            return refused(Refusal.INTERNAL, Refusal.INTERNAL.title());
        } catch (CallCentreException | JdbiException failed) {
            LOG.warn("A message of Twilio could not be applied now: {}", failed.getMessage());
            // an error would end the call that waits for the answer
            return DOCUMENTS.contains(kind)
                    ? xml(Documents.askAgain(again(request)))
                    : refused(Refusal.TRY_AGAIN, Refusal.TRY_AGAIN.title());
        }
    }

    private static String query(Request request) {
        return request.query().isEmpty() ? "" : "?" + request.query();
    }

    /** What a redirect does not say again is said in its address. */
    private static String again(Request request) {
        String url = request.path() + query(request);
        Form form = Form.of(request.query(), request.body());
        for (String name : List.of("DialCallSid", "DialCallStatus")) {
            Optional<String> value = form.text(name).filter(text -> text.matches("[A-Za-z0-9-]{1,40}"));
            if (value.isPresent()) {
                url += (url.contains("?") ? "&" : "?") + name + "=" + value.get();
            }
        }
        return url;
    }

    private static Response xml(String document) {
        return Response.of(200, "text/xml; charset=utf-8", document);
    }

    private static boolean isSigned(Request request, Form form, TwilioAccount account) {
        return request.header("x-twilio-signature")
                .filter(signature -> new RequestValidator(account.token())
                        .validate(account.publicBase() + request.path() + query(request), form.fields(), signature))
                .isPresent();
    }

    private String accept(Request request, String kind, Form form, TwilioAccount account) {
        var headers = JsonMapper.shared().createObjectNode();
        headers.put("path", request.path() + query(request));
        request.header("i-twilio-idempotency-token").ifPresent(token -> headers.put("idempotency-token", token));
        var message = new Message(
                TwilioAccounts.PROVIDER,
                key(kind, form),
                Optional.of(account.organization()),
                headers.toString(),
                JsonMapper.shared().valueToTree(form.fields()).toString());
        return inbox.accept(message, receiving -> apply(kind, form, account, receiving));
    }

    /** A call is touched by messages of its own organization's accounts alone. */
    private String apply(String kind, Form form, TwilioAccount account, Receiving receiving) throws SQLException {
        Optional<UUID> call = form.parameter("call").map(Form::uuid);

        boolean theirs = call.isEmpty() || receiving.isOf(account.organization(), call.get());
        return theirs ? new TwilioMessages(account, form, clock).apply(kind, receiving) : Documents.nothing();
    }

    /** What is left over from what could not be applied, once more; of documents nobody waits any longer. */
    public void takeUpAgain() {
        for (Message message : inbox.left(TwilioAccounts.PROVIDER)) {
            try {
                takeUp(message);
            } catch (CallCentreException failed) { // its try is counted
                LOG.warn("A message of Twilio could still not be applied: {}", failed.getMessage());
            } catch (RuntimeException failed) {
                LOG.warn("A message of Twilio cannot be applied: {}", failed.toString());
                inbox.keep(message, String.valueOf(failed.getMessage()));
            }
        }
    }

    private void takeUp(Message message) {
        String path =
                JsonMapper.shared().readTree(message.headers()).path("path").asString("");
        var fields = new HashMap<String, String>();
        for (var field : JsonMapper.shared().readTree(message.body()).properties()) {
            fields.put(field.getKey(), field.getValue().asString(""));
        }
        int question = path.indexOf('?');
        String kind =
                path.substring(Math.min(path.length(), PREFIX.length() + 1), question < 0 ? path.length() : question);
        var form = new Form(
                Form.of(question < 0 ? "" : path.substring(question + 1), new byte[0])
                        .parameters(),
                fields);
        TwilioAccount account = accounts.bySid(form.required("AccountSid"))
                .orElseThrow(() -> new Form.MalformedException(Refusal.NOT_SIGNED, "its account is gone"));

        if (DOCUMENTS.contains(kind)) { // Twilio asks again itself, as long as somebody is there
            inbox.keep(message, "nobody waited for the answer any more");
            return;
        }
        inbox.accept(message, receiving -> apply(kind, form, account, receiving));
    }

    /** The same for the same message: all of it, so that a replayed one is the same whatever comes with it. */
    private static String key(String kind, Form form) {
        if (QUESTIONS.contains(kind)) {
            return kind + ":" + UUID.randomUUID();
        }
        var text = new StringBuilder();
        new TreeMap<>(form.parameters())
                .forEach((name, value) ->
                        text.append(name).append('=').append(value).append('\n'));
        new TreeMap<>(form.fields())
                .forEach((name, value) ->
                        text.append(name).append('=').append(value).append('\n'));
        return kind + ":" + hash(text.toString());
    }

    private static String hash(String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static Response refused(Refusal refusal, String detail) {
        var problem = JsonMapper.shared().createObjectNode();
        problem.put("type", "urn:switchboard:problem:" + refusal.code())
                .put("title", refusal.title())
                .put("status", refusal.status())
                .put("detail", detail)
                .put("code", refusal.code());
        return Response.of(refusal.status(), "application/problem+json", problem.toString());
    }
}
