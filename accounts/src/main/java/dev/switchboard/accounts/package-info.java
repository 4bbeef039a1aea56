/** Accounts, as Supabase's auth clients expect them: sign-up, sessions, links by e-mail, administration. */
@NullMarked
package dev.switchboard.accounts;

import org.jspecify.annotations.NullMarked;
