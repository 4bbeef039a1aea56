package dev.switchboard.engine.presence;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.ConnectionId;
import dev.switchboard.engine.model.WireVersion;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RosterTest {
    private static ChannelRef channel(int number) {
        return new ChannelRef(new ConnectionId(0, number), number, "realtime:room", WireVersion.V2);
    }

    private static Set<String> refs(Map<String, List<PresenceMeta>> present) {
        var refs = new HashSet<String>();
        present.forEach((key, metas) -> metas.forEach(meta -> refs.add(key + " " + meta.ref())));
        return refs;
    }

    private static PresenceMeta only(Map<String, List<PresenceMeta>> presences) {
        return presences.getOrDefault("doug", List.of()).getFirst();
    }

    @Test
    void P2_P3_anUpdateIsBothAndTheSameAgainIsNothing() {
        var roster = new Roster();

        PresenceDiff first = roster.track(channel(1), "doug", "\"a\":1", "r1");
        PresenceDiff same = roster.track(channel(1), "doug", "\"a\":1", "r2");
        PresenceDiff update = roster.track(channel(1), "doug", "\"a\":2", "r3");

        assertThat(first.joins()).containsOnlyKeys("doug");
        assertThat(same.isEmpty()).isTrue();
        assertThat(only(update.joins()).previousRef()).contains("r1");
        assertThat(only(update.leaves()).ref()).isEqualTo("r1");
        assertThat(roster.untrack(channel(2)).isEmpty()).isTrue();
    }

    @Test
    void P7_diffsThatAreMergedAnyhowLeadToTheSamePicture() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int round = 0; round < 300; round++) {
            var roster = new Roster();
            var client = new HashSet<String>();
            PresenceDiff pending = PresenceDiff.NONE;
            for (int step = 0; step < 60; step++) {
                ChannelRef channel = channel(random.nextInt(6));
                String key = "key" + channel.epoch() % 3;
                pending = pending.then(
                        random.nextInt(3) == 0
                                ? roster.untrack(channel)
                                : roster.track(channel, key, "\"n\":" + random.nextInt(3), round + "-" + step));
                if (random.nextInt(4) == 0) {
                    apply(client, pending);
                    pending = PresenceDiff.NONE;
                }
            }
            apply(client, pending);

            assertThat(client).as("seed %s", seed).isEqualTo(refs(roster.present()));
        }
    }

    /** As clients do: joins, then leaves; nobody joins twice, and nobody leaves who is not there. */
    private static void apply(Set<String> client, PresenceDiff diff) {
        var joins = new ArrayList<>(refs(diff.joins()));
        assertThat(joins).noneMatch(client::contains);
        client.addAll(joins);
        assertThat(client).containsAll(refs(diff.leaves()));
        client.removeAll(refs(diff.leaves()));
    }
}
