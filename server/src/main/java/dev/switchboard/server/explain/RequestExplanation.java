package dev.switchboard.server.explain;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.explain.Step;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.RowExplanation;
import dev.switchboard.http.Handler;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import dev.switchboard.tokens.JwtTokens;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Why an answer of the data API is empty: the same request is made once more, for who asked and for the service key, with and
 * without its filters. Thread-safe; blocking.
 */
public final class RequestExplanation {
    /** {@code GET /rest/v1/calls?...}; the method may be left out. */
    private static final Pattern ASKED = Pattern.compile("(?:GET\\s+)?/rest/v1/([^/?\\s]+)(?:\\?(\\S*))?");

    private static final Set<String> NO_FILTERS = Set.of("select", "order", "limit", "offset", "apikey", "columns");

    /** So many rows are shown to the policies. */
    private static final int MOST_ROWS = 1_000;

    private static final int MOST_FILTERS = 10;

    /** The life of a token that is used at once. */
    private static final Duration AT_ONCE = Duration.ofMinutes(1);

    private static final Pattern TOTAL = Pattern.compile(".*/(\\d+)");

    private final Optional<Handler> data;
    private final Database database;
    private final JwtTokens tokens;
    private final InstantSource clock;

    /** @param data the data API, where there is one */
    public RequestExplanation(Optional<Handler> data, Database database, JwtTokens tokens, InstantSource clock) {
        this.data = data;
        this.database = database;
        this.tokens = tokens;
        this.clock = clock;
    }

    /** What was asked for, in parts. */
    private record Asked(String path, TableName table, String query, List<String> filters) {}

    /** What one request came to: rows by the count that PostgreSQL made, or why there are none. */
    private record Count(long rows, Optional<String> refusal) {}

    Explainer.Answer explain(String request, ClaimsGroup group) {
        Handler api = data.orElseThrow(
                () -> new InvalidSettingException("there is no data API: the server runs with --no-data-api"));
        Asked asked = parse(request);
        String theirs = token(group);
        String service = tokens.issue("service_role", Map.of(), clock.instant(), AT_ONCE);
        var steps = new ArrayList<Step>();

        Response answer = send(api, asked.path(), asked.query(), theirs);
        if (answer.status() >= 300) {
            steps.add(Step.stopped("answer", "status " + answer.status() + ": " + text(answer)));
            return ended(steps);
        }
        Count all = count(api, asked, List.of(), service);
        steps.add(number("rows", all, "in the table, whoever may see them"));
        if (asked.filters().size() > 1 && asked.filters().size() <= MOST_FILTERS) {
            for (String filter : asked.filters()) {
                steps.add(Step.told(
                        "condition",
                        filter + " alone leaves "
                                + count(api, asked, List.of(filter), service).rows()));
            }
        }
        Count filtered = count(api, asked, asked.filters(), service);
        steps.add(number("filter", filtered, asked.filters().isEmpty() ? "without a filter" : "left by the filter"));
        if (filtered.rows() > 0) {
            Response sample = send(api, asked.path(), query(asked.filters(), "select=*&limit=" + MOST_ROWS), service);
            steps.addAll(RowExplanation.counts(database, asked.table(), group, text(sample)));
        }
        Count shown = count(api, asked, asked.filters(), theirs);
        steps.add(number("policies", shown, "of them are shown to " + group.role()));
        steps.add(
                number("answer", new Count(rows(answer), Optional.empty()), "in the answer, within limit and offset"));
        return ended(steps);
    }

    private String token(ClaimsGroup group) {
        var claims = JsonMapper.shared().readValue(group.json(), new TypeReference<Map<String, Object>>() {});
        return claims.containsKey("sub")
                ? tokens.issueAccess(group.role(), claims, clock.instant(), AT_ONCE)
                : tokens.issue(group.role(), claims, clock.instant(), AT_ONCE);
    }

    private static Explainer.Answer ended(List<Step> steps) {
        return new Explainer.Answer(List.copyOf(steps), Step.end(steps));
    }

    private static Step number(String name, Count count, String what) {
        if (count.refusal().isPresent()) {
            return Step.stopped(name, count.refusal().get());
        }
        String text = count.rows() + " " + what;
        return count.rows() > 0 ? Step.passed(name, text) : Step.stopped(name, text);
    }

    private static Asked parse(String request) {
        Matcher asked = ASKED.matcher(request.strip());
        if (!asked.matches()) {
            throw new InvalidSettingException(
                    "a request to explain looks like 'GET /rest/v1/calls?status=eq.ringing', not like " + request);
        }
        String query = Optional.ofNullable(asked.group(2)).orElse("");
        List<String> filters = Arrays.stream(query.split("&", -1))
                .filter(pair -> !pair.isEmpty())
                .filter(pair -> !NO_FILTERS.contains(Request.decode(pair.split("=", 2)[0])))
                .toList();
        String table = Request.decode(asked.group(1));
        return new Asked("/rest/v1/" + asked.group(1), new TableName("public", table), query, filters);
    }

    private static Count count(Handler api, Asked asked, List<String> filters, String token) {
        Response answer = send(api, asked.path(), query(filters, "select=*&limit=0"), token);
        if (answer.status() >= 300) {
            return new Count(0, Optional.of("status " + answer.status() + ": " + text(answer)));
        }
        return answer.headers().stream()
                .filter(header -> header.name().equalsIgnoreCase("Content-Range"))
                .map(header -> TOTAL.matcher(header.value()))
                .filter(Matcher::matches)
                .map(total -> new Count(Long.parseLong(total.group(1)), Optional.empty()))
                .findFirst()
                .orElseGet(() -> new Count(rows(answer), Optional.empty()));
    }

    private static String query(List<String> filters, String rest) {
        var all = new ArrayList<>(filters);
        all.add(rest);
        return String.join("&", all);
    }

    private static Response send(Handler api, String path, String query, String token) {
        var headers = new HashMap<String, String>(Map.of("authorization", "Bearer " + token));
        if (query.endsWith("limit=0")) {
            headers.put("prefer", "count=exact");
        }
        return api.handle(new Request("GET", path, query, headers, new byte[0], "explain"), _ -> {});
    }

    private static String text(Response response) {
        return new String(response.body(), StandardCharsets.UTF_8);
    }

    private static long rows(Response answer) {
        try {
            JsonNode rows = JsonMapper.shared().readTree(text(answer));
            return rows.isArray() ? rows.size() : 1;
        } catch (JacksonException notJson) {
            return 0;
        }
    }
}
