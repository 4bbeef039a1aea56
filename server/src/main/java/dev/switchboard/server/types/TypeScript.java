package dev.switchboard.server.types;

import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Writes schemas as the type {@code Database} that the official clients take: {@code createClient<Database>(...)}. Pure; the
 * same schemas give the same text.
 */
final class TypeScript {
    private static final String HEAD = """
            // Written by `switchboard types`; do not edit, write it again.
            export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

            """;

    private final StringBuilder out = new StringBuilder(HEAD);
    private int depth;

    private TypeScript() {}

    static String of(List<Schema> schemas) {
        var writer = new TypeScript();
        writer.block("export type Database = ", ";", () -> schemas.forEach(writer::schema));
        return writer.out.toString();
    }

    private void schema(Schema schema) {
        member(schema.name(), () -> {
            member("Tables", () -> each(schema.tables(), this::table));
            member("Views", () -> each(schema.views(), this::view));
            member("Functions", () -> each(schema.functions(), this::function));
            member(
                    "Enums",
                    () -> each(schema.enums(), one -> line(key(one.name()) + ": " + literals(one.values()) + ";")));
            member("CompositeTypes", this::nothing);
        });
    }

    private void table(Schema.Relation table) {
        member(table.name(), () -> {
            member("Row", () -> table.columns().forEach(this::read));
            member("Insert", () -> table.columns().forEach(column -> write(column, column.isOptional())));
            member("Update", () -> table.columns().forEach(column -> write(column, true)));
            relationships(table);
        });
    }

    private void view(Schema.Relation view) {
        member(view.name(), () -> {
            member("Row", () -> view.columns().forEach(this::read));
            relationships(view);
        });
    }

    private void read(Schema.Column column) {
        line(key(column.name()) + ": " + type(column) + ";");
    }

    private void write(Schema.Column column, boolean isOptional) {
        line(key(column.name()) + (isOptional ? "?" : "") + ": " + (column.isGenerated() ? "never" : type(column))
                + ";");
    }

    private static String type(Schema.Column column) {
        return column.type() + (column.isNullable() ? " | null" : "");
    }

    private void relationships(Schema.Relation relation) {
        if (relation.relationships().isEmpty()) {
            line("Relationships: [];");
            return;
        }
        line("Relationships: [");
        depth++;
        relation.relationships()
                .forEach(one -> block("", ",", () -> {
                    line("foreignKeyName: " + quoted(one.name()) + ";");
                    line("columns: " + tuple(one.columns()) + ";");
                    line("isOneToOne: " + one.isOneToOne() + ";");
                    line("referencedRelation: " + quoted(one.target()) + ";");
                    line("referencedColumns: " + tuple(one.targetColumns()) + ";");
                }));
        depth--;
        line("];");
    }

    private void function(Schema.Function function) {
        member(function.name(), () -> {
            if (function.arguments().isEmpty()) {
                line("Args: never;");
            } else {
                member(
                        "Args",
                        () -> function.arguments()
                                .forEach(argument -> line(key(argument.name()) + (argument.isOptional() ? "?" : "")
                                        + ": " + argument.type() + ";")));
            }
            line("Returns: " + function.returns() + (function.returnsSet() ? "[];" : ";"));
        });
    }

    private <T> void each(List<T> items, Consumer<T> write) {
        if (items.isEmpty()) {
            nothing();
        }
        items.forEach(write);
    }

    /** So that the official clients' types accept a part without members. */
    private void nothing() {
        line("[_ in never]: never;");
    }

    private void member(String name, Runnable body) {
        block(key(name) + ": ", ";", body);
    }

    private void block(String before, String after, Runnable body) {
        line(before + "{");
        depth++;
        body.run();
        depth--;
        line("}" + after);
    }

    private void line(String text) {
        out.append("  ".repeat(depth)).append(text).append('\n');
    }

    private static String key(String name) {
        return name.matches("[A-Za-z_$][A-Za-z0-9_$]*") ? name : quoted(name);
    }

    static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    private static String literals(List<String> values) {
        return values.stream().map(TypeScript::quoted).collect(Collectors.joining(" | "));
    }

    private static String tuple(List<String> values) {
        return values.stream().map(TypeScript::quoted).collect(Collectors.joining(", ", "[", "]"));
    }
}
