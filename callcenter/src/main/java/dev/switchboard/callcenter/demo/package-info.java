/** Demonstration: two organizations and calls that come and go. */
@NullMarked
package dev.switchboard.callcenter.demo;

import org.jspecify.annotations.NullMarked;
