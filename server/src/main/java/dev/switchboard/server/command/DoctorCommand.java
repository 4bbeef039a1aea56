package dev.switchboard.server.command;

import dev.switchboard.callcenter.schema.Finding;
import dev.switchboard.callcenter.schema.Finding.Layer;
import dev.switchboard.callcenter.schema.Inspection;
import dev.switchboard.callcenter.schema.Schema;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.ReplicaIdentities;
import dev.switchboard.engine.postgres.UnheardTables;
import dev.switchboard.server.DataDirectory;
import dev.switchboard.server.Switchboard;
import dev.switchboard.tokens.JwtTokens;
import dev.switchboard.tokens.KeyRing;
import java.io.PrintWriter;
import java.net.URI;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code switchboard doctor}. */
@Command(
        name = "doctor",
        description = {
            "Finds out why a screen does not change: looks at each layer that a change passes (schema, policies, publication,"
                    + " replica identity, slot), then makes a change in an organization of its own and looks who gets it (service"
                    + " key, member, outsider, nobody signed in).",
            "",
            "Prints what was expected and what was found, names the first layer that is broken, and the statement that mends"
                    + " it. Changes nothing else. Exit code 0: all is well; 1: something is broken."
        },
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        sortOptions = false)
final class DoctorCommand implements Callable<Integer> {
    private static final List<String> PARTS = List.of("schema", "policies", "publication", "slot", "realtime");

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(
            paramLabel = "PART",
            arity = "0..*",
            description = "Only these: schema, policies, publication, slot, realtime. Default: all.")
    private List<String> parts = new ArrayList<>();

    @Option(names = "--url", description = "Of the running server.", defaultValue = "http://127.0.0.1:8000")
    private URI url = URI.create("");

    @Mixin
    private InstallationOption installation = new InstallationOption();

    @Option(
            names = "--slot",
            description = "Name of the server's replication slot, as start has it.",
            defaultValue = Switchboard.SLOT)
    private String slot = "";

    @Override
    public Integer call() {
        parts.stream().filter(part -> !PARTS.contains(part)).findFirst().ifPresent(unknown -> {
            throw new InvalidSettingException(
                    "There is no part " + unknown + "; there are " + String.join(", ", PARTS));
        });
        var keys =
                KeyRing.loadOrCreate(installation.dataDirectory().resolve(DataDirectory.SIGNING_KEYS), Instant.now());
        var tokens =
                new JwtTokens(Installation.secrets(installation.dataDirectory()).jwt(), keys, Optional.empty(), true);
        List<Finding> findings = installation.withDatabase(database -> examine(database, tokens));
        return conclude(findings);
    }

    private List<Finding> examine(Database database, JwtTokens tokens) {
        var findings = new ArrayList<Finding>();
        try (Connection connection =
                DriverManager.getConnection(database.url(), database.user(), database.password())) {
            Schema needed = Schema.needed();
            Schema found = Schema.read(connection, Switchboard.PUBLICATION);
            List<Finding> structural = Inspection.compare(needed, found, Switchboard.PUBLICATION);
            if (wants("schema")) {
                int columns = needed.tables().values().stream()
                        .mapToInt(table -> table.columns().size())
                        .sum();
                report(Layer.SCHEMA, needed.tables().size() + " tables, " + columns + " columns", structural, findings);
            }
            if (wants("policies")) {
                int policies = needed.tables().values().stream()
                        .mapToInt(table -> table.policies().size())
                        .sum();
                report(
                        Layer.POLICIES,
                        "row level security forced everywhere, " + policies + " policies",
                        structural,
                        findings);
            }
            if (wants("publication")) {
                long published = needed.tables().values().stream()
                        .filter(Schema.Table::published)
                        .count();
                var publication = new ArrayList<>(structural);
                publication.addAll(unheard(connection));
                report(
                        Layer.PUBLICATION,
                        published + " tables published; what their policies read is heard of",
                        publication,
                        findings);
                var identities = new ArrayList<>(structural);
                identities.addAll(brokenIdentities(connection));
                report(
                        Layer.REPLICA_IDENTITY,
                        "full for all of them, and UPDATE and DELETE work on every published table",
                        identities,
                        findings);
            }
            if (wants("slot")) {
                report(Layer.SLOT, "slot " + slot + " is there, and keeps its WAL", slot(connection), findings);
            }
        } catch (SQLException failed) {
            throw new IllegalStateException("the database cannot be asked: " + failed.getMessage(), failed);
        }
        if (wants("realtime")) {
            report(
                    Layer.REALTIME,
                    "a change reaches the service key and a member, and neither an outsider nor who is not signed in",
                    new RoundTrip(database, url, tokens).findings(),
                    findings);
        }
        return findings;
    }

    private static List<Finding> unheard(Connection connection) throws SQLException {
        return UnheardTables.of(connection, Switchboard.PUBLICATION).stream()
                .map(one -> new Finding(
                        Layer.PUBLICATION, "table " + one.table() + " heard of", one.what(), one.remedy() + ";"))
                .toList();
    }

    private static List<Finding> brokenIdentities(Connection connection) throws SQLException {
        return ReplicaIdentities.broken(connection, Switchboard.PUBLICATION).stream()
                .map(broken -> new Finding(
                        Layer.REPLICA_IDENTITY,
                        "a replica identity of " + broken.table() + " that the publication carries",
                        broken.what(),
                        broken.remedy() + ";"))
                .toList();
    }

    private boolean wants(String part) {
        return parts.isEmpty() || parts.contains(part);
    }

    private List<Finding> slot(Connection connection) throws SQLException {
        String expected = "replication slot " + slot;
        try (PreparedStatement statement = connection.prepareStatement("select s.wal_status, s.plugin, s.active,"
                + " s.invalidation_reason from pg_catalog.pg_replication_slots s where s.slot_name = ?")) {
            statement.setString(1, slot);
            try (ResultSet row = statement.executeQuery()) {
                if (!row.next()) {
                    return List.of(new Finding(
                            Layer.SLOT,
                            expected,
                            "no such slot; what was committed since it went cannot be streamed",
                            "select pg_create_logical_replication_slot('" + slot + "', 'pgoutput');"));
                }
                if ("lost".equals(row.getString("wal_status"))) {
                    return List.of(new Finding(
                            Layer.SLOT,
                            expected + " keeps its WAL",
                            "it is lost: " + row.getString("invalidation_reason"),
                            "select pg_drop_replication_slot('" + slot
                                    + "'); -- the server makes a new one, and tells everybody to load afresh"));
                }
                return List.of();
            }
        }
    }

    private void report(Layer layer, String expected, List<Finding> all, List<Finding> into) {
        PrintWriter out = spec.commandLine().getOut();
        List<Finding> own =
                all.stream().filter(finding -> finding.layer() == layer).toList();
        out.printf("%-17s %s%n", name(layer), own.isEmpty() ? "ok      " + expected : "BROKEN");
        for (Finding finding : own) {
            out.println("    expected  " + finding.expected());
            out.println("    got       " + finding.got());
            out.println("    mend      " + finding.mend());
        }
        out.flush();
        into.addAll(own);
    }

    private int conclude(List<Finding> findings) {
        PrintWriter out = spec.commandLine().getOut();
        out.println();
        if (findings.isEmpty()) {
            out.println("All is well.");
        } else {
            Finding first = findings.getFirst();
            out.println("The first broken layer is " + name(first.layer()) + ": expected " + first.expected() + "; got "
                    + first.got() + ".");
            out.println("Mend it: " + first.mend());
        }
        out.flush();
        return findings.isEmpty() ? 0 : 1;
    }

    private static String name(Layer layer) {
        return layer.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
}
