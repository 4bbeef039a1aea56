package dev.switchboard.systemtest.calls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.server.command.Main;
import dev.switchboard.systemtest.harness.CallCentreWorld;
import dev.switchboard.telephony.fake.FakeTwilio;
import dev.switchboard.telephony.fake.Noise;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code switchboard twilio}, against a provider in this process. SPEC L19. */
class TwilioCommandTest extends ApiFixture {
    private static final String ACCOUNT = "AC" + "0a".repeat(16);

    private record Outcome(int code, String text) {}

    private static Outcome twilio(String... arguments) {
        var all = new ArrayList<>(List.of("twilio"));
        all.addAll(List.of(arguments));
        all.addAll(List.of("--data-dir", server.directory().toString()));
        var out = new ByteArrayOutputStream();
        int code = Main.run(all, out, out);
        return new Outcome(code, out.toString(StandardCharsets.UTF_8));
    }

    private static List<String> connect(CallCentreWorld world, Path token, String api, String... more) {
        String slug = world.one("select slug from organizations where id = ?", world.organization());
        var arguments = new ArrayList<>(List.of(
                "connect",
                "--org",
                slug,
                "--account-sid",
                ACCOUNT,
                "--token",
                "file:" + token,
                "--public-url",
                "https://calls.example.com/",
                "--number",
                world.number(),
                "--queue",
                "support",
                "--api-url",
                api));
        arguments.addAll(List.of(more));
        return arguments;
    }

    private static Outcome twilio(List<String> arguments) {
        return twilio(arguments.toArray(String[]::new));
    }

    @Test
    void L19_connectSaysWhatToSetAndSetsItWhereItIsAskedTo(@TempDir Path folder) throws IOException {
        CallCentreWorld world = world(1);
        String slug = world.one("select slug from organizations where id = ?", world.organization());
        Path token = Files.writeString(folder.resolve("token"), "12345\n");
        try (FakeTwilio provider = FakeTwilio.start(ACCOUNT, "12345", Noise.NONE, 1)) {
            provider.number(world.number(), "https://elsewhere.example.com/", "");
            assertThat(twilio("check", "--org", slug).text()).contains("No number of " + slug);

            Outcome said = twilio(connect(world, token, provider.url()));
            assertThat(said.code()).as(said.text()).isZero();
            assertThat(said.text())
                    .contains("POST https://calls.example.com/telephony/twilio/voice")
                    .contains("POST https://calls.example.com/telephony/twilio/status")
                    .contains("--api-key");
            Outcome elsewhere = twilio("check", "--org", slug);
            assertThat(elsewhere.code()).isEqualTo(1);
            assertThat(elsewhere.text()).contains("leads to https://elsewhere.example.com/");

            Outcome applied = twilio(connect(
                    world, token, provider.url(), "--apply", "--api-key", "SK1", "--api-key-secret", "file:" + token));
            assertThat(applied.code()).as(applied.text()).isZero();
            Outcome here = twilio("check", "--org", slug);
            assertThat(here.code() + " " + here.text()).isEqualTo("0 " + world.number() + " leads here\n");
            assertThat(world.one(
                            "select q.name || ' ' || a.account_sid || ' ' || a.api_key_sid from phone_numbers n join queues q on q.id = n.queue_id"
                                    + " join provider_accounts a on a.id = n.provider_account_id where n.e164 = ?",
                            world.number()))
                    .isEqualTo("support " + ACCOUNT + " SK1");
            assertThat(world.one("select secret_ref from provider_accounts where account_sid = ?", ACCOUNT))
                    .as("the secret itself is not stored")
                    .isEqualTo("file:" + token);

            CallCentreWorld other = world(1);
            assertThat(twilio(connect(other, token, provider.url())).text()).contains("is another organization's");
        }
    }

    @Test
    void L19_whatCannotBeConnectedSaysWhy(@TempDir Path folder) throws IOException {
        CallCentreWorld world = world(1);
        Path wrong = Files.writeString(folder.resolve("token"), "not the token");
        try (FakeTwilio provider = FakeTwilio.start(ACCOUNT, "12345", Noise.NONE, 1)) {
            assertThat(twilio(connect(world, folder.resolve("none"), provider.url()))
                            .text())
                    .contains("cannot be read by the server");
            Outcome refused = twilio(connect(world, wrong, provider.url(), "--apply"));
            assertThat(refused.code()).isNotZero();
            assertThat(refused.text()).contains("does not know this account with this token");
            Path right = Files.writeString(folder.resolve("right"), "12345");
            assertThat(twilio(connect(world, right, provider.url(), "--apply")).text())
                    .contains("has no number " + world.number());
        }
        List<String> unreachable = connect(world, wrong, "http://127.0.0.1:1", "--apply");
        assertThat(twilio(unreachable).text()).contains("could not be reached");
        unreachable.set(unreachable.indexOf(ACCOUNT), "AC1");
        assertThat(twilio(unreachable).text()).contains("AC1 is not AC and 32 hexadecimal digits");
        server.database()
                .useHandle(handle -> handle.execute("delete from provider_accounts where account_sid = ?", ACCOUNT));
    }
}
