/**
 * The call centre. In: commands, what providers and other programs report, and time; out: rows, and commands to the telephone provider;
 * owns the call centre's schema, each command in one transaction.
 */
@NullMarked
package dev.switchboard.callcenter;

import org.jspecify.annotations.NullMarked;
