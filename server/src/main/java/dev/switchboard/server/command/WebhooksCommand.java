package dev.switchboard.server.command;

import dev.switchboard.accounts.UserDirectory;
import dev.switchboard.callcenter.Organizations;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.server.Switchboard;
import dev.switchboard.webhooks.Secret;
import dev.switchboard.webhooks.WebhookAdministration;
import dev.switchboard.webhooks.WebhookAdministration.NotPossibleException;
import java.io.PrintWriter;
import java.security.SecureRandom;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** {@code switchboard webhooks ...}, beside a running server or alone. */
@Command(
        name = "webhooks",
        description = {
            "Tells other systems of changes by signed HTTP messages (Standard Webhooks); beside a running server or alone.",
            "",
            "Each change that the endpoint may see comes at least once, those of one row in order; docs/webhooks.md says more."
        },
        mixinStandardHelpOptions = true)
final class WebhooksCommand implements Runnable {
    private static final List<String> EVENTS = List.of("*", "INSERT", "UPDATE", "DELETE");
    private static final List<String> ORDERS = List.of("row", "table", "all");
    private static final int MOST_FAILED = 100;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "Say what to do: add, list, remove, secret, rotate, enable, failed or replay");
    }

    /** What one of the commands does. */
    private interface Work {
        void with(WebhookAdministration webhooks) throws NotPossibleException;
    }

    @Command(
            name = "add",
            description = "Adds an endpoint and prints its secret; what is committed from then on is told.",
            mixinStandardHelpOptions = true)
    void add(
            @Parameters(paramLabel = "URL", description = "As https://example.com/hook.") String url,
            @Option(
                            names = "--table",
                            description =
                                    "A published table, schema.table or of schema public; may come several times.",
                            required = true)
                    List<String> tables,
            @Option(names = "--event", description = "*, INSERT, UPDATE or DELETE.", defaultValue = "*") String event,
            @Option(
                            names = "--filter",
                            description =
                                    "As subscriptions have it, for each of the tables: state=in.(completed,missed)")
                    @Nullable
                    String filter,
            @Option(names = "--as", description = "E-mail address of the user whose rights decide what is told.")
                    @Nullable
                    String user,
            @Option(names = "--role", description = "Instead of --as, a role: service_role sees everything.") @Nullable
                    String role,
            @Option(
                            names = "--order",
                            description =
                                    "What comes one after the other: the changes of a row, of a table, or all of them.",
                            defaultValue = "row")
                    String order,
            @Option(names = "--org", description = "Slug of the organization whose endpoint it is.") @Nullable
                    String organization,
            @Mixin InstallationOption installation) {
        oneOf("--event", event.toUpperCase(Locale.ROOT), EVENTS);
        oneOf("--order", order, ORDERS);
        if ((user == null) == (role == null)) {
            throw new InvalidSettingException(
                    "Say whose rights decide: --as EMAIL, or --role service_role for everything");
        }
        List<Binding> bindings = tables.stream()
                .map(table -> binding(table, event.toUpperCase(Locale.ROOT), Optional.ofNullable(filter)))
                .toList();
        if (role != null && organization != null) {
            throw new InvalidSettingException(
                    "--org shows an organization's admins what is told, which a role decides for"
                            + " no organization; use --as one of its members, or leave --org out");
        }
        with(installation, (webhooks, jdbi) -> {
            Map<String, Object> claims = claims(new UserDirectory(jdbi, new SecureRandom()), user, role);
            Optional<UUID> id = Optional.ofNullable(user).map(_ -> UUID.fromString(String.valueOf(claims.get("sub"))));
            var wish = new WebhookAdministration.Wish(
                    url,
                    bindings,
                    String.valueOf(claims.get("role")),
                    JsonMapper.shared().writeValueAsString(claims),
                    order,
                    id,
                    Optional.ofNullable(organization)
                            .map(slug -> organization(new Organizations(jdbi), slug, id.orElseThrow())));
            webhooks.check(wish, Switchboard.PUBLICATION);
            WebhookAdministration.Made made = webhooks.add(wish);
            PrintWriter out = spec.commandLine().getOut();
            out.println("Added " + made.id() + ": " + url);
            out.println("Secret: " + made.secret());
            out.flush();
        });
    }

    private static Binding binding(String table, String event, Optional<String> filter) {
        int dot = table.indexOf('.');
        return new Binding(
                event,
                Optional.of(dot < 0 ? "public" : table.substring(0, dot)),
                Optional.of(table.substring(dot + 1)),
                filter,
                Optional.empty());
    }

    /** Of a user those of their tokens, but for what differs from session to session. */
    private static Map<String, Object> claims(UserDirectory users, @Nullable String user, @Nullable String role) {
        var claims = new TreeMap<String, Object>();
        if (user == null) {
            claims.put("role", String.valueOf(role));
        } else {
            claims.putAll(users.claims(user));
            claims.put("role", users.role(user));
        }
        return claims;
    }

    private static UUID organization(Organizations organizations, String slug, UUID member) {
        UUID organization = organizations.bySlug(slug);
        if (organizations.members(organization).stream()
                .noneMatch(one -> one.user().equals(member))) {
            throw new InvalidSettingException("the user of --as is no member of organization " + slug);
        }
        return organization;
    }

    @Command(name = "list", description = "Lists endpoints and how they are.", mixinStandardHelpOptions = true)
    void list(@Mixin InstallationOption installation) {
        with(installation, webhooks -> {
            PrintWriter out = spec.commandLine().getOut();
            out.printf("%-36s  %-5s  %7s  %9s  %6s  %s%n", "ID", "STATE", "WAITING", "DELIVERED", "FAILED", "URL");
            webhooks.list().forEach(one -> {
                out.printf(
                        "%-36s  %-5s  %7d  %9d  %6d  %s%n",
                        one.id(),
                        one.enabled() ? "on" : "off",
                        one.waiting(),
                        one.delivered(),
                        one.failed(),
                        one.url());
                out.println("  as " + one.identity() + ": " + one.bindings());
                one.trouble().ifPresent(trouble -> out.println("  " + trouble));
                one.lastError().ifPresent(error -> out.println("  not taken: " + error));
            });
            out.flush();
        });
    }

    @Command(name = "remove", description = "Removes an endpoint and its messages.", mixinStandardHelpOptions = true)
    void remove(@Parameters(paramLabel = "ID") UUID id, @Mixin InstallationOption installation) {
        with(installation, webhooks -> {
            webhooks.remove(id);
            say("Removed " + id);
        });
    }

    @Command(name = "secret", description = "Prints an endpoint's secret.", mixinStandardHelpOptions = true)
    void secret(@Parameters(paramLabel = "ID") UUID id, @Mixin InstallationOption installation) {
        with(installation, webhooks -> say(webhooks.secret(id)));
    }

    @Command(
            name = "rotate",
            description = "Gives an endpoint a new secret and prints it. For 24 hours messages are signed with both.",
            mixinStandardHelpOptions = true)
    void rotate(@Parameters(paramLabel = "ID") UUID id, @Mixin InstallationOption installation) {
        with(installation, webhooks -> say("Secret: " + webhooks.rotate(id, Instant.now())));
    }

    @Command(
            name = "enable",
            description = "Turns an endpoint on again that was turned off; it is told first that something is missing.",
            mixinStandardHelpOptions = true)
    void enable(@Parameters(paramLabel = "ID") UUID id, @Mixin InstallationOption installation) {
        with(installation, webhooks -> {
            webhooks.enable(id, Instant.now());
            say("On: " + id);
        });
    }

    @Command(
            name = "failed",
            description = "Lists messages that were given up, the newest first.",
            mixinStandardHelpOptions = true)
    void failed(@Mixin InstallationOption installation) {
        with(installation, webhooks -> {
            PrintWriter out = spec.commandLine().getOut();
            out.printf("%-36s  %-36s  %-24s  %8s  %s%n", "MESSAGE", "ENDPOINT", "AT", "ATTEMPTS", "TYPE AND ERROR");
            webhooks.failed(MOST_FAILED)
                    .forEach(one -> out.printf(
                            "%-36s  %-36s  %-24s  %8d  %s: %s%n",
                            one.id(), one.endpoint(), one.at(), one.attempts(), one.type(), one.error()));
            out.flush();
        });
    }

    @Command(
            name = "replay",
            description = {
                "Sends messages once more, under the ids that they had: those that were given up,"
                        + " or with --since all that came since then and are kept (72 hours)."
            },
            mixinStandardHelpOptions = true)
    void replay(
            @Parameters(paramLabel = "ID") UUID id,
            @Option(names = "--since", description = "As 2026-11-30T08:00:00Z.") @Nullable String since,
            @Mixin InstallationOption installation) {
        Optional<Instant> from = Optional.ofNullable(since).map(WebhooksCommand::instant);
        with(
                installation,
                webhooks -> say("Sending " + webhooks.replay(id, from, Instant.now()) + " message(s) again"));
    }

    private static Instant instant(String text) {
        try {
            return Instant.parse(text);
        } catch (DateTimeParseException malformed) {
            throw new InvalidSettingException(
                    "Invalid value for option '--since': " + text + " is no moment as 2026-11-30T08:00:00Z");
        }
    }

    private static void oneOf(String option, String value, List<String> allowed) {
        if (!allowed.contains(value)) {
            throw new InvalidSettingException("Invalid value for option '" + option + "': " + value + " is none of "
                    + String.join(", ", allowed));
        }
    }

    private void say(String text) {
        spec.commandLine().getOut().println(text);
        spec.commandLine().getOut().flush();
    }

    /** The same with the database's other tables at hand. */
    private interface WorkWithTables {
        void with(WebhookAdministration webhooks, Jdbi jdbi) throws NotPossibleException;
    }

    private static void with(InstallationOption installation, Work work) {
        with(installation, (webhooks, _) -> work.with(webhooks));
    }

    private static void with(InstallationOption installation, WorkWithTables work) {
        var secret =
                new Secret(Installation.secrets(installation.dataDirectory()).webhooks());
        installation.withDatabase(database -> {
            try {
                work.with(
                        new WebhookAdministration(database, secret),
                        Jdbi.create(database.url(), database.user(), database.password()));
            } catch (NotPossibleException
                    | Organizations.NotPossibleException
                    | UserDirectory.RefusedException impossible) {
                throw new InvalidSettingException(String.valueOf(impossible.getMessage()));
            }
            return true;
        });
    }
}
