package dev.switchboard.engine.postgres;

import java.util.List;

/**
 * The settings under which PostgreSQL writes values as text. The driver sends the JVM's time zone when it connects and
 * connection options do not override it, so they are SET afterwards, on the replication connection as on those that
 * read rows.
 */
public final class SessionSettings {
    private static final List<String> STATEMENTS = List.of(
            "SET TimeZone = 'UTC'",
            "SET DateStyle = 'ISO, MDY'",
            "SET IntervalStyle = 'postgres'",
            "SET bytea_output = 'hex'",
            "SET extra_float_digits = 1");

    private SessionSettings() {}

    static List<String> statements() {
        return STATEMENTS;
    }

    /** For connections that read rows: the settings, the search path of the data API, and a bound on each statement. */
    public static String forRows() {
        return String.join("; ", STATEMENTS) + "; SET search_path = public; SET statement_timeout = '5s'";
    }
}
