package dev.switchboard.telephony.fake;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.switchboard.http.Request;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The part of the provider's REST API that calls are led by, as the official library speaks it. */
final class FakeApi implements AutoCloseable {
    private static final DateTimeFormatter DATES = DateTimeFormatter.ofPattern(
                    "EEE, dd MMM uuuu HH:mm:ss '+0000'", Locale.ENGLISH)
            .withZone(ZoneOffset.UTC);

    private static final Pattern PATH = Pattern.compile("/2010-04-01/Accounts/([A-Za-z0-9]+)/(.+)\\.json");
    private static final int DEFAULT_TIMEOUT = 60;
    private static final int CREATED = 201;
    private static final int NOT_FOUND = 404;
    private static final int NOT_IN_PROGRESS = 21220;

    private final FakeTwilio provider;
    private final HttpServer server;
    private final Map<String, Recording> recordings = new HashMap<>(); // by leg; confined to the loop
    private final Map<String, Transcription> transcriptions = new HashMap<>(); // by leg; confined to the loop
    private volatile boolean down;

    private record Recording(String sid, String callback, Instant begun) {}

    private static final class Transcription {
        private final String sid;
        private final String callback;
        private int sequence;

        private Transcription(String sid, String callback) {
            this.sid = sid;
            this.callback = callback;
        }
    }

    /** What is answered. */
    private record Answer(int status, ObjectNode body) {}

    FakeApi(FakeTwilio provider, Executor threads) throws IOException {
        this.provider = provider;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    void down(boolean now) {
        down = now;
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            if (down) {
                return; // the connection is closed without an answer
            }
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            Answer answer = answer(exchange, pairs(body));
            byte[] bytes = answer.body().toString().getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(answer.status(), bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }

    private Answer answer(HttpExchange exchange, Map<String, List<String>> form) {
        String expected = "Basic "
                + Base64.getEncoder()
                        .encodeToString((provider.account() + ":" + provider.token()).getBytes(StandardCharsets.UTF_8));
        if (!expected.equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
            return error(401, 20003, "Authenticate");
        }
        Matcher path = PATH.matcher(exchange.getRequestURI().getPath());
        if (!path.matches() || !path.group(1).equals(provider.account())) {
            return error(NOT_FOUND, 20404, "The requested resource was not found");
        }
        Map<String, List<String>> query = pairs(
                Optional.ofNullable(exchange.getRequestURI().getRawQuery()).orElse(""));
        List<String> parts = List.of(path.group(2).split("/", -1));
        boolean post = exchange.getRequestMethod().equals("POST");
        return provider.inLoop(() -> route(parts, post, form, query));
    }

    private Answer route(
            List<String> parts, boolean post, Map<String, List<String>> form, Map<String, List<String>> query) {
        boolean calls = parts.getFirst().equals("Calls");
        if (parts.getFirst().equals("IncomingPhoneNumbers")) {
            return numbers(parts, post, form, query);
        }
        if (!calls) {
            return error(NOT_FOUND, 20404, "The requested resource was not found");
        }
        if (parts.size() == 1) {
            return post ? create(form) : list(query);
        }
        Leg leg = provider.exchange().legs().get(parts.get(1));
        if (leg == null) {
            return error(NOT_FOUND, 20404, "The requested resource was not found");
        }
        if (parts.size() == 2) {
            return post ? update(leg, form) : new Answer(200, call(leg));
        }
        return switch (parts.get(2)) {
            case "Recordings" -> post ? record(leg, form) : recordings(leg);
            case "Transcriptions" -> transcribe(leg, form);
            default -> error(NOT_FOUND, 20404, "The requested resource was not found");
        };
    }

    private Answer create(Map<String, List<String>> form) {
        Optional<String> to = one(form, "To");
        Optional<String> from = one(form, "From");
        Optional<String> url = one(form, "Url");
        if (to.isEmpty() || from.isEmpty() || url.isEmpty()) {
            return error(400, 21201, "No 'To', 'From' or 'Url' is specified");
        }
        Leg leg = provider.exchange()
                .create(
                        from.get(),
                        to.get(),
                        url.get(),
                        one(form, "StatusCallback"),
                        form.getOrDefault("StatusCallbackEvent", List.of()),
                        one(form, "Timeout").map(Integer::parseInt).orElse(DEFAULT_TIMEOUT));
        return new Answer(CREATED, call(leg));
    }

    private Answer update(Leg leg, Map<String, List<String>> form) {
        Optional<String> status = one(form, "Status");
        if (status.isPresent()) {
            if (!status.get().equals("completed") && !status.get().equals("canceled")) {
                return error(400, 21218, "Status is neither completed nor canceled: " + status.get());
            }
            boolean ends = status.get().equals("completed") || !leg.isConnected();
            if (ends) {
                provider.exchange().end(leg, leg.isConnected() ? "completed" : "canceled");
            }
            return new Answer(200, call(leg));
        }
        Optional<String> url = one(form, "Url");
        if (url.isEmpty()) {
            return error(400, 21201, "Neither Url nor Status is specified");
        }
        return provider.exchange().redirect(leg, url.get())
                ? new Answer(200, call(leg))
                : error(400, NOT_IN_PROGRESS, "Call is not in-progress. Cannot redirect.");
    }

    private Answer list(Map<String, List<String>> query) {
        Optional<String> status = one(query, "Status");
        Optional<String> to = one(query, "To");
        Optional<String> parent = one(query, "ParentCallSid");
        List<Leg> found = provider.exchange().legs().values().stream()
                .filter(leg -> status.isEmpty() || status.get().equals(leg.status))
                .filter(leg -> to.isEmpty() || to.get().equals(leg.to))
                .filter(leg -> parent.isEmpty()
                        || leg.parent
                                .filter(one -> parent.get().equals(one.sid))
                                .isPresent())
                .toList();
        ArrayNode calls = JsonMapper.shared().createArrayNode();
        found.forEach(leg -> calls.add(call(leg)));
        return page("calls", calls);
    }

    private static Answer page(String name, ArrayNode items) {
        ObjectNode page = JsonMapper.shared().createObjectNode();
        page.set(name, items);
        page.put("page", 0).put("page_size", items.size()).put("start", 0).put("end", items.size());
        page.putNull("next_page_uri").putNull("previous_page_uri");
        page.put("first_page_uri", "/").put("uri", "/");
        return new Answer(200, page);
    }

    private ObjectNode call(Leg leg) {
        ObjectNode call = JsonMapper.shared().createObjectNode();
        call.put("sid", leg.sid)
                .put("account_sid", provider.account())
                .put("parent_call_sid", leg.parent.map(parent -> parent.sid).orElse(null))
                .put("from", leg.from)
                .put("to", leg.to)
                .put("status", leg.status.equals("initiated") ? "queued" : leg.status)
                .put("direction", leg.direction)
                .put("start_time", date(leg.startedAt))
                .put("end_time", leg.endedAt.map(FakeApi::date).orElse(null))
                .put("api_version", "2010-04-01");
        return call;
    }

    private Answer recordings(Leg leg) {
        ArrayNode found = JsonMapper.shared().createArrayNode();
        Optional.ofNullable(recordings.get(leg.sid))
                .ifPresent(recording -> found.add(JsonMapper.shared()
                        .createObjectNode()
                        .put("sid", recording.sid())
                        .put("call_sid", leg.sid)));
        return page("recordings", found);
    }

    private Answer record(Leg leg, Map<String, List<String>> form) {
        if (!leg.isConnected()) {
            return error(400, NOT_IN_PROGRESS, "Requested resource is not eligible for recording");
        }
        var recording = new Recording(
                provider.exchange().sid("RE"),
                one(form, "RecordingStatusCallback").orElse(""),
                FakeTwilio.now());
        recordings.put(leg.sid, recording);
        tellOfRecording(leg, recording, "in-progress", 0);
        whenOver(
                leg,
                () -> tellOfRecording(
                        leg,
                        recording,
                        "completed",
                        Duration.between(recording.begun(), FakeTwilio.now()).toSeconds()));
        ObjectNode body = JsonMapper.shared().createObjectNode();
        body.put("sid", recording.sid()).put("call_sid", leg.sid).put("status", "in-progress");
        return new Answer(CREATED, body);
    }

    private void tellOfRecording(Leg leg, Recording recording, String status, long seconds) {
        if (recording.callback().isEmpty()) {
            return;
        }
        var fields = new HashMap<String, String>();
        fields.put("AccountSid", provider.account());
        fields.put("CallSid", leg.sid);
        fields.put("RecordingSid", recording.sid());
        fields.put("RecordingStatus", status);
        fields.put("RecordingChannels", "2");
        if (status.equals("completed")) {
            fields.put("RecordingDuration", Long.toString(seconds));
            fields.put(
                    "RecordingUrl",
                    url() + "/2010-04-01/Accounts/" + provider.account() + "/Recordings/" + recording.sid());
        }
        provider.webhooks().tell(recording.callback(), fields);
    }

    private Answer transcribe(Leg leg, Map<String, List<String>> form) {
        if (!leg.isConnected()) {
            return error(400, NOT_IN_PROGRESS, "Call is not in-progress");
        }
        var transcription = new Transcription(
                provider.exchange().sid("GT"), one(form, "StatusCallbackUrl").orElse(""));
        transcriptions.put(leg.sid, transcription);
        tellOfTranscription(leg, transcription, "transcription-started", Map.of());
        whenOver(leg, () -> tellOfTranscription(leg, transcription, "transcription-stopped", Map.of()));
        ObjectNode body = JsonMapper.shared().createObjectNode();
        body.put("sid", transcription.sid).put("call_sid", leg.sid).put("status", "in-progress");
        return new Answer(CREATED, body);
    }

    void transcribed(Leg leg, String track, String text, boolean last) {
        Optional.ofNullable(transcriptions.get(leg.sid)).ifPresent(transcription -> {
            ObjectNode data = JsonMapper.shared().createObjectNode();
            data.put("transcript", text);
            if (last) {
                data.put("confidence", 0.968);
            }
            tellOfTranscription(
                    leg,
                    transcription,
                    "transcription-content",
                    Map.of("Track", track, "Final", Boolean.toString(last), "TranscriptionData", data.toString()));
        });
    }

    private void tellOfTranscription(Leg leg, Transcription transcription, String event, Map<String, String> more) {
        var fields = new HashMap<>(more);
        fields.put("AccountSid", provider.account());
        fields.put("CallSid", leg.sid);
        fields.put("TranscriptionSid", transcription.sid);
        fields.put("TranscriptionEvent", event);
        fields.put("SequenceId", Integer.toString(++transcription.sequence));
        fields.put("LanguageCode", "en-US");
        fields.put("TranscriptionEngine", "fake");
        provider.webhooks().tell(transcription.callback, fields);
    }

    private static void whenOver(Leg leg, Runnable work) {
        leg.whenOver.add(work);
    }

    private Answer numbers(
            List<String> parts, boolean post, Map<String, List<String>> form, Map<String, List<String>> query) {
        Optional<String> wanted = one(query, "PhoneNumber");
        if (parts.size() == 1 && !post) {
            ArrayNode numbers = JsonMapper.shared().createArrayNode();
            provider.numbers().values().stream()
                    .filter(number -> wanted.isEmpty() || wanted.get().equals(number.e164()))
                    .forEach(number -> numbers.add(json(number)));
            return page("incoming_phone_numbers", numbers);
        }
        for (FakeTwilio.PhoneNumber number : provider.numbers().values()) {
            if (parts.size() == 2 && post && number.sid().equals(parts.get(1))) {
                var changed = new FakeTwilio.PhoneNumber(
                        number.sid(),
                        number.e164(),
                        one(form, "VoiceUrl").orElse(number.voiceUrl()),
                        one(form, "StatusCallback").orElse(number.statusUrl()));
                provider.numbers().put(number.e164(), changed);
                return new Answer(200, json(changed));
            }
        }
        return error(NOT_FOUND, 20404, "The requested resource was not found");
    }

    private static ObjectNode json(FakeTwilio.PhoneNumber number) {
        return JsonMapper.shared()
                .createObjectNode()
                .put("sid", number.sid())
                .put("phone_number", number.e164())
                .put("voice_url", number.voiceUrl())
                .put("status_callback", number.statusUrl());
    }

    private static Answer error(int status, int code, String message) {
        ObjectNode body = JsonMapper.shared().createObjectNode();
        body.put("code", code).put("message", message).put("status", status);
        return new Answer(status, body);
    }

    private static Optional<String> one(Map<String, List<String>> pairs, String name) {
        return Optional.ofNullable(pairs.get(name)).map(List::getFirst);
    }

    private static Map<String, List<String>> pairs(String encoded) {
        var pairs = new HashMap<String, List<String>>();
        for (String pair : encoded.split("&", -1)) {
            int equals = pair.indexOf('=');
            if (equals > 0) {
                pairs.computeIfAbsent(Request.decode(pair.substring(0, equals)), _ -> new ArrayList<>())
                        .add(Request.decode(pair.substring(equals + 1)));
            }
        }
        return pairs;
    }

    @Override
    public void close() {
        server.stop(0);
    }

    /** As the API writes moments (RFC 2822), days with two digits: the official library reads no others. Messages have them with one. */
    static String date(Instant at) {
        return DATES.format(at);
    }
}
