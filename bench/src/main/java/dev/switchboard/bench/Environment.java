package dev.switchboard.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

/** The machine that figures belong to. */
final class Environment {
    private Environment() {}

    static Map<String, Object> describe() {
        var environment = new LinkedHashMap<String, Object>();
        environment.put("time", Instant.now().toString());
        environment.put("cpu", line("/proc/cpuinfo", "model name"));
        environment.put("cores", Runtime.getRuntime().availableProcessors());
        environment.put("memory", line("/proc/meminfo", "MemTotal"));
        environment.put("system", System.getProperty("os.name") + " " + System.getProperty("os.version"));
        environment.put("java", System.getProperty("java.vendor") + " " + System.getProperty("java.runtime.version"));
        return environment;
    }

    private static String line(String file, String name) {
        try (Stream<String> lines = Files.lines(Path.of(file))) {
            return lines.filter(line -> line.startsWith(name))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse("unknown");
        } catch (IOException unknown) {
            return "unknown";
        }
    }
}
