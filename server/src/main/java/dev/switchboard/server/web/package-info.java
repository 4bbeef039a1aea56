/** What browsers load: the console, its configuration, the packages for other front ends. */
@NullMarked
package dev.switchboard.server.web;

import org.jspecify.annotations.NullMarked;
