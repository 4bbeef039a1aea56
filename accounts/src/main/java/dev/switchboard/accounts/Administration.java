package dev.switchboard.accounts;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What who holds the service key does with everybody's accounts. Blocking; thread-safe. */
final class Administration {
    private static final int MOST_PER_PAGE = 1000;
    private static final long YEARS_OF_FOREVER = 200;

    private final Jdbi jdbi;
    private final InstantSource clock;
    private final Passwords passwords;
    private final OneTimeTokens oneTimeTokens;
    private final Links links;
    private final MailedLinks mails;
    private final EmailChanges emailChanges;

    /**
     * A page of users.
     *
     * @param total of all pages
     */
    record Page(List<ObjectNode> users, long total, int number, int size) {}

    Administration(Parts parts) {
        jdbi = parts.jdbi();
        clock = parts.clock();
        passwords = parts.passwords();
        oneTimeTokens = parts.oneTimeTokens();
        links = parts.links();
        mails = parts.mails();
        emailChanges = parts.emailChanges();
    }

    Page users(int number, int size) {
        if (number < 1 || size < 1) {
            throw Accounts.invalid("page and per_page start at 1");
        }
        int limit = Math.min(size, MOST_PER_PAGE);
        return jdbi.withHandle(handle -> new Page(
                Users.page(handle, (number - 1L) * limit, limit).stream()
                        .map(User::json)
                        .toList(),
                Users.count(handle),
                number,
                limit));
    }

    ObjectNode user(UUID id) {
        return jdbi.withHandle(handle -> existing(handle, id).json());
    }

    private static User existing(Handle handle, UUID id) {
        return Users.find(handle, id).orElseThrow(() -> new AccountException(AccountError.NO_SUCH_USER));
    }

    ObjectNode create(JsonNode wish, Origin origin) {
        Optional<String> email = text(wish, "email").map(Users::normalize);
        Optional<String> phone = text(wish, "phone");
        if (email.isEmpty() && phone.isEmpty()) {
            throw Accounts.invalid("Cannot create a user without either an email or phone");
        }
        Optional<String> hash = text(wish, "password_hash")
                .or(() -> text(wish, "password").map(password -> {
                    passwords.check(password);
                    return passwords.hash(password);
                }));
        var user = new Users.New(
                text(wish, "id").map(Administration::uuid),
                email,
                phone,
                hash,
                object(wish, "user_metadata").map(ObjectNode::toString).orElse("{}"),
                object(wish, "app_metadata").map(ObjectNode::toString).orElse("{}"),
                text(wish, "role"),
                confirms(wish, "email", email.isPresent()),
                confirms(wish, "phone", phone.isPresent()),
                false,
                false);
        return jdbi.inTransaction(handle -> {
            User created =
                    Users.insert(handle, user).orElseThrow(() -> new AccountException(AccountError.EMAIL_EXISTS));
            text(wish, "ban_duration").ifPresent(duration -> ban(handle, created.id(), duration));
            AuditLog.write(handle, AuditLog.Entry.byAdministrator("user_created", created.id()), origin);
            return Users.get(handle, created.id()).json();
        });
    }

    ObjectNode update(UUID id, JsonNode wish, Origin origin) {
        Optional<String> hash = text(wish, "password").map(password -> {
            passwords.check(password);
            return passwords.hash(password);
        });
        return jdbi.inTransaction(handle -> {
            User before = existing(handle, id);
            Users.lock(handle, id);
            text(wish, "email").map(Users::normalize).ifPresent(email -> {
                Users.setEmail(handle, id, email, false);
                Sessions.endAll(handle, id);
                mails.tellFormer(handle, before, email);
            });
            text(wish, "phone").ifPresent(phone -> Users.setPhone(handle, id, phone));
            text(wish, "role").ifPresent(role -> Users.setRole(handle, id, role));
            hash.ifPresent(fresh -> {
                Users.setPassword(handle, id, fresh);
                Sessions.endAll(handle, id);
            });
            User now = Users.get(handle, id);
            if (confirms(wish, "email", now.email().isPresent())) {
                Users.confirm(handle, id);
            }
            if (confirms(wish, "phone", !now.json().path("phone").asString("").isEmpty())) {
                Users.confirmPhone(handle, id);
            }
            object(wish, "user_metadata").ifPresent(data -> Users.mergeMetadata(handle, id, data));
            object(wish, "app_metadata").ifPresent(data -> Users.mergeAppMetadata(handle, id, data));
            text(wish, "ban_duration").ifPresent(duration -> ban(handle, id, duration));
            AuditLog.write(handle, AuditLog.Entry.byAdministrator("user_modified", id), origin);
            return Users.get(handle, id).json();
        });
    }

    /** What there is not is not confirmed: a user without either could never sign in. */
    private static boolean confirms(JsonNode wish, String what, boolean present) {
        boolean confirms = wish.path(what + "_confirm").asBoolean(false);
        if (confirms && !present) {
            throw Accounts.invalid(what + "_confirm confirms the user's " + what + ", and the user has none; send '"
                    + what + "' with it");
        }
        return confirms;
    }

    private void ban(Handle handle, UUID id, String duration) {
        Optional<Instant> until = duration.equals("none") ? Optional.empty() : Optional.of(end(duration));
        Users.ban(handle, id, until);
        if (until.isPresent()) {
            Sessions.endAll(handle, id);
        }
    }

    /** A duration as Go writes it: 24h, 1h30m, 300ms. */
    private Instant end(String duration) {
        var matcher = java.util.regex.Pattern.compile("(\\d{1,9})(h|ms|m|s)").matcher(duration);
        Duration sum = Duration.ZERO;
        int read = 0;
        while (matcher.find() && matcher.start() == read) {
            long amount = Long.parseLong(matcher.group(1));
            sum = switch (matcher.group(2)) {
                case "h" -> sum.plusHours(amount);
                case "m" -> sum.plusMinutes(amount);
                case "s" -> sum.plusSeconds(amount);
                default -> sum.plusMillis(amount);
            };
            read = matcher.end();
        }
        if (read == 0 || read != duration.length()) {
            throw Accounts.invalid("invalid format for ban duration: '" + duration + "'; use none, or for example 24h");
        }
        Duration longest = Duration.ofDays(365 * YEARS_OF_FOREVER);
        return clock.instant().plus(sum.compareTo(longest) > 0 ? longest : sum);
    }

    /** @param softly leaves an empty row, so that references to the user hold */
    void delete(UUID id, boolean softly, Origin origin) {
        jdbi.useTransaction(handle -> {
            existing(handle, id);
            if (softly) {
                Users.deleteSoftly(handle, id);
            } else {
                Users.delete(handle, id);
            }
            AuditLog.write(handle, AuditLog.Entry.byAdministrator("user_deleted", id), origin);
        });
    }

    /** Sends somebody a link to a new account. */
    ObjectNode invite(JsonNode wish, Optional<String> redirect, Origin origin) {
        mails.require();
        return jdbi.inTransaction(handle -> {
            User user = invited(handle, wish, origin);
            mails.send(
                    handle,
                    user,
                    OneTimeTokens.Purpose.INVITE,
                    user.email().orElseThrow(),
                    new MailedLinks.Along(Optional.empty(), redirect));
            return Users.get(handle, user.id()).json();
        });
    }

    private static User invited(Handle handle, JsonNode wish, Origin origin) {
        String email = Users.normalize(
                text(wish, "email").orElseThrow(() -> Accounts.invalid("An email address is required")));
        Optional<User> existing = Users.byEmail(handle, email);
        if (existing.filter(User::confirmed).isPresent()) {
            throw new AccountException(AccountError.EMAIL_EXISTS);
        }
        User user = existing.orElseGet(() -> insert(handle, email, Optional.empty(), wish));
        Users.lock(handle, user.id());
        Users.invited(handle, user.id());
        AuditLog.write(handle, AuditLog.Entry.byAdministrator("user_invited", user.id()), origin);
        return user;
    }

    private static User insert(Handle handle, String email, Optional<String> hash, JsonNode wish) {
        ObjectNode data =
                object(wish, "data").orElseGet(() -> JsonMapper.shared().createObjectNode());
        var user = new Users.New(
                Optional.empty(),
                Optional.of(email),
                Optional.empty(),
                hash,
                data.toString(),
                "{}",
                Optional.empty(),
                false,
                false,
                false,
                false);
        return Users.insert(handle, user).orElseThrow(() -> new AccountException(AccountError.EMAIL_EXISTS));
    }

    /** The link that an e-mail would carry, for one's own mail; nothing is sent. */
    ObjectNode generateLink(JsonNode wish, Optional<String> redirect, Origin origin) {
        String type = text(wish, "type").orElse("");
        OneTimeTokens.Purpose purpose = OneTimeTokens.Purpose.of(type)
                .orElseThrow(
                        () -> Accounts.invalid("type must be signup, invite, magiclink, recovery, email_change_current"
                                + " or email_change_new, and is '" + type + "'"));
        String email = Users.normalize(
                text(wish, "email").orElseThrow(() -> Accounts.invalid("An email address is required")));
        Optional<String> hash = text(wish, "password").map(password -> {
            passwords.check(password);
            return passwords.hash(password);
        });
        return jdbi.inTransaction(handle -> {
            User user = subject(handle, purpose, email, hash, wish, origin);
            Users.lock(handle, user.id());
            Optional<OneTimeTokens.Pending> pending = hash.filter(_ -> purpose == OneTimeTokens.Purpose.SIGNUP)
                    .map(own -> new OneTimeTokens.Pending(
                            own, object(wish, "data").map(ObjectNode::toString).orElse("{}")));
            String newEmail = purpose.changesEmail() ? newEmail(handle, user, wish) : "";
            String address = purpose == OneTimeTokens.Purpose.EMAIL_CHANGE
                    ? newEmail
                    : user.email().orElseThrow();
            OneTimeTokens.Issued issued =
                    oneTimeTokens.issue(handle, user.id(), purpose, address, Optional.empty(), pending);
            AuditLog.write(handle, AuditLog.Entry.byAdministrator("link_generated", user.id()), origin);
            ObjectNode answer = Users.get(handle, user.id()).json();
            answer.put("action_link", links.verification(issued, purpose, redirect))
                    .put("email_otp", issued.number())
                    .put("hashed_token", issued.hashed())
                    .put("verification_type", type)
                    .put("redirect_to", links.destination(redirect));
            return answer;
        });
    }

    private static User subject(
            Handle handle,
            OneTimeTokens.Purpose purpose,
            String email,
            Optional<String> hash,
            JsonNode wish,
            Origin origin) {
        Optional<User> existing = Users.byEmail(handle, email);
        return switch (purpose) {
            case INVITE -> invited(handle, wish, origin);
            case SIGNUP -> {
                if (existing.filter(User::confirmed).isPresent()) {
                    throw new AccountException(AccountError.EMAIL_EXISTS);
                }
                String given = hash.orElseThrow(() -> Accounts.invalid("Signup requires a valid password"));
                yield existing.orElseGet(() -> insert(handle, email, Optional.of(given), wish));
            }
            case MAGICLINK -> existing.orElseGet(() -> insert(handle, email, Optional.empty(), wish));
            case RECOVERY, EMAIL_CHANGE, EMAIL_CHANGE_CURRENT, REAUTHENTICATION ->
                existing.orElseThrow(() -> new AccountException(AccountError.NO_SUCH_USER));
        };
    }

    private String newEmail(Handle handle, User user, JsonNode wish) {
        String email =
                Users.normalize(text(wish, "new_email").orElseThrow(() -> Accounts.invalid("new_email is required")));
        if (Users.byEmail(handle, email).isPresent()) {
            throw new AccountException(AccountError.EMAIL_EXISTS);
        }
        if (!user.newEmail().filter(email::equals).isPresent() || user.awaited().isEmpty()) {
            Users.askForEmail(handle, user.id(), email, emailChanges.asked(user));
        }
        return email;
    }

    static Optional<String> text(JsonNode json, String member) {
        return Optional.of(json.path(member))
                .filter(JsonNode::isString)
                .map(JsonNode::asString)
                .filter(text -> !text.isEmpty());
    }

    static Optional<ObjectNode> object(JsonNode json, String member) {
        return json.get(member) instanceof ObjectNode object ? Optional.of(object) : Optional.empty();
    }

    static UUID uuid(String text) {
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException malformed) {
            throw Accounts.invalid("'" + text + "' is not a UUID");
        }
    }
}
