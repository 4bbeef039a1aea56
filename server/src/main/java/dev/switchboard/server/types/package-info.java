/** A database's tables, views, functions and enums as TypeScript types. */
@NullMarked
package dev.switchboard.server.types;

import org.jspecify.annotations.NullMarked;
