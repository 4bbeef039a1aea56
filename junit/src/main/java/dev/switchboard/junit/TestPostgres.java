package dev.switchboard.junit;

import dev.switchboard.engine.postgres.Database;
import dev.switchboard.server.postgres.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** The PostgreSQL of this JVM's tests, with a user {@code app} who owns the databases and is no superuser. Thread-safe. */
public final class TestPostgres implements AutoCloseable {
    private static final String APPLICATION = "app";

    private static final String ROLES = """
            create role anon nologin noinherit;
            create role authenticated nologin noinherit;
            create role service_role nologin noinherit bypassrls;
            create role app login createrole replication;
            grant anon, authenticated, service_role to app with admin option""";

    private final Path directory;
    private final EmbeddedPostgres postgres;
    private final String password = UUID.randomUUID().toString();
    private final AtomicInteger databases = new AtomicInteger();

    /** Starts it, in a directory that goes with it. */
    public TestPostgres() {
        try {
            directory = Files.createTempDirectory("switchboard-junit");
        } catch (IOException failed) {
            throw new UncheckedIOException("no directory for PostgreSQL", failed);
        }
        postgres = EmbeddedPostgres.start(directory, UUID.randomUUID().toString());
        var server = new TestDatabase(postgres.database(), postgres.database());
        server.execute(ROLES);
        server.execute("alter role " + APPLICATION + " password '" + password + "'");
    }

    /** A new one, empty. */
    public TestDatabase create() {
        Database superuser = postgres.database();
        String name = "test_" + databases.incrementAndGet();
        new TestDatabase(superuser, superuser).execute("create database " + name + " owner " + APPLICATION);
        String url = superuser.url().replaceFirst("/[^/]*$", "/" + name);
        return new TestDatabase(
                new Database(url, APPLICATION, password), new Database(url, superuser.user(), superuser.password()));
    }

    /** Takes it away with its slots, whoever still uses it. */
    void drop(TestDatabase database) {
        String name = database.database().url().replaceFirst(".*/", "");
        var server = new TestDatabase(postgres.database(), postgres.database());
        server.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where database = '" + name
                + "' and active");
        server.execute("alter database " + name + " with allow_connections false");
        server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = '" + name + "'");
        database.dropSlots(server);
        server.execute("drop database " + name + " with (force)");
    }

    @Override
    public void close() {
        postgres.close();
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException("PostgreSQL's directory stays behind", failed);
        }
    }
}
