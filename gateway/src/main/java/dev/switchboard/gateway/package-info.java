/**
 * WebSockets, and broadcast over HTTP. In: upgrades and frames of clients, the engine's deliveries; out: messages for the engine's
 * connections, and bytes; owns event loops' shards, their bounds and their counters.
 */
@NullMarked
package dev.switchboard.gateway;

import org.jspecify.annotations.NullMarked;
