/** The call centre: commands on calls and agents, each in one transaction; what runs by time; what comes from outside. */
@NullMarked
package dev.switchboard.callcenter;

import org.jspecify.annotations.NullMarked;
