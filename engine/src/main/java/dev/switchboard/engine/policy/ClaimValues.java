package dev.switchboard.engine.policy;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What the values of a policy come to under one group's claims, in the order of {@link CompiledPolicy#values}. Immutable. */
public record ClaimValues(List<Value> values) {
    public ClaimValues {
        values = List.copyOf(values);
    }

    /**
     * One of them.
     *
     * @param typeOid of the value, of an array its elements'
     * @param texts   as PostgreSQL writes them: of a value one, or none for NULL; of an array its elements, empty for NULL ones
     * @param isNull  whether the value, or the array as a whole, is NULL
     */
    public record Value(int typeOid, List<Optional<String>> texts, boolean isNull) {
        public Value {
            texts = List.copyOf(texts);
        }

        /** Of a value that is no array. */
        public static Value of(int typeOid, Optional<String> text) {
            return new Value(typeOid, text.isPresent() ? List.of(text) : List.of(), text.isEmpty());
        }
    }

    Value get(int index) {
        return values.get(index);
    }

    /** Those that are a type's, in the form in which the WAL has them. */
    static List<Optional<String>> written(Value value) {
        if (value.typeOid() != ColumnKind.BOOL) {
            return value.texts();
        }
        var written = new ArrayList<Optional<String>>();
        value.texts().forEach(text -> written.add(text.map(flag -> flag.startsWith("t") ? "t" : "f")));
        return written;
    }
}
