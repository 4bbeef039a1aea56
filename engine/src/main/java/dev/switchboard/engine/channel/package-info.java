/** Connections and channels: join, leave, tokens. */
@NullMarked
package dev.switchboard.engine.channel;

import org.jspecify.annotations.NullMarked;
