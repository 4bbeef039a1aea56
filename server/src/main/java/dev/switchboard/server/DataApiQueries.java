package dev.switchboard.server;

import dev.switchboard.data.DataRoutes;
import dev.switchboard.data.Reading;
import dev.switchboard.data.UnknowableException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.protocol.LiveQuery;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import dev.switchboard.live.KeptRow;
import dev.switchboard.live.QuerySource;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.json.JsonMapper;

/** Live queries, answered by the data API (SPEC I). Thread-safe. */
final class DataApiQueries implements QuerySource {
    /** Of one answer. */
    private static final int MOST_ROWS = 1_000;

    /** Of one answer, so that it fits into what waits for a connection. */
    private static final int MOST_BYTES = 384 * 1024;

    private static final int BAD_REQUEST = 400;
    private static final int SERVER_ERROR = 500;
    private final DataRoutes data;

    DataApiQueries(DataRoutes data) {
        this.data = data;
    }

    @Override
    public List<Binding> changes(LiveQuery query, ClaimsGroup reader) throws RefusedException {
        try {
            return data.readings(query.schema(), query.table(), query.query(), reader.role()).stream()
                    .map(DataApiQueries::binding)
                    .toList();
        } catch (UnknowableException refused) {
            throw new RefusedException(String.valueOf(refused.getMessage()));
        }
    }

    private static Binding binding(Reading reading) {
        String filter = reading.equal().entrySet().stream()
                .map(entry -> entry.getKey() + "=eq." + entry.getValue())
                .sorted()
                .collect(Collectors.joining(","));
        return new Binding(
                "*",
                Optional.of(reading.table().schema()),
                Optional.of(reading.table().table()),
                Optional.of(filter).filter(text -> !text.isEmpty()),
                Optional.of(reading.key()).filter(key -> !key.isEmpty()), // that something has changed is enough
                Optional.empty(),
                true,
                false);
    }

    @Override
    public List<KeptRow> read(LiveQuery query, ClaimsGroup reader) throws RefusedException, UnavailableException {
        String path = DataRoutes.PREFIX + "/"
                + URLEncoder.encode(query.table(), StandardCharsets.UTF_8).replace("+", "%20");
        var request =
                new Request("GET", path, query.query(), Map.of("accept-profile", query.schema()), new byte[0], "live");
        Response response;
        try {
            response = data.read(request, reader.role(), reader.json());
        } catch (RuntimeException fault) {
            throw new UnavailableException(String.valueOf(fault.getMessage()));
        }
        if (response.status() >= SERVER_ERROR) {
            throw new UnavailableException(message(response));
        }
        if (response.status() >= BAD_REQUEST) {
            throw new RefusedException(message(response));
        }
        if (response.body().length > MOST_BYTES) {
            throw new RefusedException("the answer has " + response.body().length / 1024 + " KiB; there may be "
                    + MOST_BYTES / 1024 + ": select fewer columns, or name a limit");
        }
        List<KeptRow> rows = rows(response.body(), query.key());
        if (rows.size() > MOST_ROWS) {
            throw new RefusedException("the answer has " + rows.size() + " rows; there may be " + MOST_ROWS
                    + ": name a limit of at most that");
        }
        return rows;
    }

    private static String message(Response response) {
        return JsonMapper.shared().readTree(response.body()).path("message").asString("HTTP " + response.status());
    }

    /** The rows of an answer as they are written there. */
    static List<KeptRow> rows(byte[] body, List<String> key) {
        var rows = new ArrayList<KeptRow>();
        var times = new HashMap<String, Integer>();
        try (JsonParser parser = JsonMapper.shared().createParser(body)) {
            parser.nextToken(); // the array begins
            while (parser.nextToken() == JsonToken.START_OBJECT) {
                KeptRow row = row(parser, body, key);
                int before = times.merge(row.key(), 1, Integer::sum) - 1;
                rows.add(before == 0 ? row : new KeptRow(row.key() + "#" + before, row.json()));
            }
        }
        return rows;
    }

    private static KeptRow row(JsonParser parser, byte[] body, List<String> key) {
        int start = begin(parser);
        var values = new HashMap<String, String>();
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String name = parser.currentName();
            parser.nextToken();
            int value = begin(parser);
            parser.skipChildren();
            if (key.contains(name)) {
                values.put(name, text(body, value, end(parser)));
            }
        }
        String json = text(body, start, end(parser));
        boolean whole = values.size() == key.size();
        return new KeptRow(
                whole ? String.join(",", key.stream().map(values::get).toList()) : json, json);
    }

    private static int begin(JsonParser parser) {
        return (int) parser.currentTokenLocation().getByteOffset();
    }

    /** A string is read to its end before one knows where that is. */
    private static int end(JsonParser parser) {
        parser.finishToken();
        return (int) parser.currentLocation().getByteOffset();
    }

    private static String text(byte[] body, int from, int to) {
        return new String(body, from, to - from, StandardCharsets.UTF_8).strip();
    }
}
