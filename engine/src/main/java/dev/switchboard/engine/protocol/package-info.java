/** Phoenix channel messages of both wire versions, and every code that a client can see. */
@NullMarked
package dev.switchboard.engine.protocol;

import org.jspecify.annotations.NullMarked;
