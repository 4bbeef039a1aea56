package dev.switchboard.data;

import dev.switchboard.engine.model.TableName;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A piece of a statement with its parameters. The only ways into the text are constants of this program, names and
 * expressions that the catalog gave, numbers, and output names, quoted; every value of a client is a parameter. Owned by who builds it.
 */
final class Sql {
    /** PostgreSQL cuts longer names off, so that two could become one. */
    static final int LONGEST_NAME = 63;

    /** How names begin that statements need beside those of tables and clients. */
    static final String OWN = "_sb_";

    private final StringBuilder text = new StringBuilder();
    private final List<@Nullable String> parameters = new ArrayList<>();

    static Sql of(String constant) {
        return new Sql().add(constant);
    }

    /** A constant of this program. */
    Sql add(String constant) {
        text.append(constant);
        return this;
    }

    Sql add(Sql other) {
        text.append(other.text);
        parameters.addAll(other.parameters);
        return this;
    }

    /** A value of the client's, whose type PostgreSQL infers as of a literal. */
    Sql value(@Nullable String value) {
        text.append('?');
        parameters.add(value);
        return this;
    }

    Sql number(long number) {
        text.append(number);
        return this;
    }

    /** A name of the catalog, or one that this program made. */
    Sql name(String name) {
        text.append(TableName.quote(name));
        return this;
    }

    Sql name(TableName table) {
        text.append(table.quoted());
        return this;
    }

    /** A name that the client gives to something of the answer. */
    Sql label(String label) {
        if (label.startsWith(OWN)) {
            throw new DataException(
                    DataError.MALFORMED_QUERY,
                    "A name in select begins with " + OWN + ", which names of this server do");
        }
        if (label.getBytes(java.nio.charset.StandardCharsets.UTF_8).length > LONGEST_NAME) {
            throw new DataException(
                    DataError.TOO_COMPLEX, "A name in select is longer than " + LONGEST_NAME + " bytes");
        }
        return name(label);
    }

    /** An expression or a type as the catalog deparsed it; question marks of its operators are the driver's to see doubled. */
    Sql fromCatalog(String expression) {
        char quote = 0;
        for (int i = 0; i < expression.length(); i++) {
            char c = expression.charAt(i);
            if (quote == 0 && (c == '\'' || c == '"')) {
                quote = c;
            } else if (c == quote) {
                quote = 0;
            } else if (c == '?' && quote == 0) {
                text.append('?');
            }
            text.append(c);
        }
        return this;
    }

    static Sql join(String separator, List<Sql> parts) {
        var all = new Sql();
        for (int i = 0; i < parts.size(); i++) {
            all.add(i == 0 ? "" : separator).add(parts.get(i));
        }
        return all;
    }

    boolean isEmpty() {
        return text.isEmpty();
    }

    String text() {
        return text.toString();
    }

    List<@Nullable String> parameters() {
        return parameters;
    }
}
