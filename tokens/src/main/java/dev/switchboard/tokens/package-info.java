/** Tokens: issued and verified. */
@NullMarked
package dev.switchboard.tokens;

import org.jspecify.annotations.NullMarked;
