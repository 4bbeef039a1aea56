package dev.switchboard.accounts;

import java.security.MessageDigest;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;

/**
 * What e-mails carry, and what a PKCE flow leaves behind. Each is good once, for a time; a number of six digits also only
 * for {@link #MOST_GUESSES} wrong guesses.
 */
final class OneTimeTokens {
    static final int MOST_GUESSES = 5;
    /** Of one address that is not confirmed, under way at the same time. */
    static final int MOST_SIGN_UPS = 5;
    /** How long a code that a link gave may wait to be exchanged. */
    private static final Duration CODE_LIFE = Duration.ofMinutes(5);

    private final Tokens tokens;
    private final Duration life;

    /** What it is for; the names are those of the wire. */
    enum Purpose {
        SIGNUP,
        INVITE,
        MAGICLINK,
        RECOVERY,
        /** Asks the new address. */
        EMAIL_CHANGE,
        /** Asks the address that is given up. */
        EMAIL_CHANGE_CURRENT,
        REAUTHENTICATION;

        String wire() {
            return name().toLowerCase(Locale.ROOT);
        }

        boolean changesEmail() {
            return this == EMAIL_CHANGE || this == EMAIL_CHANGE_CURRENT;
        }

        /** Of the names that clients send; {@code email} stands for whichever was sent last. */
        static Optional<Purpose> of(String wire) {
            return switch (wire) {
                case "signup" -> Optional.of(SIGNUP);
                case "invite" -> Optional.of(INVITE);
                case "magiclink", "email" -> Optional.of(MAGICLINK);
                case "recovery" -> Optional.of(RECOVERY);
                case "email_change", "email_change_new" -> Optional.of(EMAIL_CHANGE);
                case "email_change_current" -> Optional.of(EMAIL_CHANGE_CURRENT);
                default -> Optional.empty();
            };
        }
    }

    /** What becomes the user's when the token is redeemed: so that who cannot read the mail cannot set the password. */
    record Pending(String passwordHash, String metadata) {}

    /** PKCE's challenge, where the client sent one. */
    record Challenge(String value, String method) {}

    /**
     * What was issued.
     *
     * @param hashed what the link carries
     */
    record Issued(String hashed, String number) {}

    /** What was redeemed. */
    record Redeemed(
            UUID userId, Purpose purpose, String email, Optional<Challenge> challenge, Optional<Pending> pending) {}

    /**
     * What a code was exchanged for.
     *
     * @param fits whether the verifier belongs to the challenge
     */
    record Exchanged(UUID userId, String method, boolean fits) {}

    OneTimeTokens(Tokens tokens, Duration life) {
        this.tokens = tokens;
        this.life = life;
    }

    /**
     * A new one, in place of a former one for the same purpose. Only sign-ups stand beside each other, up to {@link
     * #MOST_SIGN_UPS}: each link brings the password of its own sign-up, and none where it was sent again while there are
     * several, of which nobody can say whose it was.
     */
    Issued issue(
            Handle handle,
            UUID userId,
            Purpose purpose,
            String email,
            Optional<Challenge> challenge,
            Optional<Pending> pending) {
        String number = tokens.nextNumber();
        String hashed = (challenge.isPresent() ? "pkce_" : "") + Tokens.hex(tokens.next());
        List<Integer> places = places(handle, userId, purpose);
        boolean again = pending.isEmpty() && places.size() == 1;
        int place = pending.isPresent() ? freePlace(places) : again ? places.getFirst() : 0;
        handle.createUpdate("""
                        insert into auth.one_time_tokens (user_id, purpose, place, token_hash, otp_hash, email, encrypted_password, user_meta_data, code_challenge, code_challenge_method)
                        values (:user, :purpose, :place, :hash, :otp, :email, :password, :metadata::jsonb, :challenge, :method)
                        on conflict (user_id, purpose, place) do update set token_hash = excluded.token_hash, otp_hash = excluded.otp_hash,
                          email = excluded.email,
                          encrypted_password = case when :again then auth.one_time_tokens.encrypted_password else excluded.encrypted_password end,
                          user_meta_data = case when :again then auth.one_time_tokens.user_meta_data else excluded.user_meta_data end, code_challenge = excluded.code_challenge,
                          code_challenge_method = excluded.code_challenge_method, wrong_guesses = 0, created_at = now()""")
                .bind("user", userId)
                .bind("purpose", purpose.wire())
                .bind("place", place)
                .bind("again", again)
                .bind("hash", Tokens.hex(hashed))
                .bind("otp", Tokens.hash(email + number))
                .bind("email", email)
                .bind("password", pending.map(Pending::passwordHash).orElse(null))
                .bind("metadata", pending.map(Pending::metadata).orElse(null))
                .bind("challenge", challenge.map(Challenge::value).orElse(null))
                .bind("method", challenge.map(Challenge::method).orElse(null))
                .execute();
        return new Issued(hashed, number);
    }

    /** Of those under way, the newest first. */
    private static List<Integer> places(Handle handle, UUID userId, Purpose purpose) {
        return handle.createQuery("""
                        select place from auth.one_time_tokens where user_id = :user and purpose = :purpose order by created_at desc""")
                .bind("user", userId)
                .bind("purpose", purpose.wire())
                .mapTo(Integer.class)
                .list();
    }

    /** The oldest goes where there is no other. */
    private static int freePlace(List<Integer> taken) {
        return IntStream.range(0, MOST_SIGN_UPS)
                .filter(place -> !taken.contains(place))
                .findFirst()
                .orElseGet(taken::getLast);
    }

    /** Whether one for that purpose was issued less than a minute ago. */
    static boolean issuedJustNow(Handle handle, UUID userId, Purpose purpose) {
        return handle.createQuery("""
                        select exists (select from auth.one_time_tokens where user_id = :user and purpose = :purpose
                                         and created_at > now() - interval '60 seconds')""")
                .bind("user", userId)
                .bind("purpose", purpose.wire())
                .mapTo(Boolean.class)
                .one();
    }

    /** By what the link carries. */
    Optional<Redeemed> redeem(Handle handle, String hashed, Purpose purpose) {
        return handle.createQuery("""
                        delete from auth.one_time_tokens
                         where token_hash = :hash and purpose = any (:purposes)
                        returning user_id, purpose, email, code_challenge, code_challenge_method,
                                  encrypted_password, user_meta_data::text as user_meta_data, created_at > now() - :life * interval '1 second' as alive""")
                .bind("hash", Tokens.hex(hashed))
                .bind("purposes", purposes(purpose))
                .bind("life", life.toSeconds())
                .map((row, _) -> row.getBoolean("alive") ? Optional.of(redeemed(row)) : Optional.<Redeemed>empty())
                .findOne()
                .flatMap(found -> found);
    }

    private static Redeemed redeemed(ResultSet row) throws SQLException {
        String challenge = row.getString("code_challenge");
        return new Redeemed(
                row.getObject("user_id", UUID.class),
                Purpose.valueOf(row.getString("purpose").toUpperCase(Locale.ROOT)),
                row.getString("email"),
                challenge == null
                        ? Optional.empty()
                        : Optional.of(new Challenge(challenge, row.getString("code_challenge_method"))),
                pending(row));
    }

    private static Optional<Pending> pending(ResultSet row) throws SQLException {
        String hash = row.getString("encrypted_password");
        return hash == null ? Optional.empty() : Optional.of(new Pending(hash, row.getString("user_meta_data")));
    }

    /**
     * {@code email} may also be what a sign-up sent, and {@code email_change} what went to either address: which of both the
     * user has in hand, the client does not know.
     */
    private static String[] purposes(Purpose purpose) {
        if (purpose.changesEmail()) {
            return new String[] {"email_change", "email_change_current"};
        }
        return purpose == Purpose.MAGICLINK || purpose == Purpose.SIGNUP
                ? new String[] {"magiclink", "signup"}
                : new String[] {purpose.wire()};
    }

    /** By the number that the user typed. A wrong one counts: let the transaction commit. */
    Optional<Redeemed> redeem(Handle handle, UUID userId, String email, String number, Purpose purpose) {
        var candidates = handle.createQuery("""
                        select purpose, otp_hash, encrypted_password, user_meta_data::text as user_meta_data from auth.one_time_tokens
                         where user_id = :user and purpose = any (:purposes) and wrong_guesses < :most
                           and created_at > now() - :life * interval '1 second' for update""")
                .bind("user", userId)
                .bind("purposes", purposes(purpose))
                .bind("most", MOST_GUESSES)
                .bind("life", life.toSeconds())
                .map((row, _) -> new Candidate(row.getString("purpose"), row.getBytes("otp_hash"), pending(row)))
                .list();
        byte[] hash = Tokens.hash(email + number);
        for (Candidate candidate : candidates) {
            if (MessageDigest.isEqual(candidate.hash(), hash)) {
                Purpose found = Purpose.valueOf(candidate.purpose().toUpperCase(Locale.ROOT));
                revoke(handle, userId, found);
                return Optional.of(new Redeemed(userId, found, email, Optional.empty(), candidate.pending()));
            }
        }
        handle.createUpdate("""
                        update auth.one_time_tokens set wrong_guesses = wrong_guesses + 1
                         where user_id = :user and purpose = any (:purposes)""")
                .bind("user", userId)
                .bind("purposes", purposes(purpose))
                .execute();
        return Optional.empty();
    }

    private record Candidate(String purpose, byte[] hash, Optional<Pending> pending) {}

    /** Those for one purpose are of no use any more. */
    static void revoke(Handle handle, UUID userId, Purpose purpose) {
        handle.createUpdate("delete from auth.one_time_tokens where user_id = :user and purpose = :purpose")
                .bind("user", userId)
                .bind("purpose", purpose.wire())
                .execute();
    }

    /** What is under way ends: links and codes of somebody whose password or address changes. */
    static void revokeAll(Handle handle, UUID userId) {
        for (String table : List.of("one_time_tokens", "flow_states")) {
            handle.createUpdate("delete from auth." + table + " where user_id = :user")
                    .bind("user", userId)
                    .execute();
        }
    }

    /** A code that the browser which began the flow can exchange. */
    String leaveCode(Handle handle, UUID userId, Challenge challenge, String method) {
        String code = UUID.randomUUID().toString();
        handle.createUpdate("""
                        insert into auth.flow_states (code_hash, user_id, code_challenge, code_challenge_method, method)
                        values (:hash, :user, :challenge, :challengeMethod, :method)""")
                .bind("hash", Tokens.hash(code))
                .bind("user", userId)
                .bind("challenge", challenge.value())
                .bind("challengeMethod", challenge.method())
                .bind("method", method)
                .execute();
        return code;
    }

    /** Exchanges a code, which is gone then, also where the verifier is wrong: let the transaction commit. */
    static Optional<Exchanged> exchange(Handle handle, String code, String verifier) {
        return handle
                .createQuery("""
                        delete from auth.flow_states where code_hash = :hash or created_at < now() - :life * interval '1 second'
                        returning code_hash = :hash and created_at >= now() - :life * interval '1 second' as alive,
                                  user_id, code_challenge, code_challenge_method, method""")
                .bind("hash", Tokens.hash(code))
                .bind("life", CODE_LIFE.toSeconds())
                .map((row, _) -> row.getBoolean("alive")
                        ? Optional.of(new Exchanged(
                                row.getObject("user_id", UUID.class),
                                row.getString("method"),
                                Tokens.fits(
                                        verifier,
                                        row.getString("code_challenge"),
                                        row.getString("code_challenge_method"))))
                        : Optional.<Exchanged>empty())
                .list()
                .stream()
                .flatMap(Optional::stream)
                .findFirst();
    }
}
