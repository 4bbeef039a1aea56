package dev.switchboard.callcenter;

import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.state.ProviderStatus;
import dev.switchboard.callcenter.telephony.Line;
import dev.switchboard.callcenter.telephony.TelephonyProvider;
import dev.switchboard.callcenter.telephony.TelephonyProvider.Existing;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compares our books with the provider's: messages get lost, on either side. What ended there ends here, what lives there
 * and is over here is ended, what came in while nobody listened is taken in; never is anything moved backwards on what a
 * list says, because lists are behind (SPEC L20). Each of its steps is an ordinary event, so doing it twice does no harm.
 */
public final class Reconciler {
    private static final Logger LOG = LoggerFactory.getLogger(Reconciler.class);
    private static final String ORGANIZATIONS =
            "select distinct a.organization_id from public.provider_accounts a order by a.organization_id";
    /** Nobody answered them, as far as we heard; each is looked at once. */
    private static final String UNANSWERED = "select c.id, c.provider_call_sid from public.calls c"
            + " where c.organization_id = ? and c.ended_at > ? and c.ended_at <= ? and c.state in ('abandoned', 'missed')"
            + "   and c.answered_at is null and c.first_ring_at is not null and c.direction = 'inbound'"
            + "   and c.provider in (select a.provider from public.provider_accounts a where a.organization_id = c.organization_id)";
    /** What a server that died may not have heard of. */
    private static final Duration BEFORE_START = Duration.ofMinutes(10);
    /** Legs that live here, and calls none of whose customer's legs is known. */
    private static final String OURS = "select l.call_id, l.provider_leg_sid as sid, l.role, l.agent_id,"
            + "    greatest(l.updated_at, c.provider_event_at) < ?::timestamptz as quiet"
            + "  from public.call_legs l join public.calls c on c.organization_id = l.organization_id and c.id = l.call_id"
            + " where l.organization_id = ? and l.status_rank < 4 and c.provider in (select a.provider"
            + "   from public.provider_accounts a where a.organization_id = l.organization_id) and l.created_at > ?::timestamptz - interval '2 days'"
            + " union all select c.id, c.provider_call_sid, 'customer', null, c.last_event_at < ?::timestamptz"
            + "  from public.calls c where c.organization_id = ? and c.ended_at is null and c.provider in (select a.provider"
            + "   from public.provider_accounts a where a.organization_id = c.organization_id)"
            + "   and c.provider_call_sid <> c.id::text and not exists (select from public.call_legs l"
            + "    where l.organization_id = c.organization_id and l.call_id = c.id and l.role = 'customer')";
    /** Calls that are over, of which a leg may live on. */
    private static final String KNOWN =
            "select l.provider_leg_sid as sid, l.call_id, c.ended_at from public.call_legs l"
                    + " join public.calls c on c.organization_id = l.organization_id and c.id = l.call_id"
                    + " where l.organization_id = ? and l.provider_leg_sid = any (?)"
                    + " union all select c.provider_call_sid, c.id, c.ended_at from public.calls c"
                    + " where c.organization_id = ? and c.provider_call_sid = any (?)";

    private static final String AGENT =
            "select v.user_id from public.voip_users v where v.organization_id = ? and v.client_identity = ?";
    private static final String STILL_UNANSWERED =
            "select c.id from public.calls c where c.id = ? and c.answered_at is null";
    private static final String DEVICE = "client:";

    private final CallCentre calls;
    private final ProviderEvents events;
    private final TelephonyProvider provider;
    private final Duration patience;
    /** Up to when calls that ended unanswered were looked at; guarded by this. */
    private final Map<UUID, Instant> lookedUntil = new HashMap<>();

    private final LongAdder mended = new LongAdder();

    private record Ours(UUID call, String sid, Line.Role role, Optional<UUID> agent, boolean quiet) {}

    private record Known(UUID call, Optional<Instant> endedAt) {}

    /** @param patience news of a leg that is younger is left to come by itself */
    public Reconciler(CallCentre calls, TelephonyProvider provider, Duration patience) {
        this.calls = calls;
        this.events = new ProviderEvents(calls);
        this.provider = provider;
        this.patience = patience;
    }

    /** How much it had to mend. */
    public long mended() {
        return mended.sum();
    }

    /** Once, all organizations that have a line. The first time nothing is waited for: nobody has listened until now. */
    public synchronized void reconcile() {
        for (UUID organization : NewCalls.ids(calls.connections(), ORGANIZATIONS)) {
            Optional<Instant> looked = Optional.ofNullable(lookedUntil.get(organization));
            Instant now = calls.clock().instant();
            Duration wait = looked.isPresent() ? patience : Duration.ZERO;
            try {
                reconcile(organization, wait);
                lookAtUnanswered(organization, looked.orElse(now.minus(BEFORE_START)), now.minus(wait));
                lookedUntil.put(organization, now.minus(wait));
            } catch (RuntimeException | SQLException failed) {
                LOG.warn("The lines of organization {} could not be compared: {}", organization, failed.getMessage());
            }
        }
    }

    /** What goes wrong with one leg does not keep the others waiting. */
    private static void guarded(String leg, Runnable work) {
        try {
            work.run();
        } catch (RuntimeException failed) {
            LOG.warn("Leg {} could not be looked after; it is tried again: {}", leg, failed.getMessage());
        }
    }

    private void reconcile(UUID organization, Duration wait) throws SQLException {
        List<Ours> ours = ours(organization, wait);
        Map<String, Existing> living = new HashMap<>();
        provider.living(organization).forEach(leg -> living.put(leg.sid(), leg));
        for (Ours leg : ours) {
            Existing there = living.get(leg.sid());
            if (there == null && leg.quiet()) {
                guarded(leg.sid(), () -> endedThere(organization, leg));
            } else if (there != null && leg.quiet()) {
                guarded(leg.sid(), () -> hear(leg, there.status(), Optional.empty()));
            }
        }
        Map<String, Known> known = known(organization, living);
        Instant before = calls.clock().instant().minus(wait);
        for (Existing leg : living.values()) {
            Known here = known.get(leg.sid());
            if (here == null) {
                guarded(leg.sid(), () -> takeIn(organization, leg, known, before));
            } else if (here.endedAt().filter(before::isAfter).isPresent()) {
                mended.increment();
                LOG.info("Leg {} lives on though its call {} is over; it is ended", leg.sid(), here.call());
                guarded(leg.sid(), () -> provider.end(organization, leg.sid()));
            }
        }
    }

    /** Looks after one call whose customer turned out to be gone, at once. */
    public void lookAfter(UUID organization, UUID call) {
        try {
            for (Ours leg : ours(organization, Duration.ZERO)) {
                if (leg.call().equals(call) && leg.role() == Line.Role.CUSTOMER) {
                    endedThere(organization, leg);
                }
            }
        } catch (SQLException failed) {
            throw new CallCentreException(
                    "call " + call + " could not be looked after: " + failed.getMessage(), failed);
        }
    }

    private void lookAtUnanswered(UUID organization, Instant since, Instant until) throws SQLException {
        Map<UUID, String> unanswered = new HashMap<>();
        try (Connection connection = calls.connections().getConnection();
                PreparedStatement statement = connection.prepareStatement(UNANSWERED)) {
            statement.setObject(1, organization);
            statement.setObject(2, since.atOffset(ZoneOffset.UTC));
            statement.setObject(3, until.atOffset(ZoneOffset.UTC));
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    unanswered.put(row.getObject(1, UUID.class), row.getString(2));
                }
            }
        }

        unanswered.forEach((call, sid) -> guarded(
                sid,
                () -> provider.dialledBy(organization, sid).forEach(leg -> hearAfterwards(organization, call, leg))));
    }

    /** Of which the provider lists nothing any more: it says how it ended, or does not know it. */
    private void endedThere(UUID organization, Ours leg) {
        Optional<Existing> existing = provider.leg(organization, leg.sid());
        ProviderStatus status = existing.map(Existing::status).orElse(ProviderStatus.FAILED);
        if (status.ends().isPresent()) {
            mended.increment();
            LOG.info("Leg {} of call {} is over ({}), of which nobody told", leg.sid(), leg.call(), status.wire());
            hear(leg, status, existing.flatMap(Existing::endedAt));
            if (leg.role() == Line.Role.CUSTOMER) {
                provider.dialledBy(organization, leg.sid())
                        .forEach(child -> hearAfterwards(organization, leg.call(), child));
            }
        }
    }

    private void hear(Ours leg, ProviderStatus status, Optional<Instant> at) {
        events.accept(leg.call(), new ProviderEvents.Event(leg.sid(), leg.role(), leg.agent(), status, 0, at));
    }

    /** A call that came in meanwhile, or a device that was dialled from one. Other people's legs are left alone. */
    private void takeIn(UUID organization, Existing leg, Map<String, Known> known, Instant before) {
        Optional<Known> parent = leg.parent().flatMap(sid -> Optional.ofNullable(known.get(sid)));
        if (parent.isPresent()) {
            hearDevice(organization, parent.get().call(), leg);
        } else if (leg.inbound()
                && leg.parent().isEmpty()
                && leg.startedAt().filter(before::isAfter).isPresent()
                && provider.waitsForUs(organization, leg)) {
            Answer taken = calls.incoming(Optional.of(organization), leg.provider(), leg.sid(), leg.from(), leg.to());
            if (!(taken instanceof Answer.Refused)) {
                mended.increment();
                LOG.info("Call {} came in while nobody listened; it is taken in", leg.sid());
            }
        }
    }

    /** Of a call that is over: who is said to have answered did, whatever they do by now. */
    private void hearAfterwards(UUID organization, UUID call, Existing leg) {
        hearDevice(organization, call, leg);
        boolean unanswered =
                !NewCalls.ids(calls.connections(), STILL_UNANSWERED, call).isEmpty();
        if (unanswered && leg.status() == ProviderStatus.COMPLETED && leg.to().startsWith(DEVICE)) {
            agent(organization, leg.to().substring(DEVICE.length()))
                    .ifPresent(agent -> calls.execute(
                            new Actor.Server(),
                            call,
                            new CallCommand.AnswerHeard(
                                    agent, leg.endedAt().orElse(calls.clock().instant()))));
        }
    }

    private void hearDevice(UUID organization, UUID call, Existing leg) {
        if (leg.to().startsWith(DEVICE)) {
            agent(organization, leg.to().substring(DEVICE.length()))
                    .ifPresent(agent -> hear(
                            new Ours(call, leg.sid(), Line.Role.AGENT, Optional.of(agent), true),
                            leg.status(),
                            leg.endedAt()));
        }
    }

    private Optional<UUID> agent(UUID organization, String identity) {
        return NewCalls.ids(calls.connections(), AGENT, organization, identity).stream()
                .findFirst();
    }

    private List<Ours> ours(UUID organization, Duration wait) throws SQLException {
        Instant now = calls.clock().instant();
        var quiet = now.minus(wait).atOffset(ZoneOffset.UTC);
        try (Connection connection = calls.connections().getConnection();
                PreparedStatement statement = connection.prepareStatement(OURS)) {
            statement.setObject(1, quiet);
            statement.setObject(2, organization);
            statement.setObject(3, now.atOffset(ZoneOffset.UTC));
            statement.setObject(4, quiet);
            statement.setObject(5, organization);
            var ours = new ArrayList<Ours>();
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    ours.add(new Ours(
                            row.getObject("call_id", UUID.class),
                            row.getString("sid"),
                            Line.Role.valueOf(row.getString("role").toUpperCase(Locale.ROOT)),
                            Optional.ofNullable(row.getObject("agent_id", UUID.class)),
                            row.getBoolean("quiet")));
                }
            }
            return ours;
        }
    }

    private Map<String, Known> known(UUID organization, Map<String, Existing> living) throws SQLException {
        var known = new HashMap<String, Known>();
        if (living.isEmpty()) {
            return known;
        }
        try (Connection connection = calls.connections().getConnection();
                PreparedStatement statement = connection.prepareStatement(KNOWN)) {
            var sids = connection.createArrayOf("text", living.keySet().toArray());
            statement.setObject(1, organization);
            statement.setArray(2, sids);
            statement.setObject(3, organization);
            statement.setArray(4, sids);
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    known.put(
                            row.getString("sid"),
                            new Known(
                                    row.getObject("call_id", UUID.class),
                                    Optional.ofNullable(row.getObject("ended_at", java.time.OffsetDateTime.class))
                                            .map(java.time.OffsetDateTime::toInstant)));
                }
            }
            return known;
        }
    }
}
