package dev.switchboard.bench;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** Figures as they come, as a table and as JSON with the machine. */
final class Report {
    private final PrintStream out;
    private final List<Map<String, Object>> figures = new ArrayList<>();

    Report(PrintStream out) {
        this.out = out;
    }

    /**
     * One figure.
     *
     * @param goal what it should be; empty where it is only for information
     */
    void figure(String bench, String name, double value, String unit, String goal) {
        out.printf("%-10s %-66s %12s %-12s %s%n", bench, name, format(value), unit, goal);
        out.flush();
        var figure = new LinkedHashMap<String, Object>();
        figure.put("bench", bench);
        figure.put("name", name);
        figure.put("value", value);
        figure.put("unit", unit);
        figure.put("goal", goal);
        figures.add(figure);
    }

    private static String format(double value) {
        return Math.abs(value) >= 100 || value == Math.rint(value) ? "%,.0f".formatted(value) : "%.3g".formatted(value);
    }

    void note(String text) {
        out.println("           " + text);
    }

    String json(Map<String, Object> environment) {
        var all = new LinkedHashMap<String, Object>();
        all.put("environment", environment);
        all.put("figures", figures);
        return JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsString(all);
    }
}
