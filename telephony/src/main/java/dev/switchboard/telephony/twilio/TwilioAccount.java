package dev.switchboard.telephony.twilio;

import java.util.Optional;
import java.util.UUID;

/**
 * An account at Twilio that carries numbers of an organization.
 *
 * @param sid        AC and 32 hexadecimal digits
 * @param token      what messages are signed with, both ways
 * @param publicBase where Twilio reaches this server, without a slash at the end
 * @param apiBase    where its API is, if not where the library says
 * @param key        what tokens of browsers' phones are signed with
 */
record TwilioAccount(
        UUID id,
        UUID organization,
        String sid,
        String token,
        String publicBase,
        Optional<String> apiBase,
        Optional<Key> key) {
    /** An API key. */
    record Key(String sid, String secret) {}

    TwilioUrls urls() {
        return new TwilioUrls(publicBase);
    }
}
