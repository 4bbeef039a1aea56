package dev.switchboard.callcenter.schema;

import dev.switchboard.callcenter.schema.Finding.Layer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What a database lacks of the schema that is needed; tables and columns beyond it are nobody's business here. */
public final class Inspection {
    private Inspection() {}

    /** In the order of the layers. */
    public static List<Finding> compare(Schema needed, Schema found, String publication) {
        var findings = new ArrayList<Finding>();
        needed.tables().forEach((name, table) -> {
            Schema.Table there = found.tables().get(name);
            if (there == null) {
                findings.add(new Finding(
                        Layer.SCHEMA,
                        "table public." + name,
                        "no such table",
                        "restore it from a backup; the migrations made it, and do so once"));
            } else {
                compare(name, table, there, publication, findings);
            }
        });
        findings.sort((one, other) -> one.layer().compareTo(other.layer()));
        return findings;
    }

    private static void compare(
            String name, Schema.Table needed, Schema.Table found, String publication, List<Finding> findings) {
        String table = "public." + name;
        columns(table, needed.columns(), found.columns(), findings);
        if (needed.secured() && !found.secured()) {
            findings.add(new Finding(
                    Layer.POLICIES,
                    "row level security of " + table + " enabled and forced",
                    "it is not",
                    "alter table %1$s enable row level security; alter table %1$s force row level security;"
                            .formatted(table)));
        }
        needed.policies().forEach((policy, text) -> {
            String there = found.policies().get(policy);
            if (!text.equals(there)) {
                findings.add(new Finding(
                        Layer.POLICIES,
                        "policy " + policy + " on " + table + " " + text,
                        there == null ? "no such policy" : there,
                        (there == null ? "" : "drop policy " + policy + " on " + table + "; ") + "create policy "
                                + policy + " on " + table + " " + text + ";"));
            }
        });
        found.policies().forEach((policy, text) -> {
            if (!needed.policies().containsKey(policy)) {
                findings.add(new Finding(
                        Layer.POLICIES,
                        "no policy " + policy + " on " + table,
                        text,
                        "drop policy " + policy + " on " + table + ";"));
            }
        });
        if (needed.published() && !found.published()) {
            findings.add(new Finding(
                    Layer.PUBLICATION,
                    table + " in publication " + publication,
                    "it is not in it",
                    "alter publication " + publication + " add table " + table + ";"));
        }
        if (!needed.published() && found.published()) {
            findings.add(new Finding(
                    Layer.PUBLICATION,
                    table + " not in publication " + publication,
                    "it is in it",
                    "alter publication " + publication + " drop table " + table + ";"));
        }
        if (needed.published() && !needed.identity().equals(found.identity())) {
            findings.add(new Finding(
                    Layer.REPLICA_IDENTITY,
                    "replica identity " + needed.identity() + " of " + table,
                    found.identity(),
                    "alter table " + table + " replica identity " + needed.identity() + ";"));
        }
    }

    private static void columns(
            String table, Map<String, String> needed, Map<String, String> found, List<Finding> findings) {
        needed.forEach((column, type) -> {
            String there = found.get(column);
            if (there == null) {
                findings.add(new Finding(
                        Layer.SCHEMA,
                        "column " + table + "." + column + " " + type,
                        "no such column",
                        "alter table " + table + " add column " + column + " " + type + ";"));
            } else if (!typeOf(there).equals(typeOf(type))) {
                findings.add(new Finding(
                        Layer.SCHEMA,
                        "column " + table + "." + column + " " + type,
                        there,
                        "alter table " + table + " alter column " + column + " type " + typeOf(type) + ";"));
            }
        });
    }

    /** Without default and constraint. */
    private static String typeOf(String column) {
        return column.replaceFirst(" (default|generated|not null).*$", "");
    }
}
