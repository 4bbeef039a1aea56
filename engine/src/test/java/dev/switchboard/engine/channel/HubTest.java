package dev.switchboard.engine.channel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.deliver.Member;
import dev.switchboard.engine.deliver.Outbound;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.Room;
import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.Json;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** The rooms over three loops whose tasks run whenever the test lets them. */
class HubTest {
    private static final int LOOPS = 3;

    private final List<ArrayDeque<Runnable>> loops =
            List.of(new ArrayDeque<>(), new ArrayDeque<>(), new ArrayDeque<>());
    private final Map<Member, List<String>> heard = new HashMap<>();
    private final AtomicLong numbers = new AtomicLong();

    private final Sink sink = new Sink() {
        @Override
        public void deliver(int loop, Supplier<List<Recipients>> batch) {
            throw new IllegalStateException("changes are the pipeline's");
        }

        @Override
        public void cast(int loop, int bytes, Supplier<List<Recipients>> recipients) {
            loops.get(loop).add(() -> recipients.get().forEach(this::hear));
        }

        private void hear(Recipients recipients) {
            if (recipients instanceof Recipients.Cast cast) {
                for (Member member : cast.members()) {
                    if (!cast.except().equals(Optional.of(member))) {
                        heard.computeIfAbsent(member, _ -> new ArrayList<>())
                                .add(cast.frame().toString());
                    }
                }
            }
        }

        @Override
        public void execute(int loop, Runnable task) {
            loops.get(loop).add(task);
        }
    };

    private final Hub hub = new Hub(sink, LOOPS, () -> "ref-" + numbers.incrementAndGet());

    private record Listener(ChannelRef ref) implements Member {
        @Override
        public boolean hears(Recipients.Cast cast, Instant now) {
            return true;
        }

        @Override
        public Outbound outbound() {
            throw new IllegalStateException("the test hears by itself");
        }
    }

    private Member member(int loop, String topic, WireVersion version) {
        long number = numbers.incrementAndGet();
        return new Listener(new ChannelRef(new ConnectionId(loop, number), number, topic, version));
    }

    private void runAll() {
        while (loops.stream().anyMatch(loop -> !loop.isEmpty())) {
            loops.forEach(loop -> {
                Runnable task = loop.poll();
                if (task != null) {
                    task.run();
                }
            });
        }
    }

    private List<String> heardBy(Member member) {
        return heard.getOrDefault(member, List.of());
    }

    private static BroadcastContent content(String event) {
        return BroadcastContent.of(event, "{}".getBytes(StandardCharsets.UTF_8), Optional.empty());
    }

    @Test
    void B1_membersOfAllLoopsAndVersionsHearInOrderAndTheSenderDoesNot() {
        Member sender = member(0, "realtime:a", WireVersion.V2);
        Member near = member(0, "realtime:a", WireVersion.V1);
        Member far = member(2, "realtime:a", WireVersion.V2);
        Member elsewhere = member(1, "realtime:b", WireVersion.V2);
        List.of(sender, near, far, elsewhere).forEach(hub::join);

        hub.broadcast(new Room("realtime:a", false), content("one"), Optional.of(sender));
        hub.broadcast(new Room("realtime:a", false), content("two"), Optional.of(sender));
        assertThat(loops.get(1)).as("a loop without members has nothing to do").isEmpty();
        runAll();

        assertThat(heard).containsOnlyKeys(near, far);
        assertThat(heardBy(near)).hasSize(2).allMatch(frame -> frame.startsWith("{\"topic\":\"realtime:a\""));
        assertThat(heardBy(far).get(0)).contains("\"one\"").startsWith("[null,null,\"realtime:a\",\"broadcast\"");
        assertThat(heardBy(far).get(1)).contains("\"two\"");
    }

    @Test
    void B9_X1_roomsAreForgottenWithTheirLastMember() {
        var random = new Random(3);
        var joined = new ArrayList<Member>();
        for (int i = 0; i < 2_000; i++) {
            if (random.nextBoolean() || joined.isEmpty()) {
                Member member = member(random.nextInt(LOOPS), "realtime:" + random.nextInt(4), WireVersion.V2);
                hub.join(member);
                joined.add(member);
            } else {
                hub.leave(joined.remove(random.nextInt(joined.size())), false);
            }
            long topics = joined.stream()
                    .map(member -> member.ref().topic())
                    .distinct()
                    .count();
            assertThat(hub.roomCount()).isEqualTo((int) topics);
        }
        joined.forEach(member -> hub.leave(member, false));
        hub.broadcast(new Room("realtime:1", false), content("x"), Optional.empty());
        runAll();

        assertThat(hub.roomCount()).isZero();
        assertThat(heard).isEmpty();
    }

    @Test
    void P1_aNewcomersStateHoldsWhatItsDiffsDoNot() {
        Member doug = member(0, "realtime:p", WireVersion.V2);
        Member rhonda = member(1, "realtime:p", WireVersion.V2);
        hub.join(doug);
        hub.join(rhonda);
        hub.watch(doug, Optional.of("1"));
        runAll();

        hub.track(doug, "doug", Hub.members(new Json.Fields(Map.of("page", new Json.Text("board")))));
        hub.watch(rhonda, Optional.of("9"));
        runAll();

        assertThat(heardBy(rhonda)).hasSize(1);
        assertThat(heardBy(rhonda).getFirst())
                .contains("[\"9\",null,\"realtime:p\",\"presence_state\",{\"doug\":{\"metas\":[{")
                .contains("\"page\":\"board\"");
        assertThat(heardBy(doug)).hasSize(2);
        assertThat(heardBy(doug).get(1)).contains("presence_diff", "\"leaves\":{}");

        hub.leave(doug, true);
        runAll();

        assertThat(heardBy(rhonda).get(1)).contains("\"joins\":{}", "\"leaves\":{\"doug\"");
        assertThat(heardBy(doug)).hasSize(2);
    }

    @Test
    void KF35_aRoomHoldsSoMuchPresenceAndNoMore() {
        var rooms = new Hub(sink, 1, () -> "ref");
        assertThat(rooms.tryHold(new Room("realtime:a", false), Hub.LARGEST_ROOM - 10))
                .isTrue();
        assertThat(rooms.tryHold(new Room("realtime:a", false), 11)).isFalse();
        assertThat(rooms.tryHold(new Room("realtime:b", false), 11))
                .as("another room")
                .isTrue();
        assertThat(rooms.tryHold(new Room("realtime:a", false), 10))
                .as("what was refused was not counted")
                .isTrue();
        assertThat(rooms.tryHold(new Room("realtime:a", false), -20)).isTrue();
        assertThat(rooms.tryHold(new Room("realtime:a", false), 20)).isTrue();
    }
}
