/** Health, readiness, metrics. */
@NullMarked
package dev.switchboard.server.http;

import org.jspecify.annotations.NullMarked;
