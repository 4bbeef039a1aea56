package dev.switchboard.webhooks;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.pipeline.SubscriptionCatalog;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.PostgresSubscriptionCatalog;
import dev.switchboard.engine.postgres.PostgresTypeCatalog;
import dev.switchboard.engine.protocol.Binding;
import java.net.URI;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.postgresql.ds.PGSimpleDataSource;

/** Adds endpoints and looks after them, beside a running server or without one. Thread-safe. */
public final class WebhookAdministration {
    /** Endpoints of an installation. */
    static final int MOST_ENDPOINTS = 1_000;
    /** How long the secret before the present one is used as well. */
    public static final Duration BOTH_SECRETS = Duration.ofHours(24);

    private final Jdbi jdbi;
    private final Outbox outbox;
    private final Database owner;
    private final Secret secret;

    /** @param owner of the database's tables */
    public WebhookAdministration(Database owner, Secret secret) {
        jdbi = Jdbi.create(owner.url(), owner.user(), owner.password());
        outbox = new Outbox(jdbi);
        this.owner = owner;
        this.secret = secret;
    }

    /** What was asked for cannot be; the message says what to do. */
    public static final class NotPossibleException extends Exception {
        private static final long serialVersionUID = 1L;

        NotPossibleException(String message) {
            super(message);
        }
    }

    /**
     * An endpoint that is to be.
     *
     * @param role         database role, and {@code claims} as JSON, under which rows are shown
     * @param ordering     row, table or all
     * @param user         whose rights they are: without that user nothing is told
     * @param organization whose it is, for who looks after it
     */
    public record Wish(
            String url,
            List<Binding> bindings,
            String role,
            String claims,
            String ordering,
            Optional<UUID> user,
            Optional<UUID> organization) {}

    /** What was made: the secret can be shown again by {@link #secret}. */
    public record Made(UUID id, String secret) {}

    /** An endpoint with how it is. */
    public record Listed(
            UUID id,
            String url,
            String bindings,
            String identity,
            boolean enabled,
            Optional<String> trouble,
            long waiting,
            long delivered,
            long failed,
            Optional<String> lastError) {}

    /** A message that was given up. */
    public record Failed(UUID id, UUID endpoint, String type, Instant at, int attempts, String error) {}

    /**
     * Whether its tables and filters can be told of now, as the feed will look at them.
     *
     * @param publication of the tables that are told of
     */
    public void check(Wish wish, String publication) throws NotPossibleException {
        var connections = new PGSimpleDataSource();
        connections.setUrl(owner.url());
        connections.setUser(owner.user());
        connections.setPassword(owner.password());
        var catalog = new PostgresSubscriptionCatalog(connections, new PostgresTypeCatalog(connections), publication);
        try {
            for (Binding binding : wish.bindings()) {
                if (catalog.resolve(binding, new ClaimsGroup(wish.role(), wish.claims()))
                        instanceof SubscriptionCatalog.Resolution.Refused(String message)) {
                    throw new NotPossibleException(message);
                }
            }
        } catch (SubscriptionCatalog.CatalogUnavailableException unavailable) {
            throw new NotPossibleException("the database cannot be asked: " + unavailable.getMessage());
        }
    }

    /** From the moment that this returns, what is committed is told; of what was committed before nothing is. */
    public Made add(Wish wish) throws NotPossibleException {
        checkUrl(wish.url());
        if (wish.bindings().stream()
                .anyMatch(binding ->
                        binding.schema().filter(Interests.OWN_SCHEMA::equals).isPresent())) {
            throw new NotPossibleException("messages about messages would never end: schema webhooks is not told of");
        }
        var made = new ArrayList<UUID>();
        withSlot(() -> made.add(jdbi.inTransaction(handle -> insert(handle, wish))));
        return new Made(made.getFirst(), secret.of(made.getFirst(), 1));
    }

    /** Something that may not be possible. */
    private interface Work {
        void run() throws NotPossibleException;
    }

    /** There is a slot before it and while it happens: nothing is missing between the two. */
    private void withSlot(Work work) throws NotPossibleException {
        String name = slotName();
        var slot = new WebhookSlot(owner, name);
        var impossible = new ArrayList<NotPossibleException>();
        try {
            slot.locked(() -> {
                if (!slot.exists()) { // who is there already has missed something
                    outbox.gapDue(
                            "the replication slot was not there; it was made anew, and begins now", Instant.now());
                    slot.ensure();
                }
                try {
                    work.run();
                } catch (NotPossibleException cannot) {
                    impossible.add(cannot);
                }
            });
        } catch (SQLException failed) {
            throw new NotPossibleException("the replication slot " + name + " cannot be made: " + failed.getMessage());
        }
        if (!impossible.isEmpty()) {
            throw impossible.getFirst();
        }
    }

    private String slotName() throws NotPossibleException {
        boolean there =
                jdbi.withHandle(handle -> handle.createQuery("select to_regclass('webhooks.progress') is not null")
                        .mapTo(Boolean.class)
                        .one());
        if (!there || !outbox.runs()) {
            throw new NotPossibleException("this database has no webhooks: its server was started with --no-webhooks");
        }
        return outbox.slot();
    }

    private static UUID insert(Handle handle, Wish wish) throws NotPossibleException {
        long there = handle.createQuery("select count(*) from webhooks.endpoints")
                .mapTo(Long.class)
                .one();
        if (there >= MOST_ENDPOINTS) {
            throw new NotPossibleException("there are " + there + " endpoints already, which is the most there can be");
        }
        return handle.createQuery(
                        "insert into webhooks.endpoints (url, bindings, role, claims, ordering, user_id, organization_id)"
                                + " values (:url, :bindings::jsonb, :role, :claims::jsonb, :ordering, :user::uuid, :organization::uuid) returning id")
                .bind("url", wish.url())
                .bind("bindings", Bindings.write(wish.bindings()))
                .bind("role", wish.role())
                .bind("claims", wish.claims())
                .bind("ordering", Endpoint.Ordering.of(wish.ordering()).text())
                .bind("user", wish.user().orElse(null))
                .bind("organization", wish.organization().orElse(null))
                .mapTo(UUID.class)
                .one();
    }

    private static void checkUrl(String url) throws NotPossibleException {
        try {
            URI parsed = URI.create(url);
            if (parsed.getHost() == null
                    || !List.of("http", "https").contains(String.valueOf(parsed.getScheme()))
                    || parsed.getRawUserInfo() != null
                    || parsed.getRawFragment() != null) {
                throw new NotPossibleException(
                        url + " is no address to send to, as https://example.com/hook, without user and fragment");
            }
        } catch (IllegalArgumentException malformed) {
            throw new NotPossibleException(url + " is no URL: " + malformed.getMessage());
        }
    }

    public List<Listed> list() {
        return jdbi.withHandle(handle -> handle.createQuery("""
                        select e.id, e.url, e.bindings::text as bindings, e.role, e.claims ->> 'sub' as sub, e.enabled,
                               coalesce(e.disabled_reason, e.problem) as trouble,
                               count(*) filter (where m.state = 'open') as waiting,
                               count(*) filter (where m.state = 'delivered') as delivered,
                               count(*) filter (where m.state = 'failed') as failed,
                               (select l.error from webhooks.messages l where l.endpoint_id = e.id and l.error is not null
                                 order by l.number desc limit 1) as last_error
                          from webhooks.endpoints e left join webhooks.messages m on m.endpoint_id = e.id
                         group by e.id order by e.created_at, e.id""")
                .map((row, _) -> new Listed(
                        row.getObject("id", UUID.class),
                        String.valueOf(row.getString("url")),
                        String.valueOf(row.getString("bindings")),
                        row.getString("role")
                                + Optional.ofNullable(row.getString("sub"))
                                        .map(sub -> " " + sub)
                                        .orElse(""),
                        row.getBoolean("enabled"),
                        Optional.ofNullable(row.getString("trouble")),
                        row.getLong("waiting"),
                        row.getLong("delivered"),
                        row.getLong("failed"),
                        Optional.ofNullable(row.getString("last_error"))))
                .list());
    }

    /** With all of its messages. */
    public void remove(UUID id) throws NotPossibleException {
        if (!outbox.remove(id)) {
            throw unknown(id);
        }
    }

    public String secret(UUID id) throws NotPossibleException {
        return secret.of(id, version(id, "select secret_version from webhooks.endpoints where id = :id"));
    }

    /** A new secret; for {@link #BOTH_SECRETS} messages are signed with the one before it as well. */
    public String rotate(UUID id, Instant now) throws NotPossibleException {
        Optional<Integer> version = jdbi.withHandle(handle -> handle.createQuery(
                        "update webhooks.endpoints set secret_version = secret_version + 1, previous_until = :until"
                                + " where id = :id returning secret_version")
                .bind("id", id)
                .bind("until", now.plus(BOTH_SECRETS).atOffset(ZoneOffset.UTC))
                .mapTo(Integer.class)
                .findOne());
        return secret.of(id, version.orElseThrow(() -> unknown(id)));
    }

    private int version(UUID id, String sql) throws NotPossibleException {
        return jdbi.withHandle(handle -> handle.createQuery(sql)
                        .bind("id", id)
                        .mapTo(Integer.class)
                        .findOne())
                .orElseThrow(() -> unknown(id));
    }

    /** Tells it again, from now on, and that something is missing first. One that is on stays as it is. */
    public void enable(UUID id, Instant now) throws NotPossibleException {
        version(id, "select secret_version from webhooks.endpoints where id = :id"); // or it is unknown
        withSlot(() -> outbox.enable(id, now));
    }

    /** The newest first. */
    public List<Failed> failed(int most) {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select id, endpoint_id, type, created_at, attempts, error from webhooks.messages"
                                + " where state = 'failed' order by number desc limit :most")
                .bind("most", most)
                .map((row, _) -> new Failed(
                        row.getObject("id", UUID.class),
                        row.getObject("endpoint_id", UUID.class),
                        String.valueOf(row.getString("type")),
                        row.getTimestamp("created_at").toInstant(),
                        row.getInt("attempts"),
                        String.valueOf(row.getString("error"))))
                .list());
    }

    /**
     * Sends messages once more, under their ids and in their order.
     *
     * @param since those that were taken since then too; without it, those that have failed
     * @return how many
     */
    public int replay(UUID id, Optional<Instant> since, Instant now) throws NotPossibleException {
        version(id, "select secret_version from webhooks.endpoints where id = :id");
        return outbox.reopen(id, since, now);
    }

    private static NotPossibleException unknown(UUID id) {
        return new NotPossibleException(
                "there is no webhook " + id + "; switchboard webhooks list shows which there are");
    }
}
