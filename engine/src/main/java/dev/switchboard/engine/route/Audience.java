package dev.switchboard.engine.route;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What rows that somebody may see have in common, as far as it is known without looking at one. */
public sealed interface Audience {
    /** Any row may be one. */
    record Any() implements Audience {}

    /** None is. */
    record None() implements Audience {}

    /** More values than this are no narrowing. */
    int MOST_VALUES = 100;

    /** One of these values stands in the column, at most {@link #MOST_VALUES}; nothing is said of the rest. */
    record ByValue(String column, Set<Comparison.Key> values) implements Audience {
        public ByValue {
            values = Set.copyOf(values);
        }
    }

    /** Of a column that has to have one of these values. */
    static Audience of(String column, Set<Comparison.Key> values) {
        if (values.isEmpty()) {
            return new None();
        }
        return values.size() > MOST_VALUES ? new Any() : new ByValue(column, values);
    }

    /** Of what all of these demand: the one that leaves the fewest. */
    static Audience all(List<Audience> audiences) {
        if (audiences.stream().anyMatch(None.class::isInstance)) {
            return new None();
        }
        Optional<ByValue> narrowest = audiences.stream()
                .filter(ByValue.class::isInstance)
                .map(ByValue.class::cast)
                .min((one, other) ->
                        Integer.compare(one.values().size(), other.values().size()));
        return narrowest.<Audience>map(found -> found).orElseGet(Any::new);
    }

    /** Of what one of these demands: the values of all, where they are of one column. */
    static Audience any(List<Audience> audiences) {
        var values = new HashSet<Comparison.Key>();
        Optional<String> column = Optional.empty();
        for (Audience audience : audiences) {
            switch (audience) {
                case None _ -> {}
                case Any any -> {
                    return any;
                }
                case ByValue found -> {
                    if (column.isPresent() && !column.get().equals(found.column())) {
                        return new Any();
                    }
                    column = Optional.of(found.column());
                    values.addAll(found.values());
                }
            }
        }
        return column.map(name -> of(name, values)).orElseGet(None::new);
    }
}
