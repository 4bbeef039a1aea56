/** Channels of a Switchboard server, or of a Supabase one, from Java: changes, broadcast, presence. */
@NullMarked
package dev.switchboard.client;

import org.jspecify.annotations.NullMarked;
