package dev.switchboard.engine.channel;

import dev.switchboard.engine.deliver.Member;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.model.Room;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.Frame;
import dev.switchboard.engine.protocol.Json;
import dev.switchboard.engine.protocol.JsonBytes;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * The rooms: who is joined to a topic, on whichever event loop.
 *
 * <p>Each loop keeps the members of its own connections, so a broadcast is one task per loop that has members, and costs
 * one encoding per wire version. A sender's broadcasts arrive in the order in which it sent them. Presence of a topic
 * belongs to one loop, by the topic's hash: it keeps who is present and who watches, and tells the watchers; so all see
 * the same order. Nothing is lost between a state and its diffs, since both take the same way.
 *
 * <p>Thread-safe; its parts are owned by their loops.
 */
public final class Hub {
    /** What a message that waits takes beside its bytes, roughly. */
    private static final int OVERHEAD = 512;

    /** Bytes of presence in one room, by estimate. */
    static final long LARGEST_ROOM = 8 << 20;

    /** The most event loops that rooms can span: one bit each. */
    public static final int MOST_LOOPS = Long.SIZE;

    private final Sink sink;
    private final List<RoomsOfLoop> loops;
    /** Per topic a bit for each loop that has members. */
    private final Map<Room, Long> loopsWithMembers = new ConcurrentHashMap<>();

    private final List<PresenceOfLoop> presences;
    /** Per topic what its presences take, see {@link Channel#presenceCost(String, String)}. */
    private final Map<Room, Long> presenceBytes = new ConcurrentHashMap<>();

    /**
     * @param loopCount number of event loops, at most 64
     * @param refs      gives references that are unique for ever, also after a restart
     */
    public Hub(Sink sink, int loopCount, Supplier<String> refs) {
        if (loopCount < 1 || loopCount > MOST_LOOPS) {
            throw new IllegalArgumentException(loopCount + " event loops; there may be 1 to " + MOST_LOOPS);
        }
        this.sink = sink;
        loops = IntStream.range(0, loopCount).mapToObj(_ -> new RoomsOfLoop()).toList();
        presences = IntStream.range(0, loopCount)
                .mapToObj(loop -> new PresenceOfLoop(sink, loop, refs))
                .toList();
    }

    /** Topics that have members. From any thread. */
    public int roomCount() {
        return loopsWithMembers.size();
    }

    /** On the channel's loop: from now on it gets the broadcasts of its topic. */
    void join(Member member) {
        int loop = member.ref().connection().loop();
        if (loops.get(loop).join(member)) {
            loopsWithMembers.merge(member.ref().room(), 1L << loop, (a, b) -> a | b);
        }
    }

    /** On the channel's loop: it gets nothing any more, and is not present; one that never joined is no error. */
    void leave(Member member, boolean watched) {
        int loop = member.ref().connection().loop();
        if (loops.get(loop).leave(member)) {
            loopsWithMembers.computeIfPresent(member.ref().room(), (_, bits) -> {
                long left = bits & ~(1L << loop);
                return left == 0 ? null : left;
            });
        }
        if (watched) {
            atOwner(member.ref().room(), owner -> owner.leave(member));
        }
    }

    /** Tells everyone in the room. From any thread. */
    public void broadcast(Room room, BroadcastContent content, Optional<Member> except) {
        int bytes = content.size() + room.topic().length() + OVERHEAD;
        // what an id stands for, the table alone says: another's message of that id is another
        broadcast(room, content, except, Optional.empty(), (loop, recipients) -> sink.cast(loop, bytes, recipients));
    }

    /** The same of what the stream brings: waits while a loop is behind, and comes after what the stream has brought before. */
    public void deliver(Room room, BroadcastContent content) {
        broadcast(room, content, Optional.empty(), content.id(), sink::deliver);
    }

    private void broadcast(
            Room room,
            BroadcastContent content,
            Optional<Member> except,
            Optional<String> id,
            BiConsumer<Integer, Supplier<List<Recipients>>> hand) {
        long bits = loopsWithMembers.getOrDefault(room, 0L);
        if (bits == 0) {
            return;
        }
        Map<WireVersion, Frame> frames = frames(room.topic(), content);
        for (int loop = 0; loop < loops.size(); loop++) {
            if ((bits & 1L << loop) != 0) {
                RoomsOfLoop rooms = loops.get(loop);
                hand.accept(loop, () -> rooms.recipients(room, frames, except, id));
            }
        }
    }

    private static Map<WireVersion, Frame> frames(String topic, BroadcastContent content) {
        var frames = new EnumMap<WireVersion, Frame>(WireVersion.class);
        for (WireVersion version : WireVersion.values()) {
            content.frame(version, topic).ifPresent(frame -> frames.put(version, frame));
        }
        return frames;
    }

    /** Sends the channel who is present, and from then on who comes and goes. */
    void watch(Member member, Optional<String> joinRef) {
        atOwner(member.ref().room(), owner -> owner.watch(member, joinRef));
    }

    /**
     * The channel is present under that key with that content.
     *
     * @param members of the tracked object, see {@link #members}
     */
    void track(Member member, String key, String members) {
        int owner = owner(member.ref().room());
        sink.cast(owner, members.length() + OVERHEAD, () -> {
            presences.get(owner).track(member, key, members);
            return List.of();
        });
    }

    void untrack(Member member) {
        atOwner(member.ref().room(), owner -> owner.untrack(member));
    }

    /**
     * Counts so much more presence to a room, if it fits; says whether it did. Less is given back, and always fits. Everybody who
     * comes is told all of a room at once, so it is bounded. From any thread.
     */
    boolean tryHold(Room room, long more) {
        var fits = new AtomicBoolean(true);
        presenceBytes.compute(room, (_, held) -> {
            long present = held == null ? 0 : held;
            fits.set(more <= 0 || present + more <= LARGEST_ROOM);
            long next = fits.get() ? present + more : present;
            return next == 0 ? null : next;
        });
        return fits.get();
    }

    /** The members of a tracked object, without what the server itself says of a presence. */
    static String members(Json.Fields payload) {
        var own = new LinkedHashMap<>(payload.values());
        own.remove("phx_ref");
        own.remove("phx_ref_prev");
        return Json.writeMembers(new Json.Fields(own), new JsonBytes()).toString();
    }

    private void atOwner(Room room, Consumer<PresenceOfLoop> task) {
        int owner = owner(room);
        sink.execute(owner, () -> task.accept(presences.get(owner)));
    }

    private int owner(Room room) {
        return Math.floorMod(room.topic().hashCode(), presences.size());
    }

    /** The rooms that have members on one loop. Owned by that loop. */
    private static final class RoomsOfLoop {
        private final Map<Room, Members> rooms = new HashMap<>();

        /** Whether this is the loop's first member of the topic. */
        boolean join(Member member) {
            boolean first = !rooms.containsKey(member.ref().room());
            rooms.computeIfAbsent(member.ref().room(), _ -> new Members()).add(member);
            return first;
        }

        /** Whether that was the loop's last member of the topic. */
        boolean leave(Member member) {
            Members members = rooms.get(member.ref().room());
            if (members == null || !members.remove(member)) {
                return false;
            }
            if (members.isEmpty()) {
                rooms.remove(member.ref().room());
            }
            return members.isEmpty();
        }

        List<Recipients> recipients(
                Room room, Map<WireVersion, Frame> frames, Optional<Member> except, Optional<String> id) {
            Members inRoom = rooms.get(room);
            if (inRoom == null) {
                return List.of();
            }
            var recipients = new ArrayList<Recipients>();
            frames.forEach((version, frame) -> {
                List<Member> members = inRoom.members(version);
                if (!members.isEmpty()) {
                    recipients.add(new Recipients.Cast(frame, members, except, id));
                }
            });
            return recipients;
        }
    }

    /** One topic's members on one loop, by wire version; the lists are copied only after a change. */
    private static final class Members {
        private final Map<WireVersion, LinkedHashSet<Member>> members = new EnumMap<>(WireVersion.class);
        private final Map<WireVersion, List<Member>> copies = new EnumMap<>(WireVersion.class);

        void add(Member member) {
            members.computeIfAbsent(member.ref().version(), _ -> new LinkedHashSet<>())
                    .add(member);
            copies.remove(member.ref().version());
        }

        boolean remove(Member member) {
            copies.remove(member.ref().version());
            return members.getOrDefault(member.ref().version(), new LinkedHashSet<>())
                    .remove(member);
        }

        boolean isEmpty() {
            return members.values().stream().allMatch(Set::isEmpty);
        }

        List<Member> members(WireVersion version) {
            return copies.computeIfAbsent(
                    version, _ -> List.copyOf(members.getOrDefault(version, new LinkedHashSet<>())));
        }
    }
}
