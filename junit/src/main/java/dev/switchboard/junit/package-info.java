/**
 * Tests on a real PostgreSQL: in, a test class; out, a database of its own and, where it is asked for, a server on it; owns the
 * PostgreSQL that all classes of a JVM share.
 */
@NullMarked
package dev.switchboard.junit;

import org.jspecify.annotations.NullMarked;
