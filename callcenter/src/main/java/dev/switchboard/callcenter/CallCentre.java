package dev.switchboard.callcenter;

import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.Agent;
import dev.switchboard.callcenter.command.AgentCommand;
import dev.switchboard.callcenter.command.AgentRules;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.callcenter.command.CallRules;
import dev.switchboard.callcenter.command.Decision;
import dev.switchboard.callcenter.command.Effect;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.callcenter.command.Situation;
import dev.switchboard.callcenter.telephony.Lines;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries commands out: reads under locks, lets the rules decide, writes the decision, all in one transaction. What a
 * command leaves behind at other calls (they rang at an agent who is busy now) is settled right after it, each call in a
 * transaction of its own, because two calls are never locked together; {@link Deadlines} finds what a crash left unsettled.
 * Thread-safe.
 */
public final class CallCentre {
    /** What a connection is told first: the few statements are the same ever again, and planning them costs more than they do. */
    public static final String CONNECTION_SETTINGS = "SET plan_cache_mode = force_generic_plan";

    private static final Logger LOG = LoggerFactory.getLogger(CallCentre.class);
    private static final int MOST_TRIES = 5;
    /** Unique violation, serialization failure, deadlock: somebody else was quicker, and looking again decides. */
    private static final Set<String> AGAIN = Set.of("23505", "40001", "40P01");

    private static final String ANSWER = "select (to_jsonb(c) - '{insights,scorecard,transcription}'::text[])::text"
            + " from public.calls c where c.id = ?";
    private static final UUID NONE = new UUID(0, 0);

    private final DataSource connections;
    private final InstantSource clock;
    private final Runnable told;

    /**
     * @param connections as a user whom row level security does not bind; with {@link #CONNECTION_SETTINGS}
     * @param told        is run after a commit that told the telephone provider something
     */
    public CallCentre(DataSource connections, InstantSource clock, Runnable told) {
        this.connections = connections;
        this.clock = clock;
        this.told = told;
    }

    /** A command on a call. */
    public Answer execute(Actor actor, UUID call, CallCommand command) {
        return execute(actor, call, command, Optional.empty());
    }

    /**
     * A command on a call, once.
     *
     * @param key of the request: a repeated one is answered as the first
     */
    public Answer execute(Actor actor, UUID call, CallCommand command, Optional<OnceKey> key) {
        return settle(transaction(once(key, connection -> within(connection, actor, call, command))));
    }

    /** Within the same transaction, the key and what was answered under it. */
    private static Transactional once(Optional<OnceKey> key, Transactional work) {
        if (key.isEmpty()) {
            return work;
        }
        return connection -> {
            Optional<Answer> given = key.get().begin(connection);
            if (given.isPresent()) {
                return Work.answered(given.get());
            }
            Work done = work.run(connection);
            if (done.answer() instanceof Answer.Done(String json)) {
                key.get().end(connection, json);
            }
            return done;
        };
    }

    /** A command on an agent. */
    public Answer execute(Actor actor, UUID organization, UUID agent, AgentCommand command) {
        return settle(transaction(connection -> within(connection, actor, organization, agent, command)));
    }

    /**
     * What a transaction comes to.
     *
     * @param unsettled calls that may ring nowhere now
     * @param told      whether the telephone provider has something to do
     */
    record Work(Answer answer, List<UUID> unsettled, boolean told) {
        static Work answered(Answer answer) {
            return new Work(answer, List.of(), false);
        }
    }

    /** Something within one transaction. */
    interface Transactional {
        Work run(Connection connection) throws SQLException;
    }

    /** Runs it, and once more where somebody else was quicker; a refusal rolls back. */
    Work transaction(Transactional work) {
        for (int attempt = 1; ; attempt++) {
            try {
                return Transactions.run(connections, work::run, done -> !(done.answer() instanceof Answer.Refused));
            } catch (SQLException failed) {
                if (!AGAIN.contains(String.valueOf(failed.getSQLState()))) {
                    throw new CallCentreException("a command failed: " + failed.getMessage(), failed);
                }
                if (attempt == MOST_TRIES) {
                    LOG.warn("A command was tried {} times: {}", attempt, failed.getMessage());
                    return Work.answered(Answer.refused(Refusal.TRY_AGAIN, Refusal.TRY_AGAIN.title()));
                }
            }
        }
    }

    /** What comes after the commit. */
    Answer settle(Work work) {
        if (work.told()) {
            told.run();
        }
        work.unsettled().forEach(this::settle);
        return work.answer();
    }

    /** The command itself is committed: what fails here is left to the deadlines. */
    private void settle(UUID call) {
        try {
            execute(new Actor.Server(), call, new CallCommand.Settle());
        } catch (CallCentreException failed) {
            LOG.warn("Call {} rings nowhere, and could not be settled yet: {}", call, failed.getMessage());
        }
    }

    Work within(Connection connection, Actor actor, UUID callId, CallCommand command) throws SQLException {
        Optional<Reading.OnCall> read = Reading.onCall(connection, actor, callId, command, clock);
        if (read.isEmpty()) {
            return Work.answered(Answer.refused(Refusal.NOT_FOUND, "There is no call " + callId));
        }
        Situation situation = read.get().situation();
        Optional<String> lacking = lacksQueue(situation, command);
        if (lacking.isPresent()) {
            return Work.answered(Answer.refused(Refusal.NOT_FOUND, lacking.get()));
        }
        CallCommand real = command instanceof CallCommand.Start(UUID agent, var _)
                        && actor instanceof Actor.User
                        && Lines.awaitsLeg(connection, callId, agent)
                ? new CallCommand.Claim(agent)
                : command;
        return switch (CallRules.decide(situation, real)) {
            case Decision.Refused(Refusal refusal, String detail, Optional<UUID> holder) ->
                Work.answered(new Answer.Refused(refusal, detail, holder.map(user -> holder(situation, user))));
            case Decision.Unchanged _ -> Work.answered(new Answer.Done(answer(connection, callId)));
            case Decision.Changed changed -> {
                var script = new Script();
                new Writing(script, situation.now()).write(situation, changed);
                script.run(connection);
                boolean tells = changed.effects().stream().anyMatch(effect -> effect instanceof Effect.Tell);
                yield new Work(new Answer.Done(answer(connection, callId)), unsettled(changed, read.get()), tells);
            }
        };
    }

    private static Optional<String> lacksQueue(Situation situation, CallCommand command) {
        return switch (command) {
            case CallCommand.Enqueue(UUID queue)
            when situation.target().isEmpty() -> Optional.of("There is no queue " + queue);
            case CallCommand.TransferToQueue(UUID queue)
            when situation.target().isEmpty() -> Optional.of("There is no queue " + queue);
            default -> Optional.empty();
        };
    }

    private static Answer.Holder holder(Situation situation, UUID user) {
        Agent agent = situation.agents().get(user);
        return new Answer.Holder(user, agent == null ? "Another agent" : agent.name());
    }

    private static List<UUID> unsettled(Decision.Changed changed, Reading.OnCall read) {
        var calls = new ArrayList<UUID>();
        for (Effect effect : changed.effects()) {
            if (effect instanceof Effect.ClearElsewhere(UUID agent)) {
                calls.addAll(read.elsewhere().getOrDefault(agent, List.of()));
            }
        }
        return calls;
    }

    private static String answer(Connection connection, UUID call) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(ANSWER)) {
            statement.setObject(1, call);
            try (ResultSet row = statement.executeQuery()) {
                return row.next() ? row.getString(1) : "{}";
            }
        }
    }

    private Work within(Connection connection, Actor asking, UUID organization, UUID user, AgentCommand command)
            throws SQLException {
        Optional<Reading.OnAgent> read = Reading.onAgent(connection, asking, organization, user);
        if (read.isEmpty()) {
            return Work.answered(Answer.refused(Refusal.NOT_FOUND, "There is no agent " + user));
        }
        var now = clock.instant().truncatedTo(ChronoUnit.MICROS);
        if (!Reachability.concerns(connection, organization, user, command, now)) {
            return Work.answered(new Answer.Done(agentAnswer(connection, organization, user)));
        }
        return switch (AgentRules.decide(
                read.get().agent(), command, read.get().actor(), read.get().owesCode(), now)) {
            case AgentRules.Outcome.Refused(Refusal refusal, String detail) ->
                Work.answered(Answer.refused(refusal, detail));
            case AgentRules.Outcome.Unchanged _ ->
                Work.answered(new Answer.Done(agentAnswer(connection, organization, user)));
            case AgentRules.Outcome.Changed(Agent agent, boolean cardsGo, boolean forced) -> {
                var script = new Script();
                var writing = new Writing(script, now);
                if (cardsGo) {
                    writing.clearElsewhere(organization, user, NONE);
                }
                if (agent.wrapUpUntil().isEmpty()) {
                    writing.closeWrapUp(organization, user);
                }
                writing.writeAgents(List.of(agent));
                if (forced) {
                    writing.audit(organization, asking, "agent.force_state", "user", user);
                }
                script.run(connection);
                yield new Work(
                        new Answer.Done(agentAnswer(connection, organization, user)),
                        cardsGo ? read.get().ringing() : List.of(),
                        false);
            }
        };
    }

    private static String agentAnswer(Connection connection, UUID organization, UUID user) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "select to_jsonb(v)::text from public.voip_users v where v.organization_id = ? and v.user_id = ?")) {
            statement.setObject(1, organization);
            statement.setObject(2, user);
            try (ResultSet row = statement.executeQuery()) {
                return row.next() ? row.getString(1) : "{}";
            }
        }
    }

    /**
     * A call that came in: in its organization's books, and in the queue of its number.
     *
     * @param sid the provider's id; the same call once more is the same call
     * @param to  ours: says whose call it is
     */
    public Answer incoming(String provider, String sid, String from, String to) {
        return incoming(Optional.empty(), provider, sid, from, to);
    }

    /** @param organization whose number it has to be, where that is known */
    Answer incoming(Optional<UUID> organization, String provider, String sid, String from, String to) {
        return settle(transaction(connection -> {
            Optional<NewCalls.Incoming> call =
                    NewCalls.incoming(connection, organization, provider, sid, from, to, clock.instant());
            return call.isEmpty()
                    ? Work.answered(Answer.refused(Refusal.NOT_FOUND, "No organization has the number " + to))
                    : intoItsQueue(connection, call.get());
        }));
    }

    Work intoItsQueue(Connection connection, NewCalls.Incoming call) throws SQLException {
        Optional<UUID> queue = call.queue();
        if (call.isNew() && call.isClosed()) {
            return within(connection, new Actor.Server(), call.id(), new CallCommand.Closed());
        }
        return call.isNew() && queue.isPresent()
                ? within(connection, new Actor.Server(), call.id(), new CallCommand.Enqueue(queue.get()))
                : Work.answered(new Answer.Done(answer(connection, call.id())));
    }

    /**
     * An agent calls somebody.
     *
     * @param from a number of the organization, which the other side sees; by default its first
     */
    public Answer dial(
            Actor actor, UUID organization, UUID agent, Optional<String> from, String to, Optional<OnceKey> key) {
        return settle(transaction(once(key, connection -> {
            Optional<UUID> id = NewCalls.outgoing(connection, organization, from, to, clock.instant());
            return id.isEmpty()
                    ? Work.answered(
                            Answer.refused(Refusal.NOT_FOUND, "Your organization has no number " + from.orElse("")))
                    : within(connection, actor, id.get(), new CallCommand.Dial(agent));
        })));
    }

    /** "Next call please": the longest waiting of a queue; others who ask at the same time get others. */
    public Answer next(Actor actor, UUID organization, UUID agent, UUID queue) {
        var refused = Answer.refused(Refusal.NOT_FOUND, "Nobody waits in queue " + queue);
        for (UUID call : NewCalls.longestWaiting(connections, organization, agent, queue, clock.instant())) {
            Answer offered = execute(new Actor.Server(), call, new CallCommand.Offer(List.of(agent)));
            Answer claimed =
                    offered instanceof Answer.Refused ? offered : execute(actor, call, new CallCommand.Claim(agent));
            switch (claimed) {
                case Answer.Refused no -> refused = no;
                case Answer.Done _, Answer.Repeated _ -> {
                    return claimed;
                }
            }
        }
        return refused;
    }

    /** The call that the provider names so, in one of the user's organizations. */
    public Optional<UUID> bySid(Actor actor, String sid) {
        return NewCalls.bySid(connections, actor, sid);
    }

    InstantSource clock() {
        return clock;
    }

    DataSource connections() {
        return connections;
    }
}
