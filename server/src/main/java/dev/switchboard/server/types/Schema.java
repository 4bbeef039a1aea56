package dev.switchboard.server.types;

import java.util.List;
import java.util.Optional;

/** What of one schema can be asked for over the data API, with its types in TypeScript already. Immutable. */
record Schema(
        String name, List<Relation> tables, List<Relation> views, List<Function> functions, List<Enumeration> enums) {
    Schema {
        tables = List.copyOf(tables);
        views = List.copyOf(views);
        functions = List.copyOf(functions);
        enums = List.copyOf(enums);
    }

    /**
     * @param isOptional  whether an INSERT may leave it out
     * @param isGenerated whether no write may name it
     */
    record Column(String name, String type, boolean isNullable, boolean isOptional, boolean isGenerated) {}

    record Relation(String name, List<Column> columns, List<Relationship> relationships) {
        Relation {
            columns = List.copyOf(columns);
            relationships = List.copyOf(relationships);
        }
    }

    /** A foreign key. */
    record Relationship(
            String name, List<String> columns, boolean isOneToOne, String target, List<String> targetColumns) {
        Relationship {
            columns = List.copyOf(columns);
            targetColumns = List.copyOf(targetColumns);
        }
    }

    record Argument(String name, String type, boolean isOptional) {}

    /** @param relation the table or view whose rows it gives, if it does */
    record Function(
            String name, List<Argument> arguments, String returns, Optional<String> relation, boolean returnsSet) {
        Function {
            arguments = List.copyOf(arguments);
        }
    }

    record Enumeration(String name, List<String> values) {
        Enumeration {
            values = List.copyOf(values);
        }
    }
}
