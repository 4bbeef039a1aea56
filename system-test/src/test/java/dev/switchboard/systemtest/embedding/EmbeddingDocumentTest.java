package dev.switchboard.systemtest.embedding;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.postgres.Preparation;
import dev.switchboard.junit.SwitchboardExtension;
import dev.switchboard.junit.TestDatabase;
import java.io.BufferedReader;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The program of docs/embedding.md: it compiles as it stands there, with the engine's artifacts alone, and prints. */
@Timeout(120)
@ExtendWith(SwitchboardExtension.class)
class EmbeddingDocumentTest {
    private static final Pattern PROGRAM =
            Pattern.compile("```java\n((?:(?!```).)*?class PrintChanges.*?)```", Pattern.DOTALL);

    /** What the engine's two artifacts bring along. */
    private static final Pattern ENGINE = Pattern.compile(
            ".*(/engine/target/|/engine-postgres/target/|switchboard-engine|jackson-core|jspecify|/postgresql-).*");

    @TempDir
    private Path directory;

    @Test
    void theEngineAlonePrintsTheChangesOfTwoTables(TestDatabase database) throws Exception {
        var preparation = new Preparation(database.database(), "supabase_realtime", "print_changes");
        preparation.lacks().forEach(preparation::mend);
        database.execute("""
                create table orders (id int primary key, owner uuid);
                create table lines (id int primary key, owner uuid);
                alter table orders enable row level security;
                alter table lines enable row level security;
                create policy own on orders for select using (owner = auth.uid());
                create policy own on lines for select using (owner = auth.uid());
                grant select on orders, lines to authenticated;
                alter publication supabase_realtime add table orders, lines""");
        String classpath = classpath();
        Matcher program = PROGRAM.matcher(Files.readString(Path.of("..", "docs", "embedding.md")));
        assertThat(program.find()).isTrue();
        Path source = Files.writeString(directory.resolve("PrintChanges.java"), program.group(1));
        int compiled = ToolProvider.getSystemJavaCompiler()
                .run(null, null, null, "-cp", classpath, "-d", directory.toString(), source.toString());
        assertThat(compiled).isZero();

        UUID ann = UUID.randomUUID();
        long start = System.nanoTime();
        Process running = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElseThrow(),
                        "-cp",
                        directory + File.pathSeparator + classpath,
                        "PrintChanges",
                        database.url(),
                        database.user(),
                        database.password(),
                        ann.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader said = running.inputReader()) {
            assertThat(said.readLine()).isEqualTo("listening");
            database.execute("insert into orders values (1, gen_random_uuid()), (2, '" + ann + "')");
            database.execute("insert into lines values (3, '" + ann + "')");

            assertThat(said.readLine()).contains("\"table\":\"orders\"", "\"id\":2");
            System.out.printf(
                    "From the program's start to its first change: %d ms%n", (System.nanoTime() - start) / 1_000_000);
            assertThat(said.readLine()).contains("\"table\":\"lines\"", "\"id\":3");
        } finally {
            running.destroyForcibly().waitFor();
        }
    }

    private static String classpath() {
        String all = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        return Arrays.stream(all.split(File.pathSeparator))
                .filter(path -> ENGINE.matcher(path).matches())
                .collect(Collectors.joining(File.pathSeparator));
    }
}
