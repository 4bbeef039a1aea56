package dev.switchboard.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code switchboard bench}. */
@Command(
        name = "switchboard bench",
        description = {
            "Measures this machine's Switchboard, each in a server process of its own, and says what each figure should be.",
            "",
            "broadcast  one message to 1,000 and 10,000 sockets, beside a C epoll server (needs cc)",
            "idle       memory of an idle joined connection, at 10,000",
            "decode     rows per second through decode, route and encode, beside reading the stream raw",
            "latency    commit to client: 100 users, 10 organizations, 200 changes a second",
            "authorize  CPU of a change that one of up to 20,000 users may see, by the kind of policy",
            "memory     heap per subscription with an equality filter, and per group of claims",
            "joins      10,000 handshakes and joins with distinct tokens",
            "rooms      10,000 joins of private rooms; broadcasts of the database beside changes of rows",
            "presence   1,000 members of whom 50 a second go and come back; a room of 10,000",
            "data       requests of the data API by 32 clients, beside the same SQL through pgjdbc",
            "live       1,000 clients on 50 kept queries, beside plain changes; 10,000 kept queries in memory",
            "storm      1,000 clients come back to a server that was killed: going on, and reading again",
            "callcenter claims, and commands on 2,000 live calls, beside commits of one row",
            "",
            "On Linux, whose /proc it reads. Machines are shared and noisy: ratios within one run mean more than figures."
        },
        mixinStandardHelpOptions = true)
public final class Bench implements Callable<Integer> {
    private static final List<String> ALL = List.of(
            "broadcast",
            "idle",
            "decode",
            "latency",
            "authorize",
            "memory",
            "joins",
            "rooms",
            "presence",
            "data",
            "live",
            "storm",
            "callcenter");

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "NAME", description = "Which; default: all.")
    private List<String> names = List.of();

    @Option(names = "--json", description = "Also writes the figures and the machine to this file.")
    private @Nullable Path json;

    @Option(names = "--quick", description = "Fewer and shorter runs.")
    private boolean quick;

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Bench()).execute(arguments));
    }

    @Override
    public Integer call() throws Exception {
        List<String> wanted = names.isEmpty() ? ALL : names;
        for (String name : wanted) {
            if (!ALL.contains(name)) {
                throw new CommandLine.ParameterException(
                        spec.commandLine(), "there is no bench '" + name + "'; there are " + String.join(", ", ALL));
            }
        }
        Map<String, Object> environment = Environment.describe();
        environment.forEach((name, value) -> System.out.println("# " + name + ": " + value));
        System.out.printf("%-10s %-66s %12s %-12s %s%n", "bench", "figure", "value", "", "goal");
        var report = new Report(System.out);
        for (String name : wanted) {
            run(name, report);
        }
        if (json != null) {
            Files.writeString(json, report.json(environment));
        }
        return 0;
    }

    private void run(String name, Report report) throws Exception {
        switch (name) {
            case "broadcast" -> {
                new BroadcastBench(report, quick ? 2 : 5).run(1_000);
                new BroadcastBench(report, quick ? 2 : 5).run(quick ? 2_000 : 10_000);
            }
            case "idle" -> new IdleBench(report).run();
            case "decode" -> new DecodeBench(report, quick ? 20_000 : 200_000).run();
            case "latency" -> new LatencyBench(report, quick ? 5 : 30).run();
            case "live" -> new LiveBench(report, quick ? 200 : 1_000, quick ? 1_000 : 10_000, quick ? 5 : 20).run();
            case "storm" -> new StormBench(report, quick ? 200 : 1_000).run();
            case "data" -> new DataBench(report, quick ? 2 : 5).run();
            case "callcenter" ->
                new CallCentreBench(report, quick ? 3 : 8, quick ? 200 : 2_000, quick ? 200 : 1_000).run();
            case "authorize" -> new AuthorizeBench(report, quick ? 4_000 : 20_000, quick ? 1_000 : 20_000).run();
            case "memory" -> new MemoryBench(report, quick ? 20_000 : 200_000, quick ? 2_000 : 20_000).run();
            case "joins" -> new JoinBench(report).run();
            case "presence" -> new PresenceBench(report, 1_000, quick ? 2_000 : 10_000, quick ? 6 : 60).run();
            case "rooms" -> new RoomsBench(report, quick ? 2_000 : 10_000, quick ? 5_000 : 50_000).run();
            default -> throw new IllegalArgumentException(name);
        }
    }
}
