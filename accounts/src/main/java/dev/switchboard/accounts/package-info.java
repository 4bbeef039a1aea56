/**
 * Accounts, {@code /auth/v1}, as Supabase's auth clients expect them. In: requests; out: sessions, users, e-mails; owns schema
 * {@code auth}: sign-up, sessions, links by e-mail, administration.
 */
@NullMarked
package dev.switchboard.accounts;

import org.jspecify.annotations.NullMarked;
