/** What may be done with calls, and what follows: values in, values out, no clock and no database. */
@NullMarked
package dev.switchboard.callcenter.command;

import org.jspecify.annotations.NullMarked;
