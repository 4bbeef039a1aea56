/** The way to telephone providers: a port, and the outbox that reaches it. */
@NullMarked
package dev.switchboard.callcenter.telephony;

import org.jspecify.annotations.NullMarked;
