/** The schema as this version needs it, and what a database lacks of it. */
@NullMarked
package dev.switchboard.callcenter.schema;

import org.jspecify.annotations.NullMarked;
