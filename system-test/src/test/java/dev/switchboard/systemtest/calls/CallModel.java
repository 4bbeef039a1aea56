package dev.switchboard.systemtest.calls;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * A call centre as plain variables, written down a second time from SPEC part L: agents and calls are numbers, time is
 * seconds. What commands do here, they must do in the database.
 */
final class CallModel {
    static final int LEASE = 10;
    static final int DIAL = 60;
    private static final int WITHOUT_QUEUE = 600;
    static final int PARKED_ON = 60;

    /** A queue: how long it rings, wraps up, and lets wait. */
    record Queue(int ring, int wrapUp, int maxWait) {}

    static final class Agent {
        String chosen = "available";
        boolean reachable = true;
        int wrapUntil = -1;
        Call wraps;
        int current = -1;
    }

    static final class Call {
        String state = "new";
        boolean outbound;
        boolean answered;
        boolean muted;
        int owner = -1;
        int answeredBy = -1;
        int queue = -1;
        int waitsSince;
        int due = -1;
        int since;
        int transferTo = -1;
        boolean attended;
        int slot = -1;
        int parkedBy = -1;
        final Map<Integer, String> rows = new TreeMap<>();
        final Set<Integer> missed = new HashSet<>();
        boolean rung;
        boolean enqueued;
        int started;

        boolean live() {
            return Set.of("new", "queued", "ringing", "claimed", "active", "held", "parked", "transferring")
                    .contains(state);
        }

        boolean owned() {
            return Set.of("claimed", "active", "held", "transferring").contains(state);
        }

        List<Integer> ringing() {
            return rows.entrySet().stream()
                    .filter(row -> row.getValue().equals("ringing"))
                    .map(Map.Entry::getKey)
                    .toList();
        }
    }

    final List<Agent> agents = new ArrayList<>();
    final List<Call> calls = new ArrayList<>();
    final Map<Integer, Queue> queues = new HashMap<>();
    int now;

    // What follows from the rest

    boolean busy(int agent) {
        return calls.stream()
                .anyMatch(call -> call.live()
                        && ((call.owned() && call.owner == agent) || "consulting".equals(call.rows.get(agent))));
    }

    String workState(int index) {
        Agent agent = agents.get(index);
        for (Call call : calls) {
            if (call.owned() && call.owner == index) {
                return call.state.equals("held") ? "on_hold" : "on_call";
            }
        }
        if (busy(index)) {
            return "on_call";
        }
        if (agent.wrapUntil >= 0) {
            return "wrap_up";
        }
        if (!agent.chosen.equals("available")) {
            return agent.chosen;
        }
        if (!agent.reachable) {
            return "unreachable";
        }
        return calls.stream().anyMatch(call -> call.ringing().contains(index)) ? "offered" : "available";
    }

    private boolean eligible(int agent) {
        return Set.of("available", "offered").contains(workState(agent));
    }

    private List<Integer> candidates(Call call) {
        var all = new ArrayList<Integer>();
        if (call.queue >= 0) {
            return all; // these queues have no members
        }
        for (int agent = 0; agent < agents.size(); agent++) {
            if (eligible(agent) && (!call.missed.contains(agent) || call.since < now - 15)) {
                all.add(agent);
            }
        }
        return all;
    }

    private int ringTime(Call call) {
        return call.queue >= 0 ? queues.get(call.queue).ring() : 20;
    }

    private void become(Call call, String state) {
        if (!call.state.equals(state)) {
            call.since = now;
        }
        call.state = state;
    }

    // Commands: whether they are accepted

    void incoming() {
        var call = new Call();
        call.started = now;
        call.since = now;
        call.due = now + 60;
        calls.add(call);
    }

    boolean dial(int agent) {
        if (busy(agent) || agents.get(agent).chosen.equals("offline")) {
            return false;
        }
        incoming();
        Call call = calls.getLast();
        call.outbound = true;
        become(call, "claimed");
        take(call, agent);
        call.due = now + DIAL;
        return true;
    }

    boolean enqueue(Call call, int queue) {
        if (!call.state.equals("new") && !call.state.equals("queued")) {
            return false;
        }
        intoQueue(call, queue);
        return true;
    }

    private void intoQueue(Call call, int queue) {
        become(call, "queued");
        call.queue = queue;
        call.enqueued = true;
        call.waitsSince = now;
        call.due = now + queues.get(queue).maxWait();
        call.missed.clear();
    }

    boolean offer(Call call, List<Integer> named) {
        if (!Set.of("new", "queued", "ringing").contains(call.state)) {
            return false;
        }
        List<Integer> at = (named.isEmpty() ? candidates(call) : named)
                .stream()
                        .distinct()
                        .filter(agent -> eligible(agent) && !"ringing".equals(call.rows.get(agent)))
                        .toList();
        if (at.isEmpty()) {
            return false;
        }
        become(call, "ringing");
        ring(call, at);
        return true;
    }

    private void ring(Call call, List<Integer> at) {
        if (!call.rung && !call.enqueued) {
            call.waitsSince = now;
        }
        call.rung = true;
        at.forEach(agent -> call.rows.put(agent, "ringing"));
        call.due = now + ringTime(call);
    }

    boolean decline(Call call, int agent) {
        if (!call.live()) {
            return true;
        }
        if ("consulting".equals(call.rows.get(agent))) {
            transferFailed(call);
            return true;
        }
        if (!call.ringing().contains(agent)) {
            return call.missed.contains(agent);
        }
        if (call.state.equals("transferring")) {
            transferFailed(call);
        } else {
            pass(call, List.of(agent));
        }
        return true;
    }

    private void pass(Call call, List<Integer> at) {
        call.missed.addAll(at);
        at.forEach(call.rows::remove);
        if (call.ringing().isEmpty()) {
            unanswered(call);
        }
    }

    private void unanswered(Call call) {
        call.rows.values().removeIf("ringing"::equals);
        if (call.queue >= 0 && now < waitEnds(call)) {
            become(call, "queued");
            call.due = waitEnds(call);
        } else if (call.answered) {
            become(call, "parked");
            call.slot = lowestFree();
            call.parkedBy = call.answeredBy;
            call.due = now + PARKED_ON;
            call.owner = -1;
        } else {
            finish(call, "missed");
        }
    }

    private int lowestFree() {
        Set<Integer> taken = new HashSet<>();
        calls.forEach(other -> taken.add(other.slot));
        int slot = 1;
        while (taken.contains(slot)) {
            slot++;
        }
        return slot;
    }

    private int waitEnds(Call call) {
        int since = call.enqueued || call.rung ? call.waitsSince : call.started;
        return since + queues.get(call.queue).maxWait();
    }

    private void take(Call call, int agent) {
        call.rows.values().removeIf("ringing"::equals);
        call.owner = agent;
        call.missed.clear();
        agents.get(agent).wrapUntil = -1;
        var stranded = new ArrayList<Call>();
        for (Call other : calls) {
            if (other != call && "ringing".equals(other.rows.get(agent))) {
                other.rows.remove(agent);
                stranded.add(other);
            }
        }
        stranded.forEach(this::settle);
    }

    private void settle(Call call) {
        if (!call.state.equals("ringing") || !call.ringing().isEmpty()) {
            return;
        }
        if (call.queue < 0 && !call.answered && now < call.started + WITHOUT_QUEUE) {
            become(call, "new");
            call.due = call.started + WITHOUT_QUEUE;
        } else {
            unanswered(call);
        }
    }

    boolean claim(Call call, int agent) {
        if (!call.live()) {
            return false;
        }
        boolean target = call.state.equals("transferring") && "ringing".equals(call.rows.get(agent));
        if (call.owned() && !target) {
            return call.owner == agent || "consulting".equals(call.rows.get(agent));
        }
        if (!"ringing".equals(call.rows.get(agent))
                || busy(agent)
                || agents.get(agent).chosen.equals("offline")) {
            return false;
        }
        if (target) {
            accept(call, agent);
            return true;
        }
        become(call, "claimed");
        take(call, agent);
        call.due = now + LEASE;
        return true;
    }

    boolean start(Call call, int agent) {
        if (call.state.equals("claimed") && call.owner == agent) {
            become(call, "active");
            talk(call, agent);
            return true;
        }
        boolean target = call.state.equals("transferring") && "ringing".equals(call.rows.get(agent));
        if (!call.live()
                || (call.owned() && !target)
                || !"ringing".equals(call.rows.get(agent))
                || busy(agent)
                || agents.get(agent).chosen.equals("offline")) {
            return call.live()
                    && call.owned()
                    && !target
                    && (call.owner == agent || "consulting".equals(call.rows.get(agent)));
        }
        if (target) {
            accept(call, agent);
            return true;
        }
        become(call, "active");
        take(call, agent);
        talk(call, agent);
        return true;
    }

    private void talk(Call call, int agent) {
        call.answered = true;
        call.answeredBy = agent;
        call.due = -1;
        call.rows.put(agent, "active");
        agents.get(agent).current = calls.indexOf(call);
        agents.get(agent).wrapUntil = -1;
    }

    private void accept(Call call, int agent) {
        if (call.attended) {
            call.due = -1;
            call.rows.remove(agent);
            clearOthers(call, agent);
            agents.get(agent).wrapUntil = -1;
            call.rows.put(agent, "consulting");
            return;
        }
        handOver(call, agent);
    }

    private void clearOthers(Call call, int agent) {
        int owner = call.owner;
        Set<Integer> missed = new HashSet<>(call.missed);
        Map<Integer, String> rows = new TreeMap<>(call.rows);
        take(call, agent);
        call.owner = owner;
        call.missed.addAll(missed);
        call.rows.putAll(rows);
    }

    private void handOver(Call call, int agent) {
        int owner = call.owner;
        call.rows.clear();
        call.muted = false;
        become(call, "active");
        call.transferTo = -1;
        release(call, owner, true);
        Set<Integer> missed = new HashSet<>(call.missed);
        take(call, agent);
        call.missed.addAll(missed);
        talk(call, agent);
    }

    private void release(Call call, int agent, boolean handled) {
        Agent freed = agents.get(agent);
        freed.current = -1;
        int seconds = call.queue >= 0 ? queues.get(call.queue).wrapUp() : 0;
        freed.wrapUntil = handled && seconds > 0 ? now + seconds : -1;
        freed.wraps = call;
    }

    boolean hold(Call call, boolean held, boolean mine) {
        if (!mine || !call.owned()) {
            return false;
        }
        String to = held ? "held" : "active";
        if (call.state.equals(to)) {
            return true;
        }
        if (!call.state.equals(held ? "active" : "held")) {
            return false;
        }
        become(call, to);
        call.rows.put(call.owner, to);
        return true;
    }

    boolean mute(Call call, boolean muted, boolean mine) {
        if (!mine || !Set.of("active", "held").contains(call.state)) {
            return false;
        }
        call.muted = muted;
        return true;
    }

    boolean park(Call call, int wanted, int timeout, boolean mine) {
        if (!mine || !Set.of("active", "held").contains(call.state)) {
            return false;
        }
        if (calls.stream().anyMatch(other -> wanted >= 0 && other.slot == wanted)) {
            return false;
        }
        int slot = wanted < 0 ? lowestFree() : wanted;
        become(call, "parked");
        call.muted = false;
        call.slot = slot;
        call.parkedBy = call.owner;
        call.due = now + timeout;
        call.rows.clear();
        release(call, call.owner, false);
        call.owner = -1;
        return true;
    }

    boolean unpark(Call call, int agent) {
        if (call.owned()) {
            return call.owner == agent || "consulting".equals(call.rows.get(agent));
        }
        if (!call.state.equals("parked")
                || busy(agent)
                || agents.get(agent).chosen.equals("offline")) {
            return false;
        }
        call.slot = -1;
        become(call, "claimed");
        take(call, agent);
        call.due = now + LEASE;
        return true;
    }

    boolean transfer(Call call, int to, boolean attended, boolean force, boolean mine) {
        if (!mine || !Set.of("active", "held").contains(call.state) || call.owner == to) {
            return false;
        }
        if (busy(to) ? !force : !eligible(to)) {
            return false;
        }
        become(call, "transferring");
        call.transferTo = to;
        call.attended = attended;
        call.rows.put(call.owner, "active");
        ring(call, List.of(to));
        return true;
    }

    boolean completeTransfer(Call call, boolean mine) {
        if (!mine || !call.state.equals("transferring") || !"consulting".equals(call.rows.get(call.transferTo))) {
            return false;
        }
        handOver(call, call.transferTo);
        return true;
    }

    boolean cancelTransfer(Call call, boolean mine) {
        if (!mine || !call.state.equals("transferring")) {
            return false;
        }
        transferFailed(call);
        return true;
    }

    private void transferFailed(Call call) {
        become(call, "active");
        call.rows.remove(call.transferTo);
        call.transferTo = -1;
        call.due = -1;
    }

    boolean requeue(Call call, int queue, boolean mine) {
        if (!mine || !Set.of("active", "held").contains(call.state)) {
            return false;
        }
        call.rows.clear();
        call.muted = false;
        release(call, call.owner, true);
        call.owner = -1;
        intoQueue(call, queue);
        return true;
    }

    boolean end(Call call, boolean mine) {
        if (!call.live()) {
            return true;
        }
        if (!mine) {
            return false;
        }
        finish(call, call.answered ? "completed" : "canceled");
        return true;
    }

    void hangUp(Call call) {
        if (call.live()) {
            finish(call, call.answered ? "completed" : "abandoned");
        }
    }

    void fail(Call call, String outcome) {
        if (call.live()) {
            finish(call, call.answered ? "completed" : outcome);
        }
    }

    private void finish(Call call, String state) {
        boolean owned = call.owned();
        boolean connected = !call.state.equals("claimed");
        become(call, state);
        call.rows.clear();
        call.slot = -1;
        call.transferTo = -1;
        call.due = -1;
        if (owned) {
            release(call, call.owner, connected);
        }
    }

    void timeOut(Call call) {
        if (!call.live() || call.due < 0 || now < call.due) {
            return;
        }
        switch (call.state) {
            case "ringing" -> {
                if (call.ringing().isEmpty()) {
                    settle(call);
                } else {
                    pass(call, call.ringing());
                }
            }
            case "new" -> finish(call, "missed");
            case "queued" -> finish(call, call.answered ? "completed" : "missed");
            case "claimed" -> leaseExpired(call);
            case "parked" -> parkTimedOut(call);
            case "transferring" -> transferFailed(call);
            default -> {}
        }
    }

    boolean legFailed(Call call, int agent) {
        if (!call.live()) {
            return true;
        }
        if (call.state.equals("claimed") && call.owner == agent) {
            leaseExpired(call);
        } else if (call.ringing().contains(agent) || "consulting".equals(call.rows.get(agent))) {
            if (call.state.equals("transferring")) {
                transferFailed(call);
            } else {
                pass(call, List.of(agent));
            }
        }
        return true;
    }

    private void leaseExpired(Call call) {
        int late = call.owner;
        List<Integer> others =
                candidates(call).stream().filter(agent -> agent != late).toList();
        boolean dialled = call.outbound && !call.answered;
        release(call, late, false);
        call.owner = -1;
        call.missed.add(late);
        if (call.answered && !dialled) {
            call.enqueued = true;
            call.waitsSince = now;
        }
        if (dialled) {
            call.state = "ringing"; // nobody's any more
            finish(call, "no_answer");
        } else if (others.isEmpty()) {
            call.state = "ringing"; // it rings nowhere
            unanswered(call);
        } else {
            become(call, "ringing");
            ring(call, others);
        }
    }

    private void parkTimedOut(Call call) {
        if (eligible(call.parkedBy)) {
            become(call, "ringing");
            call.enqueued = true;
            call.waitsSince = now;
            ring(call, List.of(call.parkedBy));
            call.slot = -1;
        } else if (call.queue >= 0) {
            intoQueue(call, call.queue);
            call.slot = -1;
        } else {
            call.due = now + PARKED_ON;
        }
    }

    boolean choose(int index, String choice) {
        Agent agent = agents.get(index);
        agent.chosen = choice;
        agent.wrapUntil = -1;
        if (!choice.equals("available")) {
            cardsGo(index);
        } else if (!agent.reachable) {
            cardsGo(index);
        }
        return true;
    }

    void reach(int index, boolean reachable) {
        agents.get(index).reachable = reachable;
        if (!reachable || !agents.get(index).chosen.equals("available")) {
            cardsGo(index);
        }
    }

    private void cardsGo(int agent) {
        var stranded = new ArrayList<Call>();
        for (Call call : calls) {
            if ("ringing".equals(call.rows.get(agent))) {
                call.rows.remove(agent);
                stranded.add(call);
            }
        }
        stranded.forEach(this::settle);
    }

    void wrapUpOver(int index) {
        Agent agent = agents.get(index);
        if (agent.wrapUntil >= 0 && now >= agent.wrapUntil) {
            agent.wrapUntil = -1;
        }
    }

    boolean wrapUp(Call call, int actor) {
        Agent agent = agents.get(actor);
        if (agent.wrapUntil >= 0 && agent.wraps == call) {
            agent.wrapUntil = -1;
            return true;
        }
        return call.answeredBy == actor;
    }

    /** The database's live state as it should be. */
    Map<String, String> image() {
        var image = new TreeMap<String, String>();
        for (int i = 0; i < calls.size(); i++) {
            Call call = calls.get(i);
            image.put(
                    "call " + i,
                    call.state + " owner " + (call.owned() ? call.owner : "-") + " rows " + call.rows + " slot "
                            + (call.slot < 0 ? "-" : call.slot) + (call.muted ? " muted" : ""));
        }
        for (int i = 0; i < agents.size(); i++) {
            image.put(
                    "agent " + i,
                    workState(i) + " current " + (agents.get(i).current < 0 ? "-" : agents.get(i).current));
        }
        return image;
    }
}
