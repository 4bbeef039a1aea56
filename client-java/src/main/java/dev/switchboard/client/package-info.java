/**
 * A Java client. In: a server's URL and tokens; out: changes, broadcasts and presence of channels that keep themselves up, of a
 * Switchboard server or of a Supabase one; owns one socket and its thread.
 */
@NullMarked
package dev.switchboard.client;

import org.jspecify.annotations.NullMarked;
