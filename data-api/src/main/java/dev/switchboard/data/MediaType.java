package dev.switchboard.data;

import dev.switchboard.engine.model.TableName;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** In what form an answer is wanted (header {@code Accept}). */
sealed interface MediaType {
    /** JSON, as an array where there can be more than one. */
    static MediaType array() {
        return new Json(false, false);
    }

    /** Whatever there is. */
    record Any() implements MediaType {}

    /** One that only a function or an aggregate of the database can make. */
    record Other(String name) implements MediaType {}

    /**
     * One that a function or an aggregate makes.
     *
     * @param binary    whether it gives bytes
     * @param aggregate that makes it; empty where the function that was called gives it itself
     * @param ofRow     whether the aggregate takes rows of one table only
     */
    record Handled(String name, boolean binary, Optional<TableName> aggregate, boolean ofRow) implements MediaType {}

    /**
     * @param single one object instead of an array.
     *
     * @param stripped without members that are null
     */
    record Json(boolean single, boolean stripped) implements MediaType {}

    record Csv() implements MediaType {}

    record GeoJson() implements MediaType {}

    /** @param current version 3.1 instead of 2.0 */
    record OpenApi(boolean current) implements MediaType {}

    /**
     * The plan of the query.
     *
     * @param text instead of JSON
     */
    record Plan(boolean text, List<String> options) implements MediaType {}

    /** The bytes or the text of a single value. */
    record Raw(boolean binary) implements MediaType {}

    /** What the header accepts (RFC 9110, section 12.5.1), the most wanted first. */
    static List<MediaType> parse(Optional<String> accept) {
        String header = accept.filter(value -> !value.isBlank()).orElse("*/*");
        return Arrays.stream(header.split(",", -1))
                .map(String::strip)
                .filter(part -> !part.isEmpty() && quality(part) > 0)
                .sorted(Comparator.comparingDouble(MediaType::quality).reversed())
                .map(MediaType::one)
                .toList();
    }

    private static double quality(String part) {
        for (String piece : part.split(";", -1)) {
            String parameter = piece.strip().toLowerCase(Locale.ROOT);
            if (parameter.matches("q=[01](\\.\\d{0,3})?")) {
                return Double.parseDouble(parameter.substring(2));
            }
        }
        return 1;
    }

    private static MediaType one(String part) {
        String[] pieces = part.split(";", -1);
        String lower = part.toLowerCase(Locale.ROOT);
        boolean stripped = lower.contains("nulls=stripped");
        String name = pieces[0].strip().toLowerCase(Locale.ROOT);
        return switch (name) {
            case "*/*" -> new Any();
            case "application/*",
                    "application/json",
                    "application/vnd.pgrst.array",
                    "application/vnd.pgrst.array+json" -> new Json(false, stripped);
            case "application/vnd.pgrst.object", "application/vnd.pgrst.object+json" -> new Json(true, stripped);
            case "text/csv" -> new Csv();
            case "application/geo+json" -> new GeoJson();
            case "application/openapi+json" ->
                new OpenApi(lower.replaceAll("[\\s\"]", "").contains(";version=3"));
            case "application/vnd.oai.openapi+json" -> new OpenApi(true);
            case "application/vnd.pgrst.plan", "application/vnd.pgrst.plan+text" -> new Plan(true, options(pieces));
            case "application/vnd.pgrst.plan+json" -> new Plan(false, options(pieces));
            case "application/octet-stream" -> new Raw(true);
            case "text/plain" -> new Raw(false);
            default -> new Other(name);
        };
    }

    /** Its name without parameters. */
    default String name() {
        String type = contentType();
        return type.contains(";") ? type.substring(0, type.indexOf(';')) : type;
    }

    /** Whether the body comes as Base64 of bytes. */
    default boolean isBinary() {
        return switch (this) {
            case Raw(boolean binary) -> binary;
            case Handled(String _, boolean binary, var _, boolean _) -> binary;
            case Any _, Other _, Json _, Csv _, GeoJson _, OpenApi _, Plan _ -> false;
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
            case OpenApi(boolean current) ->
                current
                        ? "application/vnd.oai.openapi+json;version=3.1; charset=utf-8"
                        : "application/openapi+json; charset=utf-8";
            case Plan(boolean text, List<String> _) ->
                text
                        ? "application/vnd.pgrst.plan+text; charset=utf-8"
                        : "application/vnd.pgrst.plan+json; charset=utf-8";
            case Raw(boolean binary) -> binary ? "application/octet-stream" : "text/plain; charset=utf-8";
            case Any _ -> "*/*";
            case Other(String name) -> name;
            case Handled(String name, boolean binary, var _, boolean _) ->
                binary || !name.startsWith("text/") ? name : name + "; charset=utf-8";
        };
    }
}
