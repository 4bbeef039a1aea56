package dev.switchboard.server.command;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.server.config.SettingSources;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What the program says to wrong use, and where settings come from. */
@Timeout(60)
class CommandLineTest {
    @TempDir
    private Path directory;

    private final StringWriter err = new StringWriter();
    private final StringWriter out = new StringWriter();

    private int run(Map<String, String> environment, String... arguments) {
        CommandLine command = Main.commandLine(SettingSources.of(environment, arguments));
        command.setErr(new PrintWriter(err, true));
        command.setOut(new PrintWriter(out, true));
        return command.execute(arguments);
    }

    @Test
    void C1_aWrongValueNamesKeyValueAndWhatIsAllowed() {
        assertThat(run(Map.of(), "start", "--port", "99999")).isEqualTo(2);
        assertThat(err.toString()).contains("'--port'", "99999", "between 0 and 65535");
    }

    @Test
    void C1_aWrongValueOfTheEnvironmentNamesTheVariable() {
        assertThat(run(Map.of("SWITCHBOARD_PORT", "many"), "start")).isEqualTo(2);
        assertThat(err.toString()).contains("'--port'", "'many'", "SWITCHBOARD_PORT");
    }

    @Test
    void C2_flagsGoBeforeTheEnvironmentAndThatBeforeTheFile() throws Exception {
        Path file = Files.writeString(directory.resolve("s.properties"), "port = 1\nmax-channels = many\n");

        assertThat(run(Map.of("SWITCHBOARD_MAX_CHANNELS", "0"), "start", "--config", file.toString(), "--port", "3"))
                .isEqualTo(2);
        assertThat(err.toString()).contains("'--max-channels'", "0 is not between", "SWITCHBOARD_MAX_CHANNELS");
        assertThat(run(Map.of(), "start", "--config=" + file)).isEqualTo(2);
        assertThat(err.toString()).contains("'many'", "the key max-channels in " + file);
    }

    @Test
    void C3_aMisspeltKeyOfTheFileStopsTheStart() throws Exception {
        Path file = Files.writeString(directory.resolve("s.properties"), "prot = 1\n");

        assertThat(run(Map.of(), "start", "--config", file.toString())).isEqualTo(2);

        assertThat(err.toString()).contains("unknown key 'prot'", "known are", "port");
    }

    @Test
    void O1_whatDoesNotGoTogetherIsSaid() {
        assertThat(run(Map.of(), "start", "--demo", "--database-url", "postgresql://app:x@127.0.0.1/shop"))
                .isEqualTo(2);
        assertThat(err.toString()).contains("--demo", "not with --database-url");
        assertThat(run(Map.of(), "start", "--tls-key", "key.pem")).isEqualTo(2);
        assertThat(err.toString()).contains("--tls-certificate and --tls-key go together");
    }

    @Test
    void O1_aDatabaseThatIsNotThereIsNamedWithoutItsPassword() {
        assertThat(run(Map.of(), "prepare", "--database-url", "postgresql://app:geheim@127.0.0.1:1/shop"))
                .isEqualTo(1);
        assertThat(err.toString()).contains("cannot connect as app at jdbc:postgresql://127.0.0.1:1/shop");
        assertThat(err.toString()).doesNotContain("geheim");
    }

    @Test
    void C7_watchSaysWhatItDoesNotKnow() {
        assertThat(run(Map.of(), "watch", "calls", "--token", "x", "--event", "UPSERT"))
                .isEqualTo(2);
        assertThat(err.toString()).contains("UPSERT is none of *, INSERT, UPDATE, DELETE");
    }

    @Test
    void C4_everyCommandHasHelp() {
        assertThat(run(Map.of(), "--help")).isZero();
        assertThat(run(Map.of(), "start", "--help")).isZero();
        assertThat(run(Map.of(), "publish", "--help")).isZero();
        assertThat(run(Map.of(), "prepare", "--help")).isZero();
        assertThat(run(Map.of(), "watch", "--help")).isZero();
        assertThat(out.toString()).contains("--demo", "--port", "REPLICA IDENTITY FULL");
    }

    @Test
    void C5_publishWithoutAnInstallationSaysHowToMakeOne() {
        assertThat(run(
                        Map.of(),
                        "publish",
                        "t",
                        "--data-dir",
                        directory.resolve("none").toString()))
                .isEqualTo(2);
        assertThat(err.toString()).contains("there is no installation in", "switchboard start");
    }

    @Test
    void C6_secretsAreGeneratedOnceReadableByTheOwnerAloneAndNotInTheirText() throws Exception {
        Path file = directory.resolve("secrets.properties");

        var first = dev.switchboard.server.config.Secrets.loadOrCreate(file, Instant.EPOCH);
        var second = dev.switchboard.server.config.Secrets.loadOrCreate(file, Instant.now());

        assertThat(second).isEqualTo(first);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(first.toString()).doesNotContain(first.jwt());
    }
}
