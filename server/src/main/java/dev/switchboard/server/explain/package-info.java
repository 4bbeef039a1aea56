/**
 * {@code /realtime/v1/explain}. In: who asks, about whom and what; out: steps that a change, or a request, passes; owns the putting
 * together of what the database and the running engine know.
 */
@NullMarked
package dev.switchboard.server.explain;

import org.jspecify.annotations.NullMarked;
