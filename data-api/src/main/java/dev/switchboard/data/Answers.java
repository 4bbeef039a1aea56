package dev.switchboard.data;

import dev.switchboard.data.Catalog.Table;
import dev.switchboard.data.Query.Range;
import dev.switchboard.http.Response;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Outcomes of statements as HTTP responses. Pure. */
final class Answers {
    private static final Logger LOG = LoggerFactory.getLogger(Answers.class);

    /** How the body is sent is the server's to say. */
    private static final Set<String> FRAMING = Set.of("content-length", "transfer-encoding", "connection");

    private Answers() {}

    /** What a header cannot hold of a query is left out. */
    static String location(Table table, String query) {
        String path = "/" + encode(table.name().table());
        return query.isEmpty() ? path : path + "?" + query.replaceAll("[^\\x21-\\x7e]", "");
    }

    /** Where the one row is that was inserted. */
    static Optional<String> location(Table table, Plan.Outcome outcome) {
        var rows = JsonMapper.shared().readTree(outcome.body());
        if (table.key().isEmpty() || rows.size() != 1) {
            return Optional.empty();
        }
        List<String> parts = table.key().stream()
                .map(column -> encode(column) + "=eq."
                        + encode(rows.path(0).path(column).asString()))
                .toList();
        return Optional.of("/" + encode(table.name().table()) + "?" + String.join("&", parts));
    }

    private static String encode(String text) {
        return java.net.URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    /** With the body that the statement made. */
    static Response response(Asked asked, int status, Plan.Outcome outcome) {
        String text = outcome.body();
        byte[] body = asked.media().isBinary()
                ? java.util.Base64.getMimeDecoder().decode(text)
                : text.getBytes(StandardCharsets.UTF_8);
        var response = new Response(
                status,
                List.of(new Response.Header("Content-Type", asked.media().contentType())),
                body);
        return decorated(asked, response, outcome);
    }

    /** What may be asked of a resource (RFC 9110, section 10.2.1). */
    static Response allowed(String... methods) {
        return Response.empty(200).with("Allow", "OPTIONS," + String.join(",", methods));
    }

    /**
     * Rows of a range.
     *
     * @throws DataException if it begins after the last one
     */
    static Response listed(Asked asked, Range range, Plan.Outcome outcome, Optional<Long> total) {
        long offset = range.offset().orElse(0L);
        if (total.isPresent() && offset > total.get()) {
            throw new DataException(
                            DataError.RANGE,
                            DataError.RANGE.message(),
                            "An offset of " + offset + " was requested, but there are only " + total.get() + " rows.")
                    .with(List.of(new Response.Header("Content-Range", "*/" + total.get())));
        }
        String rows = outcome.rows() == 0 ? "*" : offset + "-" + (offset + outcome.rows() - 1);
        boolean partial = total.isPresent() && outcome.rows() < total.get();
        return response(asked, partial ? 206 : 200, outcome)
                .with("Content-Range", rows + "/" + total.map(String::valueOf).orElse("*"));
    }

    /** Without a body. */
    static Response plain(Asked asked, int status, Plan.Outcome outcome) {
        return decorated(asked, Response.empty(status), outcome);
    }

    /** With what preferences were honoured, and what a function says of status and headers. */
    private static Response decorated(Asked asked, Response response, Plan.Outcome outcome) {
        Response result = response;
        if (outcome.status().filter(text -> text.matches("[2-5]\\d\\d")).isPresent()) {
            result = new Response(Integer.parseInt(outcome.status().get()), response.headers(), response.body());
        }
        for (Response.Header header : outcome.headers().map(Answers::headers).orElse(List.of())) {
            result = result.replacing(header);
        }
        if (outcome.place().isPresent()) {
            result = result.replacing(outcome.place().get());
        }
        if (!asked.preferences().applied().isEmpty()) {
            result = result.with(
                    "Preference-Applied", String.join(", ", asked.preferences().applied()));
        }
        return asked.request().header("accept-profile").isPresent()
                        || asked.request().header("content-profile").isPresent()
                ? result.with("Content-Profile", asked.schema())
                : result;
    }

    /** Members of an object as headers, as far as they are some (RFC 9110, section 5.5). */
    static List<Response.Header> headers(JsonNode object) {
        var headers = new ArrayList<Response.Header>();
        for (var member : object.properties()) {
            String value = member.getValue().asString("");
            if (!FRAMING.contains(member.getKey().toLowerCase(Locale.ROOT))
                    && member.getKey().matches("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
                    && value.matches("[\\x20-\\x7e]*")) {
                headers.add(new Response.Header(member.getKey(), value));
            }
        }
        return headers;
    }

    /** What a function set as headers. */
    private static List<Response.Header> headers(String json) {
        var headers = new ArrayList<Response.Header>();
        try {
            for (JsonNode object : JsonMapper.shared().readTree(json)) {
                headers.addAll(headers(object));
            }
        } catch (tools.jackson.core.JacksonException malformed) {
            LOG.warn("A function has set response.headers to what is no JSON: {}", malformed.getOriginalMessage());
        }
        return headers;
    }
}
