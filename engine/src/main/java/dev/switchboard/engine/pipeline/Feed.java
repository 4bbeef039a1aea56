package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.channel.ChangeFeed;
import dev.switchboard.engine.deliver.Sink;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Sight;
import dev.switchboard.engine.route.EventKind;
import dev.switchboard.engine.route.Subscription;
import dev.switchboard.engine.route.TableSelector;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/** The pipeline as channels see it: resolves bindings off the event loops, then queues them for the pipeline thread. */
final class Feed implements ChangeFeed {
    private final SubscriptionCatalog catalog;
    private final Executor blocking;
    private final Inbox inbox;
    private final Sink sink;
    private final Fences fences;
    private final Trouble trouble;

    Feed(SubscriptionCatalog catalog, Executor blocking, Inbox inbox, Sink sink, Fences fences, Trouble trouble) {
        this.catalog = catalog;
        this.blocking = blocking;
        this.inbox = inbox;
        this.sink = sink;
        this.fences = fences;
        this.trouble = trouble;
    }

    @Override
    public void open(Request request, Consumer<Answer> answer, Consumer<Notice> notices) {
        blocking.execute(() -> resolve(request, answer, notices));
    }

    @Override
    public void close(ChannelRef channel) {
        inbox.put(new Inbox.Item.Close(channel));
    }

    private void resolve(Request request, Consumer<Answer> answer, Consumer<Notice> notices) {
        int loop = request.channel().connection().loop();
        var subscriptions = new ArrayList<Subscription>();
        var refusals = new ArrayList<Refusal>();
        var sights = new LinkedHashMap<TableSelector.One, Sight>();
        boolean hiding = false;
        Optional<Fences.Beginning> beginning;
        try {
            fences.await(request.positions());
            Lsn before = fences.head();
            for (Wanted wanted : request.wanted()) {
                switch (catalog.resolve(wanted.binding(), request.claims().group())) {
                    case SubscriptionCatalog.Resolution.Resolved resolved -> {
                        subscriptions.add(subscription(request, wanted, resolved));
                        hiding |= resolved.hiding();
                        if (resolved.table() instanceof TableSelector.One one) {
                            resolved.sight().ifPresent(sight -> sights.put(one, sight));
                        }
                    }
                    case SubscriptionCatalog.Resolution.Refused(var message) ->
                        refusals.add(new Refusal(wanted.id(), message));
                }
            }
            // last, so that little is left between it and the answer
            beginning = request.replaces().isEmpty()
                    ? Optional.of(fences.beginning(request, subscriptions, before, sights.values()))
                    : Optional.empty();
        } catch (SubscriptionCatalog.CatalogUnavailableException
                | InterruptedException
                | RuntimeException unavailable) {
            trouble.report("a join could not be answered; its client tries again", unavailable);
            sink.execute(loop, () -> answer.accept(new Answer.Unavailable()));
            return;
        }
        boolean told = sights.values().stream()
                .allMatch(sight -> sight.whole() && sight.reads().isPresent());
        var outcome = new Answer.Live(refusals, hiding, beginning.flatMap(Fences.Beginning::place), told);
        Runnable live = () -> sink.execute(loop, () -> answer.accept(outcome));
        Consumer<Notice> inOrder = notice -> sink.execute(loop, () -> notices.accept(notice));
        Optional<Sights.Wish> wish = sights.isEmpty()
                ? Optional.empty()
                : Optional.of(new Sights.Wish(
                        request.claims().group(),
                        sights,
                        () -> inOrder.accept(Notice.RIGHTS_CHANGED),
                        beginning.filter(Fences.Beginning::goesOn).isPresent()));
        inbox.put(new Inbox.Item.Open(
                request.channel(),
                subscriptions,
                request.replaces(),
                beginning.map(Fences.Beginning::fence),
                live,
                outcome.place().map(_ -> inOrder),
                wish));
    }

    private static Subscription subscription(
            Request request, Wanted wanted, SubscriptionCatalog.Resolution.Resolved resolved) {
        return new Subscription(
                request.channel(),
                wanted.id(),
                EventKind.of(wanted.binding().event()),
                resolved.table(),
                resolved.filter(),
                request.positions().wanted() ? resolved.selection().withPositions() : resolved.selection(),
                request.claims().group());
    }
}
