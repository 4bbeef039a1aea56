/** Rules over figures: pure decisions, and the thread that looks at them. */
@NullMarked
package dev.switchboard.callcenter.alert;

import org.jspecify.annotations.NullMarked;
