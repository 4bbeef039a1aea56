package dev.switchboard.server.command;

import dev.switchboard.client.Changes;
import dev.switchboard.client.Event;
import dev.switchboard.client.EventQueue;
import dev.switchboard.client.SwitchboardClient;
import dev.switchboard.engine.InvalidSettingException;
import java.io.Console;
import java.io.PrintWriter;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code switchboard watch TABLE}. */
@Command(
        name = "watch",
        description = {
            "Shows the changes of a table as they come, to a user: what that user's screen gets, and how long after the"
                    + " commit, by the clocks of the database and of this machine.",
            "",
            "On a terminal one coloured line per change; otherwise one JSON object per line. What the channel itself says"
                    + " goes to standard error. Ends with Ctrl-C, or after --count changes."
        },
        mixinStandardHelpOptions = true,
        showDefaultValues = true,
        sortOptions = false)
final class WatchCommand implements Callable<Integer> {
    private static final int QUEUE = 10_000;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "TABLE", description = "The table, schema.table or a table of schema public.")
    private String table = "";

    @Option(names = "--token", required = true, description = "The user's token: whose policies decide.")
    private String token = "";

    @Option(names = "--url", description = "Of the server.", defaultValue = "http://127.0.0.1:8000")
    private URI url = URI.create("");

    @Option(names = "--key", description = "API key that opens the connection; default: the token.")
    private @Nullable String key;

    @Option(names = "--filter", description = "For example: state=in.(ringing,active),score=gte.90")
    private @Nullable String filter;

    @Option(names = "--event", description = "*, INSERT, UPDATE or DELETE.", defaultValue = "*")
    private String event = "*";

    @Option(names = "--count", description = "Ends after that many changes; 0 for never.", defaultValue = "0")
    private int count;

    @Option(names = "--json", description = "JSON lines, on a terminal too.")
    private boolean json;

    @Override
    public Integer call() throws InterruptedException {
        if (!List.of("*", "INSERT", "UPDATE", "DELETE").contains(event)) {
            throw new InvalidSettingException(
                    "Invalid value for option '--event': " + event + " is none of *, INSERT, UPDATE, DELETE");
        }
        int dot = table.indexOf('.');
        Changes all =
                dot < 0 ? Changes.of("public", table) : Changes.of(table.substring(0, dot), table.substring(dot + 1));
        Changes wanted = Optional.ofNullable(filter).map(all::where).orElse(all).only(event);
        String apiKey = Optional.ofNullable(key).orElse(token);
        try (SwitchboardClient client = SwitchboardClient.builder(url, apiKey)
                        .token(() -> token)
                        .build();
                EventQueue events = client.channel("watch-" + table)
                        .changes(wanted)
                        .resuming()
                        .open(QUEUE)) {
            return watch(events);
        }
    }

    private int watch(EventQueue events) throws InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        var lines = new ChangeLines(isTerminal() && !json ? ChangeLines.Style.COLOURED : ChangeLines.Style.JSON);
        int shown = 0;
        boolean again = false;
        while (count == 0 || shown < count) {
            switch (events.take()) {
                case Event.Change change -> {
                    out.println(lines.line(change, Duration.between(change.committedAt(), Instant.now())));
                    out.flush();
                    shown++;
                }
                case Event.Subscribed(boolean resumed) -> {
                    String meanwhile = again ? " again; what was committed meanwhile is not shown" : "";
                    err.println(
                            resumed ? "Going on where it was." : "Watching " + table + " at " + url + meanwhile + ".");
                    again = true;
                }
                case Event.Interrupted(var reason) -> err.println("Not live: " + reason + ". Trying again.");
                case Event.Notice(var status, var message) -> {
                    if (!status.equals("ok")) {
                        err.println(message);
                    }
                }
                case Event.Closed(var reason) -> {
                    err.println("Ended: " + reason + ".");
                    return 1;
                }
                case Event.CaughtUp _,
                        Event.RightsChanged _,
                        Event.Answer _,
                        Event.Broadcast _,
                        Event.BroadcastBytes _,
                        Event.Presence _ -> {}
            }
        }
        return 0;
    }

    private static boolean isTerminal() {
        return Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
    }
}
