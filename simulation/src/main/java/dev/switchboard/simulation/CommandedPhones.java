package dev.switchboard.simulation;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.CallCommand;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** Telephones without a provider: what one would say is said by commands. Owned by one thread. */
final class CommandedPhones implements Phones {
    private final CallCentre calls;
    private final long run;
    private final Map<String, UUID> ids = new HashMap<>();
    private long called;
    private boolean stirred;

    /** @param run of which the names of its calls are made; another one than that of any run before */
    CommandedPhones(CallCentre calls, long run) {
        this.calls = calls;
        this.run = run;
    }

    @Override
    public String call(String from, String to) {
        stirred = true;
        String sid = "CA%016x%016x".formatted(run, called++);
        done(calls.incoming("simulated", sid, from, to), "a call to " + to);
        UUID id = calls.bySid(new Actor.Server(), sid)
                .orElseThrow(() -> new IllegalStateException("the call to " + to + " is in no book"));
        ids.put(sid, id);
        return sid;
    }

    @Override
    public void hangUp(String customer) {
        stirred = true;
        UUID call = Objects.requireNonNull(ids.remove(customer));
        done(calls.execute(new Actor.Server(), call, new CallCommand.HangUp()), "hanging up call " + call);
    }

    private static void done(Answer answer, String what) {
        if (answer instanceof Answer.Refused refused) {
            throw new IllegalStateException(what + " was refused: " + refused.detail());
        }
    }

    @Override
    public boolean answer(Ring ring) {
        return command(ring.agent(), ring.call(), new CallCommand.Start(ring.agent(), Optional.empty()));
    }

    @Override
    public boolean command(UUID agent, UUID call, CallCommand command) {
        stirred = true;
        return !(calls.execute(new Actor.User(agent, Set.of()), call, command) instanceof Answer.Refused);
    }

    @Override
    public boolean isOnTheLine(String customer) {
        return ids.containsKey(customer);
    }

    /** Somebody is on the line who did not call here. */
    void connected(String customer, UUID call) {
        ids.put(customer, call);
    }

    /** The call centre has ended the call. */
    void disconnected(String customer) {
        ids.remove(customer);
    }

    /** Who is on the line now. */
    List<String> connected() {
        return List.copyOf(ids.keySet());
    }

    /** Whether anything was said since this was asked last. */
    boolean hasStirred() {
        boolean since = stirred;
        stirred = false;
        return since;
    }
}
