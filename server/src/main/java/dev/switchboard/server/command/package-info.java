/** The command line: every command of {@code switchboard}. */
@NullMarked
package dev.switchboard.server.command;

import org.jspecify.annotations.NullMarked;
