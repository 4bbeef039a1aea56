/**
 * The one port. In: connections of clients; out: requests as values for the parts' handlers, and their answers; owns limits, deadlines,
 * CORS, TLS, health and the registry of metrics. Knows no other part.
 */
@NullMarked
package dev.switchboard.http;

import org.jspecify.annotations.NullMarked;
