package dev.switchboard.webhooks;

import dev.switchboard.engine.InvalidSettingException;
import java.time.Duration;
import java.util.List;

/**
 * How messages go out.
 *
 * @param privateAddresses whether receivers may be in private networks or on this machine, and may be spoken to without TLS
 * @param retries          the pauses before the second attempt, the third, and so on; after the last one a message has failed
 * @param timeout          for one attempt
 */
public record WebhookSettings(boolean privateAddresses, List<Duration> retries, Duration timeout) {
    private static final int MOST_RETRIES = 50;

    public WebhookSettings {
        retries = List.copyOf(retries);
        if (retries.size() > MOST_RETRIES || retries.stream().anyMatch(pause -> pause.compareTo(Duration.ZERO) <= 0)) {
            throw new InvalidSettingException("the retries of webhooks are at most " + MOST_RETRIES
                    + " pauses, each longer than nothing: " + retries);
        }
    }

    /** To public addresses over HTTPS; nine retries over about 28 hours; 15 s an attempt. */
    public static WebhookSettings defaults() {
        return new WebhookSettings(
                false,
                List.of(
                        Duration.ofSeconds(5),
                        Duration.ofSeconds(30),
                        Duration.ofMinutes(2),
                        Duration.ofMinutes(10),
                        Duration.ofMinutes(30),
                        Duration.ofHours(2),
                        Duration.ofHours(5),
                        Duration.ofHours(10),
                        Duration.ofHours(10)),
                Duration.ofSeconds(15));
    }
}
