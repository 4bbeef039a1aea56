package dev.switchboard.engine.postgres;

import dev.switchboard.engine.authorize.RowAccess.Question;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.route.Filter;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Questions as PostgreSQL is asked them. Pure. */
final class PolicyQuestions {
    private PolicyQuestions() {}

    /** A condition is tried on visible rows alone: how long it takes, or whether it raises, must not tell of others. */
    static TableSecurity.Predicate conditioned(TableSecurity security, Optional<Filter> condition) {
        if (condition.isEmpty()) {
            return security.predicate();
        }
        Filter filter = condition.get();
        var reads = new HashSet<>(filter.columns().keySet());
        reads.addAll(security.domains());
        return switch (security.predicate()) {
            case TableSecurity.Predicate.Never never -> never;
            case TableSecurity.Predicate.Always _ -> new TableSecurity.Predicate.Asked(filter.sql(), reads);
            case TableSecurity.Predicate.Asked asked -> {
                reads.addAll(asked.reads());
                yield new TableSecurity.Predicate.Asked(
                        "case when (" + asked.expression() + ") is true then (" + filter.sql() + ") end", reads);
            }
        };
    }

    static Map<String, List<Integer>> literals(
            Question question, TableSecurity security, TableSecurity.Predicate.Asked asked) {
        var literals = new LinkedHashMap<String, List<Integer>>();
        for (int i = 0; i < question.images().size(); i++) {
            Row image = question.images().get(i);
            if (RowImage.covers(question.relation(), image, asked.reads())) {
                literals.computeIfAbsent(
                                RowImage.literal(question.relation(), security.columns(), asked.reads(), image),
                                _ -> new ArrayList<>())
                        .add(i);
            }
        }
        return literals;
    }

    static BitSet readable(Relation relation, TableSecurity security) {
        var readable = new BitSet();
        for (int i = 0; i < relation.columns().size(); i++) {
            if (security.readable().contains(relation.columns().get(i).name())) {
                readable.set(i);
            }
        }
        return readable;
    }

    static String statement(TableSecurity security, TableSecurity.Predicate.Asked asked) {
        return "select (" + JdbcText.escape(asked.expression()) + ") is true from unnest(?::"
                + security.table().quoted() + "[]) as "
                + TableName.quote(security.table().table());
    }
}
