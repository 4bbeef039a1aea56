package dev.switchboard.server.command;

import dev.switchboard.callcenter.Organizations;
import dev.switchboard.callcenter.Organizations.NotPossibleException;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.telephony.SecretReference;
import dev.switchboard.telephony.twilio.TwilioSetup;
import dev.switchboard.telephony.twilio.TwilioSetup.NotConnectedException;
import dev.switchboard.telephony.twilio.TwilioSetup.Wish;
import java.io.PrintWriter;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BiConsumer;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code switchboard twilio connect|check}, beside a running server or alone. */
@Command(
        name = "twilio",
        description = "Connects an organization's numbers with Twilio; beside a running server or alone.",
        mixinStandardHelpOptions = true)
final class TwilioCommand implements Runnable {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what to do: connect or check");
    }

    @Command(
            name = "connect",
            description = "Writes an account and a number of it down, and says what to set at Twilio.",
            mixinStandardHelpOptions = true)
    void connect(
            @Option(names = "--account-sid", description = "AC and 32 hexadecimal digits.", required = true)
                    String account,
            @Option(
                            names = "--token",
                            description = "Where the account's token is, when the server runs: env:NAME or file:/path.",
                            required = true)
                    String token,
            @Option(
                            names = "--public-url",
                            description = "Where Twilio reaches this server, as https://calls.example.com.",
                            required = true)
                    String publicUrl,
            @Option(names = "--number", description = "A number of the account, as +14155550100.", required = true)
                    String number,
            @Option(names = "--queue", description = "Where its calls wait.") @Nullable String queue,
            @Option(names = "--api-key", description = "SK...: signs the tokens of phones in browsers.") @Nullable
                    String key,
            @Option(names = "--api-key-secret", description = "Where its secret is: env:NAME or file:/path.") @Nullable
                    String keySecret,
            @Option(names = "--api-url", description = "Where Twilio's API is, if not at https://api.twilio.com.")
                    @Nullable
                    String apiUrl,
            @Option(names = "--apply", description = "Sets the number's addresses at Twilio too.") boolean apply,
            @Mixin OrganizationCommands.InOrganization in,
            @Mixin InstallationOption installation) {
        checked("--account-sid", account, "AC[0-9a-f]{32}", "is not AC and 32 hexadecimal digits");
        checked("--number", number, "\\+[1-9][0-9]{6,14}", "is not of the form +14155550100");
        checked("--public-url", publicUrl, "https?://[^?#]+", "is no URL");
        if ((key == null) != (keySecret == null)) {
            throw new InvalidSettingException("--api-key and --api-key-secret come together");
        }
        with(installation, (organizations, setup) -> {
            UUID organization = organizations.bySlug(in.slug());
            var wish = new Wish(
                    organization,
                    account,
                    token,
                    publicUrl,
                    Optional.ofNullable(apiUrl),
                    Optional.ofNullable(key).map(sid -> new Wish.Key(sid, String.valueOf(keySecret))),
                    number,
                    Optional.ofNullable(queue).map(name -> organizations.queue(organization, name)));
            TwilioSetup.Addresses addresses = setup.connect(wish);
            PrintWriter out = spec.commandLine().getOut();
            if (apply) {
                setup.apply(wish);
                out.println(number + " leads here: " + addresses.voice());
            } else {
                out.println("Set at Twilio, for " + number + " (or run this again with --apply):");
                out.println("  A call comes in:      POST " + addresses.voice());
                out.println("  Call status changes:  POST " + addresses.status());
            }
            if (key == null) {
                out.println("Phones in browsers need --api-key and --api-key-secret as well.");
            }
            out.flush();
        });
    }

    @Command(
            name = "check",
            description =
                    "Asks Twilio where the organization's numbers lead; exit code 1 where one does not lead here.",
            mixinStandardHelpOptions = true)
    int check(@Mixin OrganizationCommands.InOrganization in, @Mixin InstallationOption installation) {
        var wrong = new boolean[1];
        with(installation, (organizations, setup) -> {
            PrintWriter out = spec.commandLine().getOut();
            List<TwilioSetup.Found> found = setup.check(organizations.bySlug(in.slug()));
            if (found.isEmpty()) {
                out.println(
                        "No number of " + in.slug() + " is carried by Twilio; switchboard twilio connect does that");
            }
            for (TwilioSetup.Found one : found) {
                String how = one.leadsHere()
                        ? "leads here"
                        : one.addresses()
                                .map(addresses -> "leads to " + addresses.voice() + " (status: " + addresses.status()
                                        + "); run connect with --apply")
                                .orElse("is not a number of the account");
                out.println(one.number() + " " + how);
            }
            wrong[0] = found.stream().anyMatch(one -> !one.leadsHere());
            out.flush();
        });
        return wrong[0] ? 1 : 0;
    }

    private static void checked(String option, String value, String pattern, String otherwise) {
        if (!value.matches(pattern)) {
            throw new InvalidSettingException("Invalid value for option '" + option + "': " + value + " " + otherwise);
        }
    }

    private static void with(InstallationOption installation, BiConsumer<Organizations, TwilioSetup> work) {
        installation.withDatabase(database -> {
            Jdbi jdbi = Jdbi.create(database.url(), database.user(), database.password());
            try {
                work.accept(new Organizations(jdbi), new TwilioSetup(jdbi, new SecretReference(System::getenv)));
            } catch (NotPossibleException | NotConnectedException impossible) {
                throw new InvalidSettingException(String.valueOf(impossible.getMessage()));
            }
            return true;
        });
    }
}
