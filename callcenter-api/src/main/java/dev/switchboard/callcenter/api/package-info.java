/**
 * The call centre over HTTP, {@code /api}. In: requests; out: commands, and answers or problem details; owns the table of endpoints and
 * its OpenAPI document.
 */
@NullMarked
package dev.switchboard.callcenter.api;

import org.jspecify.annotations.NullMarked;
