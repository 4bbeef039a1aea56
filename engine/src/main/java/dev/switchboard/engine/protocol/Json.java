package dev.switchboard.engine.protocol;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;

/** A JSON value as a client sent it. Numbers keep their text. */
public sealed interface Json {
    record Text(String value) implements Json {}

    record Literal(String text) implements Json {}

    record Items(List<Json> values) implements Json {}

    record Fields(Map<String, Json> values) implements Json {
        /** The member of that name; a JSON null counts as absent. */
        public Optional<Json> get(String name) {
            return Optional.ofNullable(values.get(name)).filter(value -> !value.equals(NULL));
        }

        public Optional<String> text(String name) {
            return get(name)
                    .flatMap(value -> value instanceof Text text ? Optional.of(text.value()) : Optional.empty());
        }

        public Optional<Fields> fields(String name) {
            return get(name).flatMap(value -> value instanceof Fields fields ? Optional.of(fields) : Optional.empty());
        }

        public List<Json> items(String name) {
            return get(name)
                    .map(value -> value instanceof Items items ? items.values() : List.<Json>of())
                    .orElse(List.of());
        }

        /** A boolean, also as the string "true" in any case, as older clients send it. */
        public boolean isTrue(String name) {
            return get(name)
                    .filter(value -> switch (value) {
                        case Text text -> text.value().equalsIgnoreCase("true");
                        case Literal literal -> literal.text().equals("true");
                        case Items _, Fields _ -> false;
                    })
                    .isPresent();
        }
    }

    /** Appends a value as JSON text. */
    static JsonBytes write(Json json, JsonBytes out) {
        return switch (json) {
            case Text text -> out.string(text.value());
            case Literal literal -> out.raw(literal.text());
            case Items items -> {
                out.raw('[');
                for (int i = 0; i < items.values().size(); i++) {
                    write(items.values().get(i), i == 0 ? out : out.raw(','));
                }
                yield out.raw(']');
            }
            case Fields fields -> writeMembers(fields, out.raw('{')).raw('}');
        };
    }

    /** Appends the members of an object without the braces around them. */
    static JsonBytes writeMembers(Fields fields, JsonBytes out) {
        String separator = "";
        for (var member : fields.values().entrySet()) {
            write(member.getValue(), out.raw(separator).string(member.getKey()).raw(':'));
            separator = ",";
        }
        return out;
    }

    Literal NULL = new Literal("null");

    /** Nesting beyond this is refused as malformed. */
    int MAX_DEPTH = 64;

    JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(MAX_DEPTH)
                    .maxNameLength(10_000)
                    .build())
            .build();

    /** Reads one JSON document, all of it; empty if it is not one. */
    static Optional<Json> parse(byte[] utf8) {
        Optional<String> text = text(utf8);
        if (text.isEmpty()) {
            return Optional.empty();
        }
        try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), text.get())) {
            if (parser.nextToken() == null) {
                return Optional.empty();
            }
            Json value = read(parser);
            return parser.nextToken() == null ? Optional.of(value) : Optional.empty();
        } catch (JacksonException notJson) {
            return Optional.empty();
        }
    }

    /** Whether that is one JSON document, all of it, in strict UTF-8 without a mark before it; nothing is built of it. */
    static boolean isValid(byte[] utf8) {
        Optional<String> text = text(utf8);
        if (text.isEmpty()) {
            return false;
        }
        try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), text.get())) {
            if (parser.nextToken() == null) {
                return false;
            }
            parser.skipChildren();
            return parser.nextToken() == null;
        } catch (JacksonException notJson) {
            return false;
        }
    }

    /** The parser would guess other encodings, and take what is not quite UTF-8. */
    private static Optional<String> text(byte[] utf8) {
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(utf8))
                    .toString();
            return text.startsWith("\uFEFF") ? Optional.empty() : Optional.of(text);
        } catch (CharacterCodingException notUtf8) {
            return Optional.empty();
        }
    }

    private static Json read(JsonParser parser) {
        return switch (parser.currentToken()) {
            case START_OBJECT -> readFields(parser);
            case START_ARRAY -> readItems(parser);
            case VALUE_STRING -> new Text(parser.getString());
            default -> new Literal(parser.getString());
        };
    }

    private static Json readFields(JsonParser parser) {
        var values = new LinkedHashMap<String, Json>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = parser.currentName();
            parser.nextToken();
            values.put(name, read(parser));
        }
        return new Fields(values);
    }

    private static Json readItems(JsonParser parser) {
        var values = new ArrayList<Json>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            values.add(read(parser));
        }
        return new Items(values);
    }
}
