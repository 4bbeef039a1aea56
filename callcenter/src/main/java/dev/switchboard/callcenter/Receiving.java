package dev.switchboard.callcenter;

import dev.switchboard.callcenter.CallCentre.Work;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.telephony.Line;
import dev.switchboard.callcenter.telephony.Lines;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** What a provider's message does, within its transaction. Owned by one application. */
public final class Receiving {
    private static final String CUSTOMER_NAMED = "update public.calls set provider_call_sid = ?"
            + " where id = ? and direction = 'outbound' and provider_call_sid = id::text";
    private static final String TELL = "insert into public.telephony_commands (organization_id, call_id, kind, payload)"
            + " select c.organization_id, c.id, ?, jsonb_build_object('sid', c.provider_call_sid, 'agent', ?::text) from public.calls c where c.id = ?";
    private static final String SAID = "update public.telephony_commands set done_at = now()"
            + " where call_id = ? and kind in ('enqueue', 'ring') and done_at is null and failed_at is null";

    private final CallCentre calls;
    private final Connection connection;
    private final List<UUID> unsettled = new ArrayList<>();
    private Optional<UUID> organization = Optional.empty();
    private String result = "nothing";
    private boolean told;

    Receiving(CallCentre calls, Connection connection) {
        this.calls = calls;
        this.connection = connection;
    }

    /**
     * A call came in at a number of the organization: in its books, in the queue of its number, and rung at who is available.
     *
     * @return empty where the number is none of its
     */
    public Optional<UUID> incoming(UUID organization, String provider, String sid, String from, String to)
            throws SQLException {
        Optional<NewCalls.Incoming> call = NewCalls.incoming(
                connection,
                Optional.of(organization),
                provider,
                sid,
                from,
                to,
                calls.clock().instant());
        if (call.isEmpty()) {
            result = "unknown_number";
            return Optional.empty();
        }
        add(calls.intoItsQueue(connection, call.get()));
        if (call.get().isNew()) {
            execute(call.get().id(), new CallCommand.Route());
        }
        return Optional.of(call.get().id());
    }

    /** The organization's call that the provider names so, or one of whose legs. */
    public Optional<UUID> callOf(UUID organization, String sid) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement(NewCalls.NAMED + " where c.organization_id = ?" + NewCalls.LIVE_FIRST)) {
            statement.setString(1, sid);
            statement.setString(2, sid);
            statement.setObject(3, organization);
            try (ResultSet row = statement.executeQuery()) {
                return row.next() ? Optional.of(row.getObject(1, UUID.class)) : Optional.empty();
            }
        }
    }

    /** What the provider says of a leg. */
    public void heard(UUID call, ProviderEvents.Event event) throws SQLException {
        if (event.role() == Line.Role.CUSTOMER) {
            try (PreparedStatement statement = connection.prepareStatement(CUSTOMER_NAMED)) {
                statement.setString(1, event.leg());
                statement.setObject(2, call);
                statement.executeUpdate();
            }
        }
        add(new ProviderEvents(calls).within(connection, call, event));
    }

    /** Whoever is at that end hung up, and was not hung up on. */
    public void hungUp(UUID call, String leg) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "update public.call_legs set hung_up = true where call_id = ? and provider_leg_sid = ? and not hung_up")) {
            statement.setObject(1, call);
            statement.setString(2, leg);
            if (statement.executeUpdate() > 0) {
                ProviderEvents.tellWhoHungUp(connection, call);
            }
        }
    }

    /** What the rules refuse is not done: providers are told nothing of our rules. */
    public void execute(UUID call, CallCommand command) throws SQLException {
        add(calls.within(connection, new Actor.Server(), call, command));
    }

    /** Whether there is such a call, and the organization's. */
    public boolean isOf(UUID owner, UUID call) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("select c.organization_id from public.calls c where c.id = ?")) {
            statement.setObject(1, call);
            try (ResultSet row = statement.executeQuery()) {
                organization = row.next() ? Optional.of(row.getObject(1, UUID.class)) : Optional.empty();
                return organization.filter(owner::equals).isPresent();
            }
        }
    }

    /** @return empty where there is no such call */
    public Optional<Line> line(UUID call) throws SQLException {
        Optional<Line> line = Lines.read(connection, call);
        line.ifPresent(known -> organization = Optional.of(known.organization()));
        return line;
    }

    /** Their place in the queue and an estimate of the wait in seconds. */
    public Place place(UUID call) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("select place, wait_s from app.place_in_queue(?, ?)")) {
            statement.setObject(1, call);
            statement.setObject(2, calls.clock().instant().atOffset(ZoneOffset.UTC));
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return new Place(row.getInt(1), row.getInt(2));
            }
        }
    }

    /**
     * Where somebody stands who waits.
     *
     * @param waitSeconds estimated
     */
    public record Place(int place, int waitSeconds) {}

    /** @return whether who wants to be called back is called now; it is done once */
    public boolean callsBack(UUID call) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("update public.calls set callback_dialled_at = ?"
                + " where id = ? and callback_number is not null and ended_at is null and (callback_dialled_at is null or not exists (select from public.call_legs l"
                + "   where l.organization_id = calls.organization_id and l.call_id = calls.id and l.role = 'customer'"
                + "     and l.created_at > calls.callback_requested_at))")) {
            statement.setObject(1, calls.clock().instant().atOffset(ZoneOffset.UTC));
            statement.setObject(2, call);
            return statement.executeUpdate() > 0;
        }
    }

    public void moveIntoRoom(UUID call, String leg) throws SQLException {
        Lines.moveIntoRoom(connection, call, List.of(leg));
    }

    /** The provider has something to do, after the commit. */
    public void tell(UUID call, String instruction, UUID agent) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(TELL)) {
            statement.setString(1, instruction);
            statement.setString(2, agent.toString());
            statement.setObject(3, call);
            statement.executeUpdate();
        }
        told = true;
    }

    /** The answer to the message says where the call waits or rings: it need not be told again. */
    public void saidInTheAnswer(UUID call) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(SAID)) {
            statement.setObject(1, call);
            statement.executeUpdate();
        }
    }

    /** Writes what a provider made of a call. */
    public void write(Ingest.Kind kind, UUID id, String body) throws SQLException {
        result(Ingest.write(connection, kind, id, "", body));
    }

    public Connection connection() {
        return connection;
    }

    private void add(Work work) {
        unsettled.addAll(work.unsettled());
        told |= work.told();
        result(work.answer());
    }

    private void result(Answer answer) {
        switch (answer) {
            case Answer.Refused refused
            when result.equals("nothing") -> result = refused.refusal().code();
            case Answer.Refused _ -> {} // something of the message was done
            case Answer.Done _, Answer.Repeated _ -> result = "applied";
        }
    }

    /** In a word, for who reads the books. */
    String result() {
        return result;
    }

    Optional<UUID> organization() {
        return organization;
    }

    Work work(String said) {
        return new Work(new Answer.Done(said), unsettled, told);
    }
}
