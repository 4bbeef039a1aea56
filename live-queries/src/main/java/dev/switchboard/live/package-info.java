/** Queries whose answers are kept for channels, and told as they change (SPEC I). */
@NullMarked
package dev.switchboard.live;

import org.jspecify.annotations.NullMarked;
