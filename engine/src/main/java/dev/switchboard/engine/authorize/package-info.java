/** Which of them may see it, decided by the table's own policies. */
@NullMarked
package dev.switchboard.engine.authorize;

import org.jspecify.annotations.NullMarked;
