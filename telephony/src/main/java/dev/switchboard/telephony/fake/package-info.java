/**
 * A telephone provider of our own that behaves as Twilio does: it places calls, rings devices, carries TwiML out, answers
 * the REST calls that the official library makes, and sends messages signed for real. For tests, the demo and simulations.
 */
@NullMarked
package dev.switchboard.telephony.fake;

import org.jspecify.annotations.NullMarked;
