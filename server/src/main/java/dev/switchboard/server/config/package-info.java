/** Settings from flags, environment and file, and the secrets that are generated once. */
@NullMarked
package dev.switchboard.server.config;

import org.jspecify.annotations.NullMarked;
