/** Health, readiness, metrics. */
@NullMarked
package dev.switchboard.http;

import org.jspecify.annotations.NullMarked;
