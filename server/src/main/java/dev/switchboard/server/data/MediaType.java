package dev.switchboard.server.data;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** In what form an answer is wanted (header {@code Accept}). */
sealed interface MediaType {
    /**
     * @param single one object instead of an array.
     *
     * @param stripped without members that are null
     */
    record Json(boolean single, boolean stripped) implements MediaType {}

    record Csv() implements MediaType {}

    record GeoJson() implements MediaType {}

    record OpenApi() implements MediaType {}

    /**
     * The plan of the query.
     *
     * @param text instead of JSON
     */
    record Plan(boolean text, List<String> options) implements MediaType {}

    /** The bytes or the text of a single value. */
    record Raw(boolean binary) implements MediaType {}

    /**
     * The first of the header that there is.
     *
     * @throws DataException if there is none
     */
    static MediaType parse(Optional<String> accept) {
        String header = accept.filter(value -> !value.isBlank()).orElse("*/*");
        for (String part : header.split(",", -1)) {
            Optional<MediaType> type = one(part.strip());
            if (type.isPresent()) {
                return type.get();
            }
        }
        throw new DataException(DataError.MEDIA_TYPE, "None of these media types are available: " + header);
    }

    private static Optional<MediaType> one(String part) {
        String[] pieces = part.split(";", -1);
        String lower = part.toLowerCase(Locale.ROOT);
        boolean stripped = lower.contains("nulls=stripped");
        return switch (pieces[0].strip().toLowerCase(Locale.ROOT)) {
            case "*/*",
                    "application/*",
                    "application/json",
                    "application/vnd.pgrst.array",
                    "application/vnd.pgrst.array+json" -> Optional.of(new Json(false, stripped));
            case "application/vnd.pgrst.object", "application/vnd.pgrst.object+json" ->
                Optional.of(new Json(true, stripped));
            case "text/csv" -> Optional.of(new Csv());
            case "application/geo+json" -> Optional.of(new GeoJson());
            case "application/openapi+json" -> Optional.of(new OpenApi());
            case "application/vnd.pgrst.plan", "application/vnd.pgrst.plan+text" ->
                Optional.of(new Plan(true, options(pieces)));
            case "application/vnd.pgrst.plan+json" -> Optional.of(new Plan(false, options(pieces)));
            case "application/octet-stream" -> Optional.of(new Raw(true));
            case "text/plain" -> Optional.of(new Raw(false));
            default -> Optional.empty();
        };
    }

    private static List<String> options(String[] pieces) {
        for (String piece : pieces) {
            String parameter = piece.strip().toLowerCase(Locale.ROOT);
            if (parameter.startsWith("options=")) {
                return List.of(parameter
                                .substring("options=".length())
                                .replace("\"", "")
                                .split("\\|", -1))
                        .stream()
                        .filter(List.of("analyze", "verbose", "settings", "buffers", "wal")::contains)
                        .toList();
            }
        }
        return List.of();
    }

    /** The value of {@code Content-Type}. */
    default String contentType() {
        return switch (this) {
            case Json(boolean single, boolean stripped) -> {
                String nulls = stripped ? ";nulls=stripped" : "";
                yield single
                        ? "application/vnd.pgrst.object+json" + nulls + "; charset=utf-8"
                        : stripped
                                ? "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8"
                                : "application/json; charset=utf-8";
            }
            case Csv _ -> "text/csv; charset=utf-8";
            case GeoJson _ -> "application/geo+json; charset=utf-8";
            case OpenApi _ -> "application/openapi+json; charset=utf-8";
            case Plan(boolean text, List<String> _) ->
                text
                        ? "application/vnd.pgrst.plan+text; charset=utf-8"
                        : "application/vnd.pgrst.plan+json; charset=utf-8";
            case Raw(boolean binary) -> binary ? "application/octet-stream" : "text/plain; charset=utf-8";
        };
    }
}
