package dev.switchboard.server.command;

import dev.switchboard.accounts.UserDirectory;
import java.io.PrintWriter;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code switchboard user add|list|reset|revoke}, beside a running server or alone. */
@Command(
        name = "user",
        description = "Adds and lists users, resets passwords, ends sessions; beside a running server or alone.",
        mixinStandardHelpOptions = true)
final class UserCommand implements Runnable {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what to do: add, list, reset or revoke");
    }

    /** Which installation. */
    static final class Where {
        @Mixin
        private DatabaseOptions options = new DatabaseOptions();

        <T> T users(Function<UserDirectory, T> work) {
            return options.withDatabase(database -> {
                Jdbi jdbi = Jdbi.create(database.url(), database.user(), database.password());
                return work.apply(new UserDirectory(jdbi, new SecureRandom()));
            });
        }
    }

    @Command(
            name = "add",
            description = "Adds a user. The password is asked for where there is a terminal, else made up and printed.",
            mixinStandardHelpOptions = true)
    void add(
            @Parameters(paramLabel = "EMAIL") String email,
            @Option(names = "--id", description = "UUID of the user; default: a new one.") @Nullable UUID id,
            @Option(names = "--password", interactive = true, arity = "0..1", description = "Asks for the password.")
                    char @Nullable [] password,
            @Mixin Where where) {
        PrintWriter out = spec.commandLine().getOut();
        where.users(users -> {
            String chosen = password == null ? users.newPassword() : new String(password);
            UUID added = users.add(email, chosen, Optional.ofNullable(id));
            out.println("Added " + email + ", id " + added);
            if (password == null) {
                out.println("Password: " + chosen);
            }
            return added;
        });
        out.flush();
    }

    @Command(name = "list", description = "Lists users, the newest first.", mixinStandardHelpOptions = true)
    void list(@Mixin Where where) {
        PrintWriter out = spec.commandLine().getOut();
        List<UserDirectory.Entry> users = where.users(UserDirectory::list);
        out.printf("%-36s  %-15s  %-9s  %-32s  %s%n", "ID", "ROLE", "STATE", "LAST SIGN-IN", "EMAIL");
        for (UserDirectory.Entry user : users) {
            String state = user.banned() ? "banned" : user.confirmed() ? "ok" : "waiting";
            out.printf(
                    "%-36s  %-15s  %-9s  %-32s  %s%n",
                    user.id(), user.role(), state, user.lastSignIn().orElse("never"), user.email());
        }
        out.flush();
    }

    @Command(
            name = "reset",
            description = "Gives a user a new password, prints it, and ends all the user's sessions.",
            mixinStandardHelpOptions = true)
    void reset(@Parameters(paramLabel = "EMAIL") String email, @Mixin Where where) {
        PrintWriter out = spec.commandLine().getOut();
        String password = where.users(users -> {
            String fresh = users.newPassword();
            users.reset(email, fresh);
            return fresh;
        });
        out.println("New password of " + email + ": " + password);
        out.flush();
    }

    @Command(
            name = "revoke",
            description =
                    "Ends all sessions of a user. Access tokens that are out live until they expire, an hour at most by"
                            + " default.",
            mixinStandardHelpOptions = true)
    void revoke(@Parameters(paramLabel = "EMAIL") String email, @Mixin Where where) {
        PrintWriter out = spec.commandLine().getOut();
        int ended = where.users(users -> users.revoke(email));
        out.println("Ended " + ended + " session(s) of " + email);
        out.flush();
    }
}
