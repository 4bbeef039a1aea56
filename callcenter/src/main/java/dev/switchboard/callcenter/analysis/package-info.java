/** What calls were like, found out of what was said (SPEC L27). */
@NullMarked
package dev.switchboard.callcenter.analysis;

import org.jspecify.annotations.NullMarked;
