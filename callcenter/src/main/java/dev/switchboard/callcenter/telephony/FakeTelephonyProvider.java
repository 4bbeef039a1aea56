package dev.switchboard.callcenter.telephony;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/** A provider in memory: keeps what it was told, each once, the last {@value #MOST_KEPT}. Guarded by {@code this}. */
public final class FakeTelephonyProvider implements TelephonyProvider {
    static final int MOST_KEPT = 10_000;

    private final Deque<Command> told = new ArrayDeque<>();
    private final Set<UUID> ids = new HashSet<>();

    @Override
    public synchronized void carryOut(Command command) {
        if (!ids.add(command.id())) {
            return;
        }
        told.addLast(command);
        if (told.size() > MOST_KEPT) {
            ids.remove(told.removeFirst().id());
        }
    }

    /** In the order in which they came. */
    public synchronized List<Command> told() {
        return new ArrayList<>(told);
    }
}
