/** Which subscriptions a change concerns. */
@NullMarked
package dev.switchboard.engine.route;

import org.jspecify.annotations.NullMarked;
