package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.authorize.Candidate;
import dev.switchboard.engine.authorize.Deltas;
import dev.switchboard.engine.authorize.Grant;
import dev.switchboard.engine.deliver.Receipt;
import dev.switchboard.engine.deliver.Recipients;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.encode.ChangeEncoder;
import dev.switchboard.engine.encode.UnsupportedTypeException;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.Frame;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The frames of one round, per event loop in the order of the changes. A channel with several bindings that match one
 * change gets one frame with all their ids; only where they are sent different columns, one per set of them. Owned by the
 * pipeline thread.
 */
final class Delivery {
    private final List<Part> parts = new ArrayList<>(List.of(new Part()));
    private final Set<ChannelRef> unsendable = new LinkedHashSet<>();
    private final Set<ChannelRef> outdated = new LinkedHashSet<>();
    private final boolean late;
    private int pairs;

    /** Of changes as they come. */
    Delivery() {
        this(false);
    }

    /** @param late whether the changes have been told to others before */
    Delivery(boolean late) {
        this.late = late;
    }

    /** What is handed over before something else happens. */
    private record Part(Map<Integer, List<Recipients>> byLoop, List<Runnable> after) {
        Part() {
            this(new HashMap<>(), new ArrayList<>());
        }
    }

    private record Shown(ChannelRef channel, ChangeEncoder.View view) {}

    /** @return what will be known of the frames */
    List<Receipt> add(ChangeEncoder encoder, Candidate candidate, List<Grant> grants) {
        var deltas = new Deltas(candidate.change());
        var ids = new LinkedHashMap<Shown, List<Integer>>();
        for (Grant grant : grants) {
            if (deltas.isOutdated(grant)) {
                outdated.add(grant.subscription().channel());
                continue;
            }
            var view = new ChangeEncoder.View(
                    grant.columns(),
                    grant.old(),
                    deltas.enough(grant),
                    grant.subscription().selection().positioned());
            var shown = new Shown(grant.subscription().channel(), view);
            ids.computeIfAbsent(shown, _ -> new ArrayList<>())
                    .add(grant.subscription().binding());
        }
        var channels = new LinkedHashMap<Frame, Map<Integer, List<ChannelRef>>>();
        ids.forEach((shown, bindings) -> {
            ChannelRef channel = shown.channel();
            try {
                bindings.sort(null);
                Frame frame = encoder.frame(shown.view(), channel.topic(), bindings, channel.version());
                channels.computeIfAbsent(frame, _ -> new HashMap<>())
                        .computeIfAbsent(channel.connection().loop(), _ -> new ArrayList<>())
                        .add(channel);
                pairs++;
            } catch (UnsupportedTypeException unsupported) {
                unsendable.add(channel);
            }
        });
        var receipts = new ArrayList<Receipt>();
        Part part = current();
        channels.forEach((frame, loops) -> loops.forEach((loop, receivers) -> {
            var receipt = new Receipt(receivers, frame.payload().length);
            receipts.add(receipt);
            part.byLoop()
                    .computeIfAbsent(loop, _ -> new ArrayList<>())
                    .add(new Recipients.Send(
                            frame,
                            Optional.of(candidate.transaction().committedAt()).filter(_ -> !late),
                            receipt));
        }));
        return receipts;
    }

    private Part current() {
        if (!parts.getLast().after().isEmpty()) {
            parts.add(new Part());
        }
        return parts.getLast();
    }

    /** What happens after what was added so far is handed over, and before what is added next. */
    void then(Runnable happening) {
        parts.getLast().after().add(happening);
    }

    /** Channels that cannot be sent one of the changes. */
    Set<ChannelRef> unsendable() {
        return unsendable;
    }

    /** Channels whose rows cannot be completed any more by what they would be sent. */
    Set<ChannelRef> outdated() {
        return outdated;
    }

    /** Hands everything to the sockets' side; returns the number of (change, channel) pairs. */
    int handOver(Sink sink) {
        for (Part part : parts) {
            part.byLoop().forEach(sink::deliver);
            part.after().forEach(Runnable::run);
        }
        return pairs;
    }

    static void refetch(Sink sink, ErrorCode code, Collection<ChannelRef> channels) {
        var loops = new HashMap<Integer, List<ChannelRef>>();
        for (ChannelRef channel : channels) {
            loops.computeIfAbsent(channel.connection().loop(), _ -> new ArrayList<>())
                    .add(channel);
        }
        loops.forEach((loop, refs) -> sink.deliver(loop, List.of(new Recipients.Refetch(code, refs))));
    }
}
