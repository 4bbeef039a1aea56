/**
 * Switchboard in a Spring Boot application: in, its DataSource and properties {@code switchboard.*}; out, a server that lives with
 * the context, and changes for methods annotated with {@link dev.switchboard.spring.ChangeListener}; owns no state of its own.
 */
@NullMarked
package dev.switchboard.spring;

import org.jspecify.annotations.NullMarked;
