package dev.switchboard.systemtest.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.server.command.Main;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The user's own migrations, beside a running server. */
class MigrateTest {
    private static TestServer server;

    @TempDir
    private Path directory;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    @BeforeAll
    static void start() {
        server = TestServer.start();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @AfterEach
    void forget() {
        server.database().useHandle(handle -> handle.execute("drop table if exists switchboard.user_migrations"));
    }

    private int migrate(String... options) {
        out.reset();
        var arguments = new java.util.ArrayList<>(List.of("migrate", directory.toString()));
        arguments.addAll(List.of("--data-dir", server.directory().toString()));
        arguments.addAll(List.of(options));
        return Main.run(arguments, out, out);
    }

    private String said() {
        return out.toString(StandardCharsets.UTF_8);
    }

    private void file(String name, String sql) throws IOException {
        Files.writeString(directory.resolve(name), sql);
    }

    private static boolean exists(String relation) {
        return server.database()
                .withHandle(handle -> handle.createQuery("select to_regclass(:name) is not null")
                        .bind("name", relation)
                        .mapTo(Boolean.class)
                        .one());
    }

    @Test
    void F001_38_filesAreAppliedOnceInOrderAndAChangedOneIsRefused() throws IOException {
        file("20260101000000_first.sql", "create table public.m_first (id int primary key);");
        file("20260102000000_second.sql", "alter table m_first add column word text; create table m_second (id int);");

        assertThat(migrate("--dry-run")).isZero();
        assertThat(said()).containsSubsequence("would apply 20260101000000", "would apply 20260102000000");
        assertThat(exists("public.m_first")).isFalse();
        assertThat(migrate()).as(said()).isZero();
        assertThat(exists("public.m_second")).isTrue();
        assertThat(migrate()).isZero();
        assertThat(said()).contains("Nothing to apply");

        file("20260102000000_second.sql", "alter table m_first add column word text;");
        assertThat(migrate()).isEqualTo(2);
        assertThat(said()).contains("20260102000000").contains("has changed").contains("by a new file");
        file("20260102000000_second.sql", "alter table m_first add column word text; create table m_second (id int);");
        file("20260103000000_third.sql", "create table m_third (id int)");
        assertThat(migrate()).as(said()).isZero();
        assertThat(said()).contains("Applied 1.");
        assertThat(exists("public.m_third")).isTrue();
        Files.delete(directory.resolve("20260103000000_third.sql"));
        assertThat(migrate()).isEqualTo(2);
        assertThat(said()).contains("is gone");
    }

    @Test
    void F001_38_oneThatFailsLeavesNothingAndSaysWhere() throws IOException {
        file("1_good.sql", "create table m_good (id int);");
        file("2_bad.sql", "create table m_bad (id int);\n\ninsert into m_bad values ('x');\n");
        file("3_later.sql", "create table m_later (id int);");

        assertThat(migrate()).isEqualTo(2);

        assertThat(said())
                .contains("2_bad.sql")
                .contains("invalid input syntax")
                .contains("Nothing of this file");
        assertThat(exists("m_good")).isTrue();
        assertThat(exists("m_bad")).isFalse();
        assertThat(exists("m_later")).isFalse();
        file("2_bad.sql", "create table m_bad (id int);");
        assertThat(migrate()).as(said()).isZero();
        assertThat(exists("m_later")).isTrue();
    }

    @Test
    void F001_38_nothingIsLeftOutInSilence() throws IOException {
        file("3_c.sql", "create table m_c (id int);");
        assertThat(migrate()).as(said()).isZero();
        file("2_b.sql", "create table m_b (id int);");
        assertThat(migrate()).isEqualTo(2);
        assertThat(said()).contains("Migration 2").contains("after the last one");
        Files.delete(directory.resolve("2_b.sql"));
        file("00000_init.sql", "create table m_zero (id int);");
        assertThat(migrate()).isEqualTo(2);
        assertThat(said()).contains("init");
        Files.delete(directory.resolve("00000_init.sql"));
        file("todos.sql", "create table m_todos (id int);");
        assertThat(migrate("--dry-run")).isEqualTo(2);
        assertThat(said()).contains("todos.sql has no version");
    }

    @Test
    void KF34_whatMigrationsOfTheOriginalPresumeIsThere() throws IOException {
        file("20260201000000_init.sql", """
                create extension if not exists "uuid-ossp" with schema "extensions";
                create extension if not exists pgcrypto with schema extensions;
                create extension if not exists pg_trgm with schema extensions;
                create extension if not exists "moddatetime" schema extensions;
                create type todo_status as enum ('open', 'done');
                create table todos (
                  id uuid primary key default uuid_generate_v4(),
                  secret uuid default extensions.uuid_generate_v4(),
                  owner uuid not null default auth.uid() references auth.users on delete cascade,
                  task text check (char_length(task) > 3), status todo_status not null default 'open',
                  digest text generated always as (encode(extensions.digest(coalesce('x', ''), 'sha256'), 'hex')) stored,
                  updated_at timestamptz);
                create index on todos using gin (task extensions.gin_trgm_ops);
                create trigger touched before update on todos for each row execute procedure moddatetime (updated_at);
                alter table todos enable row level security;
                create policy "Individuals can create todos." on todos for insert with check ((select auth.uid()) = owner);
                create policy "Individuals can view their own todos." on todos for select using ((select auth.uid()) = owner);
                create table profiles_of_users (id uuid references auth.users primary key, name text);
                create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = '' as $$
                begin
                  insert into public.profiles_of_users (id, name) values (new.id, new.raw_user_meta_data ->> 'full_name');
                  return new;
                end;
                $$;
                create trigger on_auth_user_created after insert on auth.users
                  for each row execute procedure public.handle_new_user();
                grant usage on schema public to postgres, anon, authenticated, service_role;
                grant all on public.todos to supabase_auth_admin, dashboard_user;
                alter table public.todos owner to postgres;
                alter publication supabase_realtime add table todos;
                create function public.new_id() returns uuid language sql as 'select uuid_generate_v4()';
                """);

        assertThat(migrate()).as(said()).isZero();

        try (Http http = new Http(server)) {
            Http.Answer session = http.post(
                    "/auth/v1/signup",
                    "{\"email\":\"todo@example.com\",\"password\":\"long enough\",\"data\":{\"full_name\":\"Toni\"}}");
            String token = session.json().path("access_token").asString();
            Http.Answer inserted = http.post(
                    "/rest/v1/todos?select=task,status",
                    "{\"task\":\"write tests\"}",
                    "Content-Type",
                    "application/json",
                    "Authorization",
                    "Bearer " + token,
                    "Prefer",
                    "return=representation");
            assertThat(inserted.body()).isEqualTo("[{\"task\":\"write tests\",\"status\":\"open\"}]");
            assertThat(http.get("/rest/v1/todos?select=task&task=ilike.*tests*", "Authorization", "Bearer " + token)
                            .json()
                            .size())
                    .isEqualTo(1);
            assertThat(http.get("/rest/v1/profiles_of_users?select=name").body())
                    .isEqualTo("[{\"name\":\"Toni\"}]");
            // helpers are found when a request runs, too
            assertThat(http.post("/rest/v1/rpc/new_id", "{}", "Content-Type", "application/json")
                            .body())
                    .hasSize(38);
        }
        server.database().useHandle(handle -> handle.execute("drop trigger on_auth_user_created on auth.users"));
    }

    @Test
    void KF34_whatIsLackingIsNamed() throws IOException {
        file("1_cron.sql", "create extension if not exists pg_cron with schema extensions;");
        assertThat(migrate()).isEqualTo(2);
        assertThat(said())
                .contains("1_cron.sql")
                .contains("the extension pg_cron")
                .contains("--database-url");
        file("1_cron.sql", "insert into storage.buckets (id, name) values ('a', 'a');");
        assertThat(migrate()).isEqualTo(2);
        assertThat(said()).contains("storage").contains("Switchboard has no part");
        Files.delete(directory.resolve("1_cron.sql"));
        assertThat(migrate()).isZero();
        assertThat(Main.run(
                        List.of(
                                "migrate",
                                directory.resolve("nowhere").toString(),
                                "--data-dir",
                                server.directory().toString()),
                        out,
                        out))
                .isEqualTo(2);
        assertThat(said()).contains("is no directory");
    }
}
