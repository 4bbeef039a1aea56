package dev.switchboard.callcenter;

import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;

/** Organizations, their members, queues and numbers: what commands of the shell make, and who belongs where. Thread-safe. */
public final class Organizations {
    private final Jdbi jdbi;

    /** @param jdbi as a user whom row level security does not bind */
    public Organizations(Jdbi jdbi) {
        this.jdbi = jdbi;
    }

    /** What somebody asked for cannot be; the message says why and what would. */
    public static final class NotPossibleException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NotPossibleException(String message) {
            super(message);
        }
    }

    public record Organization(UUID id, String name, String slug, String timezone, int members, int queues) {}

    public record Queue(
            UUID id, String name, String strategy, int ringSeconds, int wrapUpSeconds, List<String> members) {}

    public record PhoneNumber(String e164, Optional<String> queue) {}

    public record Member(UUID user, String name, String role, Optional<String> extension, String state) {}

    /** @param slug names it in commands: small letters, digits and hyphens */
    public UUID addOrganization(String name, String slug, String timezone) {
        return adding(
                "the slug " + slug + " is taken, or has other than small letters, digits and hyphens",
                () -> jdbi.inTransaction(handle -> {
                    boolean known = handle.createQuery("select exists (select from pg_timezone_names where name = ?)")
                            .bind(0, timezone)
                            .mapTo(Boolean.class)
                            .one();
                    if (!known) {
                        throw new NotPossibleException("there is no time zone " + timezone + "; one is Europe/Berlin");
                    }
                    return handle.createQuery(
                                    "insert into public.organizations (name, slug, timezone) values (?, ?, ?) returning id")
                            .bind(0, name)
                            .bind(1, slug)
                            .bind(2, timezone)
                            .mapTo(UUID.class)
                            .one();
                }));
    }

    public List<Organization> organizations() {
        return jdbi.withHandle(handle -> handle.createQuery("select o.id, o.name, o.slug, o.timezone,"
                        + " (select count(*) from public.user_roles r where r.organization_id = o.id) as members,"
                        + " (select count(*) from public.queues q where q.organization_id = o.id) as queues"
                        + " from public.organizations o order by o.slug")
                .map((row, _) -> new Organization(
                        row.getObject("id", UUID.class),
                        row.getString("name"),
                        row.getString("slug"),
                        row.getString("timezone"),
                        row.getInt("members"),
                        row.getInt("queues")))
                .list());
    }

    /** @throws NotPossibleException if there is none of that slug */
    public UUID bySlug(String slug) {
        return jdbi.withHandle(handle -> handle.createQuery("select id from public.organizations where slug = ?")
                .bind(0, slug)
                .mapTo(UUID.class)
                .findOne()
                .orElseThrow(() -> new NotPossibleException(
                        "there is no organization " + slug + "; switchboard org list shows them")));
    }

    public UUID addQueue(UUID organization, String name, String strategy, int ringSeconds, int wrapUpSeconds) {
        return adding(
                "the queue " + name + " exists already, or a value is out of its bounds",
                () -> jdbi.withHandle(handle -> handle.createQuery(
                                "insert into public.queues (organization_id, name, strategy, ring_s, wrap_up_s)"
                                        + " values (?, ?, ?, ?, ?) returning id")
                        .bind(0, organization)
                        .bind(1, name)
                        .bind(2, strategy)
                        .bind(3, ringSeconds)
                        .bind(4, wrapUpSeconds)
                        .mapTo(UUID.class)
                        .one()));
    }

    public List<Queue> queues(UUID organization) {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select q.*, (select string_agg(v.extension, ',' order by v.extension) from public.queue_members m"
                                + " join public.voip_users v on v.organization_id = m.organization_id and v.user_id = m.user_id"
                                + " where m.organization_id = q.organization_id and m.queue_id = q.id) as extensions"
                                + " from public.queues q where q.organization_id = ? order by q.name")
                .bind(0, organization)
                .map((row, _) -> {
                    String extensions = row.getString("extensions");
                    return new Queue(
                            row.getObject("id", UUID.class),
                            row.getString("name"),
                            row.getString("strategy"),
                            row.getInt("ring_s"),
                            row.getInt("wrap_up_s"),
                            extensions == null ? List.of() : List.of(extensions.split(",")));
                })
                .list());
    }

    /** @throws NotPossibleException if there is none of that name */
    public UUID queue(UUID organization, String name) {
        return jdbi.withHandle(
                handle -> handle.createQuery("select id from public.queues where organization_id = ? and name = ?")
                        .bind(0, organization)
                        .bind(1, name)
                        .mapTo(UUID.class)
                        .findOne()
                        .orElseThrow(() -> new NotPossibleException(
                                "there is no queue " + name + " there; switchboard queue list shows them")));
    }

    public void addNumber(UUID organization, String e164, Optional<UUID> queue) {
        adding(
                e164 + " belongs to somebody already, or is not of the form +14155550100",
                () -> jdbi.withHandle(handle -> handle.createUpdate(
                                "insert into public.phone_numbers (organization_id, e164, queue_id) values (?, ?, ?::uuid)")
                        .bind(0, organization)
                        .bind(1, e164)
                        .bind(2, queue.map(UUID::toString).orElse(null))
                        .execute()));
    }

    public List<PhoneNumber> numbers(UUID organization) {
        return jdbi.withHandle(handle -> handle.createQuery("select n.e164, q.name as queue from public.phone_numbers n"
                        + " left join public.queues q on q.organization_id = n.organization_id and q.id = n.queue_id"
                        + " where n.organization_id = ? order by n.e164")
                .bind(0, organization)
                .map((row, _) -> new PhoneNumber(row.getString("e164"), Optional.ofNullable(row.getString("queue"))))
                .list());
    }

    /**
     * Makes a user a member.
     *
     * @param email  of somebody who has signed up, or whom `switchboard user add` made
     * @param phone  their extension, where they handle calls
     * @param queues that they answer
     */
    public UUID addMember(UUID organization, String email, String role, Optional<String> phone, List<UUID> queues) {
        return adding(
                "the user is a member already, or the extension is taken",
                () -> jdbi.inTransaction(handle -> {
                    UUID user = handle.createQuery(
                                    "select id from auth.users where email = lower(?) and deleted_at is null")
                            .bind(0, email)
                            .mapTo(UUID.class)
                            .findOne()
                            .orElseThrow(() -> new NotPossibleException(
                                    "there is no user " + email + "; switchboard user add " + email + " makes one"));
                    handle.execute(
                            "insert into public.user_roles (organization_id, user_id, role) values (?, ?, ?)",
                            organization,
                            user,
                            role);
                    if (phone.isPresent()) {
                        handle.execute(
                                "insert into public.voip_users (organization_id, user_id, extension, client_identity)"
                                        + " values (?, ?, ?, 'u_' || replace(?::text, '-', ''))",
                                organization,
                                user,
                                phone.get(),
                                user);
                    }
                    for (UUID queue : queues) {
                        handle.execute(
                                "insert into public.queue_members (organization_id, queue_id, user_id) values (?, ?, ?)",
                                organization,
                                queue,
                                user);
                    }
                    return user;
                }));
    }

    public List<Member> members(UUID organization) {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select r.user_id, r.role, coalesce(p.display_name, '?') as name, v.extension, coalesce(v.work_state, '-') as state"
                                + " from public.user_roles r left join public.profiles p on p.id = r.user_id"
                                + " left join public.voip_users v on v.organization_id = r.organization_id and v.user_id = r.user_id"
                                + " where r.organization_id = ? order by name, r.user_id")
                .bind(0, organization)
                .map((row, _) -> new Member(
                        row.getObject("user_id", UUID.class),
                        row.getString("name"),
                        row.getString("role"),
                        Optional.ofNullable(row.getString("extension")),
                        row.getString("state")))
                .list());
    }

    /** The organizations in which somebody has a permission. */
    public List<UUID> allowing(UUID user, String permission) {
        return jdbi.withHandle(handle -> handle.createQuery("select r.organization_id from public.user_roles r"
                        + " join app.role_permissions p on p.role = r.role where r.user_id = ? and p.permission = ?"
                        + " order by r.created_at, r.id")
                .bind(0, user)
                .bind(1, permission)
                .mapTo(UUID.class)
                .list());
    }

    /** A JSON text that a query of one column gives under a user's claims, as the data API would. */
    public String asked(UUID user, String sql, UUID organization) {
        return jdbi.inTransaction(handle -> {
            handle.execute(
                    "select set_config('request.jwt.claims', jsonb_build_object('sub', ?::text, 'role', 'authenticated')::text, true)",
                    user.toString());
            return handle.createQuery(sql)
                    .bind(0, organization)
                    .mapTo(String.class)
                    .one();
        });
    }

    /** The agents of an organization, with who can be given a call. */
    public String agents(UUID organization) {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select coalesce(jsonb_agg(jsonb_build_object('user_id', b.user_id, 'name', b.display_name,"
                                + " 'extension', b.extension, 'work_state', b.work_state, 'state_reason', b.state_reason,"
                                + " 'state_since', b.state_since, 'reachable', b.reachable,"
                                + " 'busy', b.work_state in ('on_call', 'on_hold'),"
                                + " 'available', b.work_state in ('available', 'offered'))"
                                + " order by b.display_name, b.user_id), '[]')::text from public.agent_board b where b.organization_id = ?")
                .bind(0, organization)
                .mapTo(String.class)
                .one());
    }

    /** The figures of /api/calls/health-check. */
    public String health(UUID organization, java.time.Instant now, java.time.Duration window) {
        return jdbi.withHandle(handle -> handle.createQuery("select app.call_health(?, ?, ?)::text")
                .bind(0, organization)
                .bind(1, now.atOffset(java.time.ZoneOffset.UTC))
                .bind(2, now.minus(window).atOffset(java.time.ZoneOffset.UTC))
                .mapTo(String.class)
                .one());
    }

    /** Of a call. */
    public Optional<UUID> organizationOf(UUID call) {
        return jdbi.withHandle(handle -> handle.createQuery("select organization_id from public.calls where id = ?")
                .bind(0, call)
                .mapTo(UUID.class)
                .findOne());
    }

    /** The name under which an agent's device registers; empty where they have none. */
    public Optional<String> device(UUID organization, UUID user) {
        return jdbi.withHandle(handle -> handle.createQuery("select v.client_identity from public.voip_users v"
                        + " where v.organization_id = ? and v.user_id = ?")
                .bind(0, organization)
                .bind(1, user)
                .mapTo(String.class)
                .findOne());
    }

    private interface Adding<T> {
        T add();
    }

    private static <T> T adding(String otherwise, Adding<T> work) {
        try {
            return work.add();
        } catch (UnableToExecuteStatementException failed) {
            if (failed.getCause() instanceof java.sql.SQLException raised
                    && String.valueOf(raised.getSQLState()).startsWith("23")) {
                throw new NotPossibleException(otherwise);
            }
            throw failed;
        }
    }
}
