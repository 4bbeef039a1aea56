/** Outgoing webhooks: committed changes as signed HTTP messages, to whom and under whose rights the database says (SPEC WH). */
@NullMarked
package dev.switchboard.webhooks;

import org.jspecify.annotations.NullMarked;
