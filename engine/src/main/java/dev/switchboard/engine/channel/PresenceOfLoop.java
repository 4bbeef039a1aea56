package dev.switchboard.engine.channel;

import dev.switchboard.engine.deliver.Member;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.model.Room;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.presence.PendingDiff;
import dev.switchboard.engine.presence.PresenceDiff;
import dev.switchboard.engine.presence.PresenceMeta;
import dev.switchboard.engine.presence.Roster;
import dev.switchboard.engine.protocol.Frame;
import dev.switchboard.engine.protocol.ServerMessage;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * The presence of the topics that belong to one loop. Diffs that arise while the loop is busy leave as one, and newcomers get
 * the state after them: a thousand clients that come at once are few frames for each of them. Owned by its loop.
 */
final class PresenceOfLoop {
    /** What a state that waits takes by itself; the presences that it tells of are there anyway. */
    private static final int STATE_OVERHEAD = 512;

    /** Characters of one part of a state, by estimate. */
    private static final int PAGE = 64 * 1024;

    /** Characters of one presence beside its key and what is tracked: references and braces. */
    private static final int META_OVERHEAD = 64;

    private final Sink sink;
    private final int loop;
    private final Supplier<String> refs;
    private final Map<Room, Present> rooms = new HashMap<>();
    private final Set<Present> changed = new LinkedHashSet<>();

    private static final class Present {
        final String topic;
        final Roster roster = new Roster();
        final Set<Member> watchers = new LinkedHashSet<>();
        /** Channels that are to get the state, with their join references. */
        final Map<Member, Optional<String>> newcomers = new LinkedHashMap<>();

        final PendingDiff pending = new PendingDiff();

        Present(Room room) {
            topic = room.topic();
        }
    }

    private record Place(int loop, WireVersion version) {}

    PresenceOfLoop(Sink sink, int loop, Supplier<String> refs) {
        this.sink = sink;
        this.loop = loop;
        this.refs = refs;
    }

    /** The channel gets the state as soon as the others have been told what led to it. */
    void watch(Member member, Optional<String> joinRef) {
        Present room = rooms.computeIfAbsent(member.ref().room(), Present::new);
        room.newcomers.put(member, joinRef);
        tellSoon(room);
    }

    void track(Member member, String key, String members) {
        Present room = rooms.computeIfAbsent(member.ref().room(), Present::new);
        change(room, room.roster.track(member.ref(), key, members, refs.get()));
    }

    void untrack(Member member) {
        Present room = rooms.get(member.ref().room());
        if (room != null) {
            change(room, room.roster.untrack(member.ref()));
            forgetIfEmpty(room, member.ref().room());
        }
    }

    void leave(Member member) {
        Present room = rooms.get(member.ref().room());
        if (room == null) {
            return;
        }
        room.watchers.remove(member);
        room.newcomers.remove(member);
        change(room, room.roster.untrack(member.ref()));
        forgetIfEmpty(room, member.ref().room());
    }

    private void forgetIfEmpty(Present room, Room name) {
        if (room.watchers.isEmpty() && room.newcomers.isEmpty() && room.roster.isEmpty()) {
            rooms.remove(name);
            changed.remove(room);
        }
    }

    private void change(Present room, PresenceDiff diff) {
        if (!diff.isEmpty()) {
            room.pending.add(diff);
            tellSoon(room);
        }
    }

    private void tellSoon(Present room) {
        if (changed.isEmpty()) {
            sink.execute(loop, this::tellAll);
        }
        changed.add(room);
    }

    private void tellAll() {
        List<Present> due = List.copyOf(changed);
        changed.clear();
        due.forEach(room -> {
            tellDiff(room);
            tellState(room);
        });
    }

    private void tellState(Present room) {
        if (room.newcomers.isEmpty()) {
            return;
        }
        List<Map<String, List<PresenceMeta>>> pages = pages(room.roster.present());
        room.newcomers.forEach((member, joinRef) -> {
            tell(member, new ServerMessage.PresenceState(joinRef, room.topic, pages.getFirst()));
            pages.stream()
                    .skip(1)
                    .map(page -> new ServerMessage.PresenceChange(room.topic, new PresenceDiff(page, Map.of())))
                    .forEach(more -> tell(member, more));
        });
        room.watchers.addAll(room.newcomers.keySet());
        room.newcomers.clear();
    }

    /** Written when its turn comes: of many that come at once not all have the state in memory together. */
    private void tell(Member member, ServerMessage message) {
        sink.cast(
                member.ref().connection().loop(),
                STATE_OVERHEAD,
                () -> List.of(new Recipients.Cast(message.encode(member.ref().version()), List.of(member))));
    }

    /** A large room in parts that each fit into what waits for a connection; an empty one is one part. */
    private static List<Map<String, List<PresenceMeta>>> pages(Map<String, List<PresenceMeta>> present) {
        var pages = new ArrayList<Map<String, List<PresenceMeta>>>();
        pages.add(new LinkedHashMap<>());
        int characters = 0;
        for (var entry : present.entrySet()) {
            for (PresenceMeta meta : entry.getValue()) {
                int more =
                        entry.getKey().length() + META_OVERHEAD + meta.members().length();
                if (characters > 0 && characters + more > PAGE) {
                    pages.add(new LinkedHashMap<>());
                    characters = 0;
                }
                pages.getLast()
                        .computeIfAbsent(entry.getKey(), _ -> new ArrayList<>())
                        .add(meta);
                characters += more;
            }
        }
        return pages;
    }

    private void tellDiff(Present room) {
        PresenceDiff diff = room.pending.take();
        if (diff.isEmpty()) {
            return;
        }
        var places = new LinkedHashMap<Place, List<Member>>();
        for (Member watcher : room.watchers) {
            places.computeIfAbsent(
                            new Place(
                                    watcher.ref().connection().loop(),
                                    watcher.ref().version()),
                            _ -> new ArrayList<>())
                    .add(watcher);
        }
        var message = new ServerMessage.PresenceChange(room.topic, diff);
        var frames = new HashMap<WireVersion, Frame>();
        places.forEach((place, watchers) ->
                cast(frames.computeIfAbsent(place.version(), message::encode), place.loop(), watchers));
    }

    private void cast(Frame frame, int toLoop, List<Member> watchers) {
        List<Recipients> recipients = List.of(new Recipients.Cast(frame, watchers));
        sink.cast(toLoop, frame.payload().length, () -> recipients);
    }
}
