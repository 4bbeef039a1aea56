/** What telephone providers have in common beyond the call centre's port: where secrets are. */
@NullMarked
package dev.switchboard.telephony;

import org.jspecify.annotations.NullMarked;
