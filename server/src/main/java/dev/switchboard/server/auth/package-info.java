/** Tokens: issued and verified. */
@NullMarked
package dev.switchboard.server.auth;

import org.jspecify.annotations.NullMarked;
