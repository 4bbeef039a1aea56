/**
 * Lines of Twilio: its messages come in as HTTP, calls are led by TwiML and its REST API. In reading order: {@code
 * TwilioAccount}, {@code TwilioUrls}, {@code Documents} (pure), {@code TwilioMessages}, {@code TwilioRoutes}, {@code
 * TwilioProvider}.
 */
@NullMarked
package dev.switchboard.telephony.twilio;

import org.jspecify.annotations.NullMarked;
