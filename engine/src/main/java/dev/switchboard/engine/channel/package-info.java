/** Connections and channels: join, leave, tokens; rooms: broadcast, presence. */
@NullMarked
package dev.switchboard.engine.channel;

import org.jspecify.annotations.NullMarked;
