package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.postgres.Database;
import dev.switchboard.server.command.Main;
import dev.switchboard.server.config.Secrets;
import dev.switchboard.server.postgres.EmbeddedPostgres;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;

/** {@code switchboard doctor}: finds what is planted, names the first broken layer, and its statement mends it. */
class DoctorTest {
    private record Said(int code, String text) {
        /** The statement of the last line. */
        String mend() {
            return text.substring(text.lastIndexOf("Mend it: ") + "Mend it: ".length())
                    .strip();
        }
    }

    private static Said doctor(TestServer server, String... parts) {
        var arguments = new ArrayList<>(List.of("doctor"));
        arguments.addAll(List.of(parts));
        arguments.addAll(List.of("--data-dir", server.directory().toString(), "--url", server.url()));
        var out = new ByteArrayOutputStream();
        int code = Main.run(arguments, out, out);
        return new Said(code, out.toString(StandardCharsets.UTF_8));
    }

    @Test
    void F001_06_F001_24_F001_25_F001_26_F001_27_F001_28_namesTheFirstBrokenLayerAndItsStatementMendsIt() {
        try (TestServer server = TestServer.start()) {
            assertThat(doctor(server, "frontend").text()).contains("There is no part frontend; there are schema");
            assertThat(doctor(server, "frontend").code()).isEqualTo(2);
            Said well = doctor(server);
            assertThat(well.code()).as(well.text()).isZero();
            assertThat(well.text())
                    .contains(
                            "schema ",
                            "policies ",
                            "publication ",
                            "replica identity ",
                            "slot ",
                            "realtime ",
                            "All is well.");

            planted(
                    server,
                    "alter table voip_users drop column current_call_answered_at",
                    "schema", // F001-24
                    "column public.voip_users.current_call_answered_at",
                    "schema");
            planted(
                    server,
                    "alter table calls disable row level security",
                    "policies", // F001-27
                    "row level security of public.calls",
                    "policies");
            planted(
                    server,
                    "drop policy read_by_permission on calls",
                    "policies",
                    "policy read_by_permission on public.calls",
                    "policies");
            planted(
                    server,
                    "create policy everybody on calls for select to anon, authenticated using (true)",
                    "policies",
                    "no policy everybody on public.calls",
                    "policies");
            planted(
                    server,
                    "alter publication supabase_realtime drop table active_calls",
                    "publication", // F001-26, F001-06
                    "public.active_calls in publication",
                    "publication");
            planted(
                    server,
                    "alter table parked_calls replica identity default",
                    "replica identity",
                    "replica identity full of public.parked_calls",
                    "publication");

            // F001-25: the way to the screens alone
            server.database().useHandle(handle -> handle.execute("revoke select on voip_users from authenticated"));
            Said cut = doctor(server);
            assertThat(cut.code()).isEqualTo(1);
            assertThat(cut.text())
                    .contains(
                            "The first broken layer is realtime",
                            "a member",
                            "explain: it ends at grants: ",
                            "voip_users");
            server.database().useHandle(handle -> handle.execute("grant select on voip_users to authenticated"));

            // what leaks, and by which policy
            server.database()
                    .useHandle(handle -> handle.execute(
                            "create policy everybody on calls for select to authenticated using (true)"));
            Said leak = doctor(server, "realtime");
            assertThat(leak.code()).isEqualTo(1);
            assertThat(leak.text())
                    .contains(
                            "an outsider gets no change of calls",
                            "it came; explain: it is shown by policy everybody",
                            "this row leaks");
            server.database().useHandle(handle -> handle.execute("drop policy everybody on calls"));

            // who hears nothing although all is well in its layers: what the stream did
            server.database()
                    .useHandle(handle -> handle.execute("create policy nobody on calls as restrictive for select to"
                            + " authenticated using (company_name is null)"));
            Said silent = doctor(server, "realtime");
            assertThat(silent.text())
                    .contains("a member gets change of calls", "explain: it ends at policies: ", "policy nobody)");
            server.database().useHandle(handle -> handle.execute("drop policy nobody on calls"));

            Said healed = doctor(server);
            assertThat(healed.code()).as(healed.text()).isZero();
            List<String> left = server.database()
                    .withHandle(handle -> handle.createQuery("select slug from organizations")
                            .mapTo(String.class)
                            .list());
            assertThat(left).as("what doctor made for itself is gone").isEmpty();
        }
    }

    private static void planted(TestServer server, String fault, String layer, String expected, String part) {
        server.database().useHandle(handle -> handle.execute(fault));

        Said said = doctor(server, part);

        assertThat(said.code()).as(said.text()).isEqualTo(1);
        assertThat(said.text()).contains("The first broken layer is " + layer + ": expected " + expected);
        server.database().useHandle(handle -> handle.execute(said.mend()));
        Said mended = doctor(server, part);
        assertThat(mended.code()).as(mended.text()).isZero();
    }

    @Test
    void F001_04_F001_28_findsALostSlotAndALostColumnWhileTheServerIsDown() {
        try (TestServer server = TestServer.start()) {
            server.stop();
            Path postgres = server.directory().resolve("postgres");
            String password = Secrets.loadOrCreate(server.directory().resolve("secrets.properties"), Instant.now())
                    .superuser();
            try (EmbeddedPostgres started = EmbeddedPostgres.start(postgres, password)) {
                Database database = started.database();
                Jdbi.create(database.url(), database.user(), database.password())
                        .useHandle(handle -> {
                            handle.execute("select pg_drop_replication_slot('switchboard')");
                            handle.execute("alter table organizations drop column settings");
                        });
            }

            Said said = doctor(server, "slot", "realtime");

            assertThat(said.code()).isEqualTo(1);
            assertThat(said.text())
                    .contains(
                            "The first broken layer is slot",
                            "realtime          BROKEN",
                            "cannot connect: nobody answers there",
                            "switchboard start");
            assertThat(said.mend()).isEqualTo("select pg_create_logical_replication_slot('switchboard', 'pgoutput');");
            var out = new ByteArrayOutputStream();
            int started = Main.run(
                    List.of(
                            "start",
                            "--port",
                            "0",
                            "--data-dir",
                            server.directory().toString()),
                    out,
                    out);
            assertThat(started).as("F001-04").isEqualTo(2);
            assertThat(out.toString(StandardCharsets.UTF_8))
                    .contains(
                            "The database lacks column public.organizations.settings",
                            "alter table public.organizations add column");
        }
    }
}
