package dev.switchboard.server.command;

import dev.switchboard.callcenter.Organizations;
import dev.switchboard.callcenter.Organizations.NotPossibleException;
import dev.switchboard.engine.InvalidSettingException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code switchboard org|queue|number|member add|list}, beside a running server or alone. */
final class OrganizationCommands {
    private static final List<String> ROLES = List.of("owner", "admin", "supervisor", "agent", "viewer", "auditor");
    private static final List<String> STRATEGIES = List.of("ring_all", "longest_idle", "sequential");

    private OrganizationCommands() {}

    /** Which installation. */
    static final class Where {
        @Mixin
        private InstallationOption installation = new InstallationOption();

        void organizations(Consumer<Organizations> work) {
            installation.withDatabase(database -> {
                try {
                    work.accept(new Organizations(Jdbi.create(database.url(), database.user(), database.password())));
                } catch (NotPossibleException impossible) {
                    throw new InvalidSettingException(String.valueOf(impossible.getMessage()));
                }
                return true;
            });
        }
    }

    /** Which organization. */
    static final class InOrganization {
        @Option(names = "--org", description = "The organization's slug.", required = true)
        private String slug = "";

        String slug() {
            return slug;
        }
    }

    /** {@code switchboard org}. */
    @Command(
            name = "org",
            description = "Adds and lists organizations; beside a running server or alone.",
            mixinStandardHelpOptions = true)
    static final class Org implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            throw new ParameterException(spec.commandLine(), "Say what to do: add or list");
        }

        @Command(name = "add", description = "Adds an organization.", mixinStandardHelpOptions = true)
        void add(
                @Parameters(paramLabel = "NAME") String name,
                @Option(names = "--slug", description = "Its name in commands; default: from its name.") @Nullable
                        String slug,
                @Option(
                                names = "--timezone",
                                description = "Where its days begin, as Europe/Berlin.",
                                defaultValue = "UTC")
                        String timezone,
                @Mixin Where where) {
            String chosen = slug != null
                    ? slug
                    : name.toLowerCase(java.util.Locale.ROOT)
                            .replaceAll("[^a-z0-9]+", "-")
                            .replaceAll("^-|-$", "");
            where.organizations(organizations -> say(
                    spec,
                    "Added " + name + ", slug " + chosen + ", id "
                            + organizations.addOrganization(name, chosen, timezone)));
        }

        @Command(name = "list", description = "Lists organizations.", mixinStandardHelpOptions = true)
        void list(@Mixin Where where) {
            where.organizations(organizations -> {
                PrintWriter out = spec.commandLine().getOut();
                out.printf(
                        "%-36s  %-20s  %-20s  %7s  %6s  %s%n", "ID", "SLUG", "TIME ZONE", "MEMBERS", "QUEUES", "NAME");
                organizations
                        .organizations()
                        .forEach(one -> out.printf(
                                "%-36s  %-20s  %-20s  %7d  %6d  %s%n",
                                one.id(), one.slug(), one.timezone(), one.members(), one.queues(), one.name()));
                out.flush();
            });
        }
    }

    /** {@code switchboard queue}. */
    @Command(
            name = "queue",
            description = "Adds and lists queues of an organization; beside a running server or alone.",
            mixinStandardHelpOptions = true)
    static final class Queue implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            throw new ParameterException(spec.commandLine(), "Say what to do: add or list");
        }

        @Command(name = "add", description = "Adds a queue.", mixinStandardHelpOptions = true)
        void add(
                @Parameters(paramLabel = "NAME") String name,
                @Option(
                                names = "--strategy",
                                description = "ring_all, longest_idle or sequential.",
                                defaultValue = "ring_all")
                        String strategy,
                @Option(names = "--ring-seconds", description = "How long an offer rings.", defaultValue = "20")
                        int ring,
                @Option(names = "--wrap-up-seconds", description = "For notes after a call.", defaultValue = "30")
                        int wrapUp,
                @Mixin InOrganization in,
                @Mixin Where where) {
            oneOf("--strategy", strategy, STRATEGIES);
            where.organizations(organizations -> say(
                    spec,
                    "Added queue " + name + ", id "
                            + organizations.addQueue(organizations.bySlug(in.slug), name, strategy, ring, wrapUp)));
        }

        @Command(name = "list", description = "Lists queues.", mixinStandardHelpOptions = true)
        void list(@Mixin InOrganization in, @Mixin Where where) {
            where.organizations(organizations -> {
                PrintWriter out = spec.commandLine().getOut();
                out.printf(
                        "%-36s  %-20s  %-12s  %5s  %8s  %s%n",
                        "ID", "NAME", "STRATEGY", "RINGS", "WRAPS UP", "EXTENSIONS");
                organizations
                        .queues(organizations.bySlug(in.slug))
                        .forEach(one -> out.printf(
                                "%-36s  %-20s  %-12s  %4ds  %7ds  %s%n",
                                one.id(),
                                one.name(),
                                one.strategy(),
                                one.ringSeconds(),
                                one.wrapUpSeconds(),
                                String.join(", ", one.members())));
                out.flush();
            });
        }
    }

    /** {@code switchboard number}. */
    @Command(
            name = "number",
            description = "Adds and lists the phone numbers of an organization; beside a running server or alone.",
            mixinStandardHelpOptions = true)
    static final class PhoneNumber implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            throw new ParameterException(spec.commandLine(), "Say what to do: add or list");
        }

        @Command(
                name = "add",
                description = "Adds a number: calls to it are the organization's.",
                mixinStandardHelpOptions = true)
        void add(
                @Parameters(paramLabel = "E164", description = "As +14155550100.") String number,
                @Option(names = "--queue", description = "Where its calls wait.") @Nullable String queue,
                @Mixin InOrganization in,
                @Mixin Where where) {
            where.organizations(organizations -> {
                UUID organization = organizations.bySlug(in.slug);
                organizations.addNumber(
                        organization,
                        number,
                        Optional.ofNullable(queue).map(name -> organizations.queue(organization, name)));
                say(spec, "Added " + number);
            });
        }

        @Command(name = "list", description = "Lists numbers.", mixinStandardHelpOptions = true)
        void list(@Mixin InOrganization in, @Mixin Where where) {
            where.organizations(organizations -> {
                PrintWriter out = spec.commandLine().getOut();
                out.printf("%-16s  %s%n", "NUMBER", "QUEUE");
                organizations
                        .numbers(organizations.bySlug(in.slug))
                        .forEach(one -> out.printf(
                                "%-16s  %s%n", one.e164(), one.queue().orElse("-")));
                out.flush();
            });
        }
    }

    /** {@code switchboard member}. */
    @Command(
            name = "member",
            description = "Adds and lists the members of an organization; beside a running server or alone.",
            mixinStandardHelpOptions = true)
    static final class Member implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            throw new ParameterException(spec.commandLine(), "Say what to do: add or list");
        }

        @Command(name = "add", description = "Makes a user a member.", mixinStandardHelpOptions = true)
        void add(
                @Parameters(paramLabel = "EMAIL", description = "Of a user who exists.") String email,
                @Option(
                                names = "--role",
                                description = "owner, admin, supervisor, agent, viewer or auditor.",
                                required = true)
                        String role,
                @Option(names = "--extension", description = "Of the phone, for who handles calls.") @Nullable
                        String extension,
                @Option(names = "--queue", description = "A queue that they answer; may come several times.") @Nullable
                        List<String> queues,
                @Mixin InOrganization in,
                @Mixin Where where) {
            oneOf("--role", role, ROLES);
            if (queues != null && extension == null) {
                throw new InvalidSettingException("--queue needs --extension: who answers a queue has a phone");
            }
            where.organizations(organizations -> {
                UUID organization = organizations.bySlug(in.slug);
                List<UUID> answered = queues == null
                        ? List.of()
                        : queues.stream()
                                .map(name -> organizations.queue(organization, name))
                                .toList();
                organizations.addMember(organization, email, role, Optional.ofNullable(extension), answered);
                say(spec, email + " is " + role + " of " + in.slug);
            });
        }

        @Command(name = "list", description = "Lists members.", mixinStandardHelpOptions = true)
        void list(@Mixin InOrganization in, @Mixin Where where) {
            where.organizations(organizations -> {
                PrintWriter out = spec.commandLine().getOut();
                out.printf("%-36s  %-10s  %-9s  %-11s  %s%n", "USER", "ROLE", "EXTENSION", "STATE", "NAME");
                organizations
                        .members(organizations.bySlug(in.slug))
                        .forEach(one -> out.printf(
                                "%-36s  %-10s  %-9s  %-11s  %s%n",
                                one.user(), one.role(), one.extension().orElse("-"), one.state(), one.name()));
                out.flush();
            });
        }
    }

    private static void say(CommandSpec spec, String what) {
        spec.commandLine().getOut().println(what);
        spec.commandLine().getOut().flush();
    }

    private static void oneOf(String option, String value, List<String> allowed) {
        if (!allowed.contains(value)) {
            throw new InvalidSettingException("Invalid value for option '" + option + "': " + value + " is none of "
                    + String.join(", ", allowed));
        }
    }
}
