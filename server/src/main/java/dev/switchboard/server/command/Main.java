package dev.switchboard.server.command;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.server.config.SettingSources;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The program's entry. */
@Command(
        name = "switchboard",
        description = "Real-time backend for live operations on PostgreSQL.",
        mixinStandardHelpOptions = true,
        version = "switchboard 0.1.0",
        subcommands = {
            StartCommand.class,
            PrepareCommand.class,
            PublishCommand.class,
            MigrateCommand.class,
            WatchCommand.class,
            DoctorCommand.class,
            SimulateCommand.class,
            ExplainCommand.class,
            UserCommand.class,
            OrganizationCommands.Org.class,
            OrganizationCommands.Queue.class,
            OrganizationCommands.PhoneNumber.class,
            OrganizationCommands.Member.class,
            TwilioCommand.class,
            WebhooksCommand.class,
            TypesCommand.class,
            TokenCommand.class,
            KeysCommand.class
        },
        footer = {
            "",
            "Through the launcher ./switchboard also: supervise (start, and again when it dies; takes start's options), test (runs every test),"
                    + " bench (measures this machine)."
        })
public final class Main implements Runnable {
    private static final int FAILED = 1;
    private static final int WRONG_USE = 2;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what to do, for example: switchboard start --demo");
    }

    public static void main(String[] arguments) {
        SettingSources sources;
        try {
            sources = SettingSources.of(System.getenv(), arguments);
        } catch (InvalidSettingException unreadable) {
            System.err.println(unreadable.getMessage());
            System.exit(WRONG_USE);
            return;
        }
        System.exit(commandLine(sources).execute(arguments));
    }

    /** Runs one command with its output to streams, as tests do; returns the exit code. */
    public static int run(List<String> arguments, OutputStream out, OutputStream err) {
        String[] given = arguments.toArray(String[]::new);
        return commandLine(SettingSources.of(Map.of(), given))
                .setOut(new PrintWriter(out, true, StandardCharsets.UTF_8))
                .setErr(new PrintWriter(err, true, StandardCharsets.UTF_8))
                .execute(given);
    }

    static CommandLine commandLine(SettingSources sources) {
        var commandLine = new CommandLine(new Main());
        commandLine.setDefaultValueProvider(sources);
        commandLine.setParameterExceptionHandler((wrong, _) -> {
            CommandLine command = wrong.getCommandLine();
            command.getErr().println(wrong.getMessage());
            sources.origin(wrong.getArgSpec())
                    .ifPresent(origin -> command.getErr().println("It comes from " + origin + "."));
            command.getErr().println("See: " + command.getCommandSpec().qualifiedName() + " --help");
            return WRONG_USE;
        });
        commandLine.setExecutionExceptionHandler((failed, command, _) -> {
            command.getErr().println(explain(failed));
            return failed instanceof InvalidSettingException ? WRONG_USE : FAILED;
        });
        return commandLine;
    }

    /** The message, and those of its causes that say more. */
    private static String explain(Throwable failed) {
        var text = new StringBuilder(String.valueOf(failed.getMessage()));
        for (Throwable cause = failed.getCause(); cause != null; cause = cause.getCause()) {
            String message = String.valueOf(cause.getMessage());
            if (text.indexOf(message) < 0) {
                text.append(": ").append(message);
            }
        }
        return text.toString();
    }
}
