package dev.switchboard.engine.explain;

import dev.switchboard.engine.authorize.Denial;
import dev.switchboard.engine.channel.ChannelStatus;
import dev.switchboard.engine.channel.SocketStatus;
import dev.switchboard.engine.deliver.Receipt;
import dev.switchboard.engine.journal.Ending;
import dev.switchboard.engine.journal.Passage;
import dev.switchboard.engine.model.ChannelRef;
import dev.switchboard.engine.pipeline.Progress;
import dev.switchboard.engine.protocol.ErrorCode;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** What the running engine knows of a change's way to somebody's screen, at one look at their channels. One per question. */
public final class LiveExplanation {
    /** What was committed longer ago than this, and is not known to be delivered, is late. */
    private static final Duration LATE = Duration.ofSeconds(10);

    private static final Set<ErrorCode> TOKENS = Set.of(
            ErrorCode.CLAIMS_CHANGED,
            ErrorCode.CHANNEL_TOKEN_EXPIRED,
            ErrorCode.TOKEN_AWAITED,
            ErrorCode.TOKEN_EXPIRED,
            ErrorCode.TOKEN_EARLY,
            ErrorCode.TOKEN_MALFORMED,
            ErrorCode.TOKEN_SIGNATURE,
            ErrorCode.FOREIGN_TOPIC,
            ErrorCode.ROOM_CLOSED,
            ErrorCode.PRIVATE_ONLY);

    private final LiveSources sources;
    private final Question question;
    /** With channels that are theirs. */
    private final List<SocketStatus> sockets;

    private final List<ChannelStatus> channels;
    private final List<Ending> endings;
    private final Set<Who> theirs = new HashSet<>();

    LiveExplanation(LiveSources sources, Question question) {
        this.sources = sources;
        this.question = question;
        sockets = sources.sockets().apply(question::concerns);
        channels = sockets.stream()
                .flatMap(socket -> socket.connection().channels().stream())
                .toList();
        endings = sources.journal()
                .endings(ending -> question.concerns(ending.claims())
                        && isMeant(ending.channel().topic()));
        channels.stream()
                .map(ChannelStatus::channel)
                .filter(channel -> isMeant(channel.topic()))
                .forEach(channel -> theirs.add(Who.of(channel)));
        endings.forEach(ending -> theirs.add(Who.of(ending.channel())));
    }

    private boolean isMeant(String topic) {
        return question.topic().isEmpty() || question.topic().get().equals(topic);
    }

    /** A channel, whatever token it has. */
    private record Who(long connection, String topic) {
        static Who of(ChannelRef channel) {
            return new Who(channel.connection().number(), channel.topic());
        }
    }

    /** Whether the change has come through the stream. */
    public List<Step> arrival(Optional<Passage> passage, boolean ofRow) {
        var steps = new ArrayList<Step>();
        passage.ifPresentOrElse(
                known -> {
                    Instant committed = known.transaction().committedAt();
                    steps.add(Step.passed(
                            "committed",
                            known.event() + " at " + time(committed) + ", position " + known.position()
                                    + ", transaction "
                                    + Integer.toUnsignedString(
                                            known.transaction().xid())));
                    steps.add(Step.passed("decoded", "decided " + after(committed, known.decidedAt()) + " the commit"));
                },
                () -> {
                    if (ofRow) {
                        steps.add(Step.told(
                                "committed", "of no change of the row is anything kept here any more, or yet"));
                    }
                });
        Progress progress = sources.progress();
        Duration behind = progress.behind(sources.clock().instant()).orElse(Duration.ZERO);
        Optional<String> trouble = progress.streamTrouble();
        if (trouble.isPresent()) {
            steps.add(Step.stopped("stream", "the stream of changes is interrupted: " + trouble.get()));
        } else if (progress.accessTrouble().isPresent()) {
            steps.add(Step.stopped(
                    "stream",
                    "rows cannot be authorised now: " + progress.accessTrouble().get()));
        } else if (behind.compareTo(LATE) > 0) {
            steps.add(Step.stopped(
                    "stream",
                    "what was committed in the last " + behind.toSeconds() + " s may not have come yet; "
                            + progress.lagBytes() + " bytes of the log wait"));
        } else {
            steps.add(Step.passed(
                    "stream", "all is delivered that was committed until " + behind.toMillis() + " ms ago"));
        }
        aside(progress).ifPresent(steps::add);
        return steps;
    }

    /** What policies hold up that take long, of any table; whom they do. */
    private Optional<Step> aside(Progress progress) {
        if (progress.aside() == 0) {
            return Optional.empty();
        }
        String what = count(progress.aside(), "change") + " of tables whose policies take long (SPEC A13) "
                + (progress.aside() == 1 ? "is" : "are") + " not decided yet";
        boolean waits = channels.stream()
                .anyMatch(channel -> progress.isWaiting(channel.channel().connection()));
        return Optional.of(
                waits
                        ? Step.stopped(
                                "aside", what + ", and " + question.who() + " waits for that, with all that came later")
                        : Step.told("aside", what + "; " + question.who() + " does not wait for that"));
    }

    /** Whether somebody listens whom the change fits; what a filter makes of a row is told. */
    public List<Step> listeners(Optional<Image> image, Optional<Passage> passage) {
        var steps = new ArrayList<Step>();
        if (channels.isEmpty()) {
            steps.add(nobody("connected", question.who() + " has no channel here"));
            return steps;
        }
        steps.add(Step.passed("connected", count(channels.size(), "channel") + " of " + question.who()));
        List<ChannelStatus> meant = channels.stream()
                .filter(channel -> isMeant(channel.channel().topic()))
                .toList();
        if (meant.isEmpty()) {
            steps.add(nobody(
                    "channel",
                    question.topic().orElse("") + " is not joined; "
                            + String.join(
                                    ", ",
                                    channels.stream()
                                            .map(channel -> channel.channel().topic())
                                            .toList()) + " is"));
            return steps;
        }
        meant.forEach(channel -> steps.add(state(channel, passage)));
        steps.addAll(bindings(new Matching(sources.catalog(), question, image, passage), meant));
        return steps;
    }

    private Step nobody(String name, String text) {
        Optional<Ending> last = endings.stream().findFirst();
        if (last.isEmpty()) {
            return Step.stopped(name, text);
        }
        Ending ending = last.get();
        return Step.stopped(name(ending).orElse(name), text + "; the last ended: " + words(ending));
    }

    /** What ended a channel is the step to name, where it is one. */
    private static Optional<String> name(Ending ending) {
        return ending.code().flatMap(code -> {
            if (code == ErrorCode.OVERFLOW) {
                return Optional.of("overflow");
            }
            return TOKENS.contains(code) ? Optional.of("token") : Optional.empty();
        });
    }

    private static String words(Ending ending) {
        return ending.channel().topic() + " at " + time(ending.at()) + ", "
                + ending.code().map(code -> code.code() + ": ").orElse("") + ending.message()
                + ending.code().map(code -> ". " + code.remedy()).orElse("");
    }

    private Step state(ChannelStatus channel, Optional<Passage> passage) {
        String name = "channel " + channel.channel().topic();
        if (channel.held()) {
            return Step.stopped("token", channel.channel().topic() + " waits for its user's token");
        }
        if (channel.liveSince().isEmpty()) {
            return Step.stopped("channel", channel.channel().topic() + " is being joined");
        }
        Instant since = channel.liveSince().get();
        Optional<Instant> committed = passage.map(known -> known.transaction().committedAt());
        if (committed.filter(since::isAfter).isPresent()) {
            return Step.stopped(
                    "joined later",
                    channel.channel().topic() + " was joined at " + time(since)
                            + ", after the commit: what was there before, its client reads");
        }
        String claims = channel.claims().group().equals(question.group())
                ? ""
                : "; its token has other claims than are asked about: "
                        + channel.claims().group().json();
        return Step.told(
                name,
                "joined since " + time(since) + ", token until "
                        + time(channel.claims().expiresAt()) + claims);
    }

    private List<Step> bindings(Matching matching, List<ChannelStatus> meant) {
        var fitting = new ArrayList<Step>();
        var others = new ArrayList<Step>();
        for (ChannelStatus channel : meant) {
            for (Matching.Verdict verdict : matching.of(channel)) {
                if (verdict.fits()) {
                    fitting.add(Step.passed("binding", verdict.text()));
                } else {
                    others.add(Step.told("binding", verdict.text()));
                }
            }
        }
        if (!fitting.isEmpty()) {
            fitting.addAll(others);
            return fitting;
        }
        return others.isEmpty()
                ? List.of(Step.stopped(
                        "binding",
                        "none of the channels subscribes to " + question.table() + ", but to " + subscriptions(meant)))
                : others.stream()
                        .map(step -> Step.stopped(step.name(), step.text()))
                        .toList();
    }

    private static String subscriptions(List<ChannelStatus> channels) {
        List<String> words = channels.stream()
                .flatMap(channel -> channel.wanted().stream())
                .map(wanted -> wanted.binding().words())
                .distinct()
                .toList();
        return words.isEmpty() ? "nothing" : String.join(", ", words);
    }

    /** What was decided of the change for them, and what their sockets got. */
    public List<Step> delivery(Passage passage) {
        if (!passage.answered()) {
            return List.of(Step.stopped(
                    "decided", "PostgreSQL could not be asked in time; whom it concerned was told to refetch"));
        }
        var steps = new ArrayList<Step>();
        for (Denial denial : passage.denials()) {
            if (theirs.contains(Who.of(denial.subscription().channel()))) {
                steps.add(Step.stopped(
                        "decided",
                        "hidden from " + denial.subscription().channel().topic() + " then: "
                                + denial.reason().words()));
            }
        }
        for (Receipt receipt : passage.receipts()) {
            for (ChannelRef channel : receipt.channels()) {
                if (theirs.contains(Who.of(channel))) {
                    steps.add(Step.passed("decided", "shown to " + channel.topic() + " then"));
                    steps.addAll(handedOver(passage, receipt, channel));
                }
            }
        }
        if (steps.isEmpty()) {
            steps.add(Step.stopped(
                    "decided",
                    (passage.concerned() == 0
                                    ? "it concerned nobody"
                                    : "it concerned " + count(passage.concerned(), "subscription")
                                            + ", and none of theirs")
                            + ": what they subscribed to, or what policies demand, did not fit then"));
        }
        return steps;
    }

    /** The latest change of such a row. */
    public Optional<Passage> last(Image.Pattern row) {
        return changes(row).findFirst();
    }

    /** The latest one that one of their channels may have. */
    public Optional<Passage> lastShown(Image.Pattern row) {
        return changes(row)
                .filter(passage -> passage.receipts().stream()
                        .flatMap(receipt -> receipt.channels().stream())
                        .anyMatch(channel -> theirs.contains(Who.of(channel))))
                .findFirst();
    }

    private Stream<Passage> changes(Image.Pattern row) {
        return sources.journal().changes(question.table()).stream()
                .filter(passage ->
                        Image.of(passage).filter(image -> image.matches(row)).isPresent());
    }

    private List<Step> handedOver(Passage passage, Receipt receipt, ChannelRef channel) {
        if (receipt.handed().isEmpty()) {
            return List.of(Step.stopped(
                    Step.DELIVERED,
                    receipt.bytes() + " bytes wait: another client of the same event loop is given time to read"));
        }
        Receipt.Handed handed = receipt.handed().get();
        Optional<Ending> end = endings.stream()
                .filter(ending -> Who.of(ending.channel()).equals(Who.of(channel)))
                .filter(ending -> !ending.at().isBefore(passage.decidedAt()))
                .findFirst();
        if (handed.withheld().contains(channel)) {
            return List.of(Step.stopped(
                    "withheld",
                    "not sent, since the channel had ended or got another user's token meanwhile"
                            + end.map(ending -> ": " + words(ending)).orElse("")));
        }
        var steps = new ArrayList<Step>();
        steps.add(Step.passed(
                Step.DELIVERED,
                receipt.bytes() + " bytes to the socket at " + time(handed.at()) + ", "
                        + after(passage.transaction().committedAt(), handed.at()) + " the commit"));
        steps.add(
                end.map(ending -> Step.stopped(name(ending).orElse("connected"), "the channel ended: " + words(ending)))
                        .orElseGet(() -> acknowledged(channel, handed.at())));
        return steps;
    }

    private Step acknowledged(ChannelRef channel, Instant handedAt) {
        Optional<SocketStatus> socket = sockets.stream()
                .filter(status -> status.connection().id().equals(channel.connection()))
                .findFirst();
        if (socket.flatMap(status -> status.connection().acknowledged())
                .filter(handedAt::isBefore)
                .isPresent()) {
            return Step.passed("acknowledged", "the client has had the answer to a heartbeat that came later");
        }
        long pending = socket.map(SocketStatus::pendingBytes).orElse(0L);
        return Step.told(
                "acknowledged",
                pending > 0
                        ? "not yet: " + pending + " bytes wait for the client, who does not read"
                        : "not yet: two heartbeats after it tell");
    }

    private static String count(int number, String what) {
        return number + " " + what + (number == 1 ? "" : "s");
    }

    private static String after(Instant from, Instant to) {
        return Math.max(0, Duration.between(from, to).toMillis()) + " ms after";
    }

    private static String time(Instant instant) {
        return instant.truncatedTo(ChronoUnit.MILLIS).toString();
    }
}
