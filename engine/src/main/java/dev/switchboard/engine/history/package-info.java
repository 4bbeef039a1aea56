/** What the stream has brought lately, so that who was away is told what was missed: a ring of batches, fences, and their seal. */
@NullMarked
package dev.switchboard.engine.history;

import org.jspecify.annotations.NullMarked;
