/**
 * Policies that can be decided without PostgreSQL. In: a policy's expression as PostgreSQL deparses it; out: a condition over a row and
 * what the claims come to, or nothing where the expression is not understood wholly. Pure; owns the grammar.
 */
@NullMarked
package dev.switchboard.engine.postgres.policy;

import org.jspecify.annotations.NullMarked;
