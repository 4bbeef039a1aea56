package dev.switchboard.engine.postgres.policy;

import dev.switchboard.engine.route.Comparison;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** What the values of a policy come to under one group's claims, in the order of {@link CompiledPolicy#values}. Immutable. */
public final class ClaimValues {
    private final List<Value> values;
    /** What arrays hold, once somebody wanted to know. */
    private final AtomicReferenceArray<Elements> elements;

    private final AtomicReferenceArray<Rows> rows;

    public ClaimValues(List<Value> values) {
        this.values = List.copyOf(values);
        elements = new AtomicReferenceArray<>(this.values.size());
        rows = new AtomicReferenceArray<>(this.values.size());
    }

    public List<Value> values() {
        return values;
    }

    /**
     * The elements of an array.
     *
     * @param nulls whether one is NULL
     */
    record Elements(Comparison rule, Set<Comparison.Key> keys, boolean nulls) {}

    private record Rows(List<Comparison> rules, Set<List<Comparison.Key>> keys) {}

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

    /** Of a value that is an array, or of the one of it that is none. */
    Elements elements(int index, Comparison rule) {
        Elements known = elements.get(index);
        if (known != null && known.rule() == rule) {
            return known;
        }
        var keys = new HashSet<Comparison.Key>();
        boolean nulls = false;
        for (Optional<String> text : written(values.get(index))) {
            text.ifPresent(element -> keys.add(rule.key(element)));
            nulls |= text.isEmpty();
        }
        var found = new Elements(rule, Set.copyOf(keys), nulls);
        elements.set(index, found);
        return found;
    }

    /** Of a value that is an array of rows, one column after the other: those without a NULL, which would be equal to nothing. */
    Set<List<Comparison.Key>> rows(int index, List<Comparison> rules) {
        Rows known = rows.get(index);
        if (known != null && known.rules().equals(rules)) {
            return known.keys();
        }
        var keys = new HashSet<List<Comparison.Key>>();
        List<Optional<String>> texts = values.get(index).texts();
        for (int row = 0; row < texts.size(); row += rules.size()) {
            var columns = new ArrayList<Comparison.Key>();
            for (int column = 0;
                    column < rules.size() && texts.get(row + column).isPresent();
                    column++) {
                columns.add(rules.get(column).key(texts.get(row + column).get()));
            }
            if (columns.size() == rules.size()) {
                keys.add(List.copyOf(columns));
            }
        }
        rows.set(index, new Rows(List.copyOf(rules), Set.copyOf(keys)));
        return keys;
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
