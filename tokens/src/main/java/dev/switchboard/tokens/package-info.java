/**
 * Tokens. In: a token; out: who it speaks for, or why it is not believed; owns the ring of signing keys and what is known of foreign
 * issuers.
 */
@NullMarked
package dev.switchboard.tokens;

import org.jspecify.annotations.NullMarked;
