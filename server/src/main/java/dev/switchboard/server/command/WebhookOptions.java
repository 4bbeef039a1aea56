package dev.switchboard.server.command;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.webhooks.WebhookSettings;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Options of {@code start} about outgoing webhooks. */
final class WebhookOptions {
    @Option(names = "--no-webhooks", description = "Without outgoing webhooks.")
    private boolean noWebhooks;

    @Option(
            names = "--webhooks-to-private-addresses",
            description = "Receivers may be in private networks and on this machine, and may be spoken to without TLS.")
    private boolean privateAddresses;

    @Option(
            names = "--webhook-retries",
            split = ",",
            description =
                    "Seconds before a message is sent again, each time that it was not taken; then it has failed.",
            defaultValue = "5,30,120,600,1800,7200,18000,36000,36000")
    private List<Integer> retries = List.of();

    @Option(
            names = "--webhook-timeout-seconds",
            description = "How long a receiver has to answer.",
            defaultValue = "15")
    private int timeoutSeconds;

    Optional<WebhookSettings> settings() {
        if (timeoutSeconds < 1 || timeoutSeconds > 120) {
            throw new InvalidSettingException("Invalid value for option '--webhook-timeout-seconds': " + timeoutSeconds
                    + " is not between 1 and 120");
        }
        return noWebhooks
                ? Optional.empty()
                : Optional.of(new WebhookSettings(
                        privateAddresses,
                        retries.stream().map(Duration::ofSeconds).toList(),
                        Duration.ofSeconds(timeoutSeconds)));
    }
}
