package dev.switchboard.bench;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * One room: 1,000 members who all see each other, of whom 50 a second go and come back, and whether every picture is right in the end;
 * then 200 who look on while 1,000 and 10,000 are there, and what one who comes or goes costs.
 */
final class PresenceBench {
    private static final int PER_SECOND = 50;
    private static final int ONLOOKERS = 200;
    private static final String TOPIC = "realtime:hall";
    private static final byte[] DIFF = "\"presence_diff\"".getBytes(StandardCharsets.US_ASCII);

    private final Report report;
    private final int members;
    private final int crowd;
    private final int seconds;

    /** @param crowd of the largest room */
    PresenceBench(Report report, int members, int crowd, int seconds) {
        this.report = report;
        this.members = members;
        this.crowd = crowd;
        this.seconds = seconds;
    }

    void run() {
        churn();
        double few = onlookers(members);
        double many = onlookers(crowd);
        report.figure(
                "presence", "cost of who comes or goes, " + crowd + " beside " + members, many / few, "x", "flat");
    }

    /** What a client has made of what it was told: per key the references of its presences. */
    private static final class Picture {
        private final Map<String, Set<String>> present = new TreeMap<>();
        private final List<byte[]> told = new ArrayList<>();

        void hear(byte[] frame) {
            told.add(frame);
        }

        Map<String, Set<String>> seen() {
            for (byte[] frame : told) {
                JsonNode message = JsonMapper.shared().readTree(frame);
                switch (message.get(3).asString()) {
                    case "presence_state" -> {
                        present.clear();
                        add(message.get(4));
                    }
                    case "presence_diff" -> {
                        add(message.at("/4/joins"));
                        message.at("/4/leaves").propertyStream().forEach(entry -> {
                            Set<String> refs = present.getOrDefault(entry.getKey(), new TreeSet<>());
                            refs.removeAll(refs(entry.getValue()));
                            if (refs.isEmpty()) {
                                present.remove(entry.getKey());
                            }
                        });
                    }
                    default -> {}
                }
            }
            told.clear();
            return present;
        }

        private void add(JsonNode joins) {
            joins.propertyStream()
                    .forEach(entry -> present.computeIfAbsent(entry.getKey(), _ -> new TreeSet<>())
                            .addAll(refs(entry.getValue())));
        }

        private static List<String> refs(JsonNode metas) {
            return metas.get("metas")
                    .valueStream()
                    .map(meta -> meta.get("phx_ref").asString())
                    .toList();
        }
    }

    private void churn() {
        try (ServerProcess server = new ServerProcess();
                Sockets sockets = new Sockets(server.port())) {
            connect(server, sockets, members + PER_SECOND + 1);
            for (int i = 0; i < members + PER_SECOND; i++) {
                enter(sockets, i, true);
                sockets.pumpOnce();
            }
            pump(sockets, Duration.ofSeconds(5));
            var pictures = new HashMap<Integer, Picture>();
            int[] hashes = new int[sockets.clients().size()];
            long[] diffs = new long[1];
            sockets.listen((client, bytes, offset, length) -> {
                if (isDiff(bytes, offset, length)) {
                    hashes[client.number] = 31 * hashes[client.number] + hash(bytes, offset, length);
                    diffs[0] += client.number == 0 ? 1 : 0;
                }
                Optional.ofNullable(pictures.get(client.number))
                        .ifPresent(picture -> picture.hear(Arrays.copyOfRange(bytes, offset, offset + length)));
            });
            // one that knows the state from its own join on, and stays
            var stays = new Picture();
            pictures.put(members + PER_SECOND, stays);
            enter(sockets, members + PER_SECOND, true);
            pump(sockets, Duration.ofSeconds(2));
            Arrays.fill(hashes, 0);
            diffs[0] = 0;
            long cpu = server.meter().cpuNanos();
            comeAndGo(sockets, members, seconds, true);
            double used = (server.meter().cpuNanos() - cpu) / 1e3;
            pump(sockets, Duration.ofSeconds(3));
            // and one that comes when all is quiet: what the server itself says
            var comes = new Picture();
            pictures.put(members, comes);
            leave(sockets, members);
            enter(sockets, members, true);
            pump(sockets, Duration.ofSeconds(2));
            int alike = 0;
            for (int i = 1; i < members; i++) {
                alike += hashes[i] == hashes[0] ? 1 : 0;
            }
            Map<String, Set<String>> late = comes.seen();
            String what = members + " members, " + PER_SECOND + " a second go and come back: ";
            report.figure("presence", what + "members of other pictures than the first", members - 1 - alike, "", "0");
            report.figure(
                    "presence",
                    what + "pictures that differ from the server's",
                    stays.seen().equals(late) ? 0 : 1,
                    "",
                    "0");
            report.figure("presence", what + "who is there in the end", late.size(), "", members + PER_SECOND + 1 + "");
            report.figure("presence", what + "diffs a second", diffs[0] / (double) seconds, "/s", "");
            report.figure("presence", what + "CPU of the server, of one core", used / 1e4 / seconds, "%", "");
        }
    }

    /** @return microseconds of the server's CPU for each who comes or goes */
    private double onlookers(int present) {
        try (ServerProcess server = new ServerProcess();
                Sockets sockets = new Sockets(server.port())) {
            connect(server, sockets, present);
            for (int i = 0; i < present; i++) {
                enter(sockets, i, i < ONLOOKERS);
                sockets.pumpOnce();
            }
            pump(sockets, Duration.ofSeconds(5));
            comeAndGo(sockets, present - PER_SECOND, 5, false); // warms up
            pump(sockets, Duration.ofSeconds(2));
            int measured = seconds / 3;
            long cpu = server.meter().cpuNanos();
            comeAndGo(sockets, present - PER_SECOND, measured, false);
            double each = (server.meter().cpuNanos() - cpu) / 1e3 / (2.0 * PER_SECOND * measured);
            report.figure(
                    "presence",
                    present + " in a room, " + ONLOOKERS + " look on: CPU for each who comes or goes",
                    each,
                    "us",
                    "");
            var picture = new Picture();
            sockets.listen((client, bytes, offset, length) -> {
                if (client.number == present - 1) {
                    picture.hear(Arrays.copyOfRange(bytes, offset, offset + length));
                }
            });
            leave(sockets, present - 1);
            enter(sockets, present - 1, true);
            pump(sockets, Duration.ofSeconds(2));
            report.figure(
                    "presence",
                    present + " in a room: how many a newcomer sees",
                    picture.seen().size(),
                    "",
                    Integer.toString(present));
            return each;
        }
    }

    private static void connect(ServerProcess server, Sockets sockets, int count) {
        String path = ServerProcess.path(server.token("anon", Map.of()));
        sockets.connect(Collections.nCopies(count, path));
    }

    private static void enter(Sockets sockets, int number, boolean looksOn) {
        sockets.send(
                sockets.clients().get(number),
                "[\"1\",\"1\",\"" + TOPIC + "\",\"phx_join\",{\"config\":{\"presence\":{\"key\":\"m" + number
                        + "\",\"enabled\":" + looksOn + "}}}]",
                "[\"1\",\"2\",\"" + TOPIC
                        + "\",\"presence\",{\"type\":\"presence\",\"event\":\"track\",\"payload\":{\"n\":" + number
                        + "}}]");
    }

    private static void leave(Sockets sockets, int number) {
        sockets.send(sockets.clients().get(number), "[\"1\",\"3\",\"" + TOPIC + "\",\"phx_leave\",{}]");
    }

    private static void comeAndGo(Sockets sockets, int first, int seconds, boolean lookOn) {
        long start = System.nanoTime();
        for (int i = 0; i < seconds * PER_SECOND; i++) {
            long due = start + i * 1_000_000_000L / PER_SECOND;
            while (System.nanoTime() < due) {
                sockets.pumpOnce();
            }
            leave(sockets, first + i % PER_SECOND);
            enter(sockets, first + i % PER_SECOND, lookOn);
        }
    }

    private static void pump(Sockets sockets, Duration time) {
        long end = System.nanoTime() + time.toNanos();
        while (System.nanoTime() < end) {
            sockets.pumpOnce();
        }
    }

    private static boolean isDiff(byte[] bytes, int offset, int length) {
        int most = Math.min(length, 80) - DIFF.length;
        for (int at = offset; at <= offset + most; at++) {
            if (Arrays.equals(bytes, at, at + DIFF.length, DIFF, 0, DIFF.length)) {
                return true;
            }
        }
        return false;
    }

    private static int hash(byte[] bytes, int offset, int length) {
        int hash = 1;
        for (int i = offset; i < offset + length; i++) {
            hash = 31 * hash + bytes[i];
        }
        return hash;
    }
}
