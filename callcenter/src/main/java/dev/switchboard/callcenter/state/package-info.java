/** States of calls and agents, and the ways between them: pure values, the same tables as in the database. */
@NullMarked
package dev.switchboard.callcenter.state;

import org.jspecify.annotations.NullMarked;
