package dev.switchboard.engine.channel;

import dev.switchboard.engine.model.WireVersion;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.protocol.BroadcastContent;
import dev.switchboard.engine.protocol.ClientMessage;
import dev.switchboard.engine.protocol.ErrorCode;
import dev.switchboard.engine.protocol.ServerMessage;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What a join may be, whoever sends it and whatever else is joined (SPEC J1, J7). Pure. */
final class JoinForm {
    private static final int MOST_BINDINGS = 100;

    /** Characters of bindings whose reply cannot be too large, whatever is escaped in it. */
    private static final int SURELY_ANSWERED = 32 * 1024;

    /** Bytes of the reply to a join, which echoes its bindings and has to fit into what waits for a connection. */
    private static final int LARGEST_REPLY = 448 * 1024;

    private JoinForm() {}

    /** Why it is refused, if it is. */
    static Optional<ErrorCode> objection(ClientMessage.Join join, WireVersion version) {
        if (!join.topic().startsWith(ServerMessage.TOPIC_PREFIX)) {
            return Optional.of(ErrorCode.UNMATCHED_TOPIC);
        }
        if (join.topic().length() == ServerMessage.TOPIC_PREFIX.length()) {
            return Optional.of(ErrorCode.TOPIC_NAME_REQUIRED);
        }
        if (join.topic().getBytes(StandardCharsets.UTF_8).length > BroadcastContent.LONGEST_NAME) {
            return Optional.of(ErrorCode.TOPIC_TOO_LONG);
        }
        if (join.malformed()) {
            return Optional.of(ErrorCode.MALFORMED_BINDING);
        }
        Optional<ErrorCode> replay = objection(join.options());
        if (replay.isPresent()) {
            return replay;
        }
        if (isTooLarge(join) || isTooLargeToAnswer(join, version)) {
            return Optional.of(ErrorCode.JOIN_TOO_LARGE);
        }
        return Optional.empty();
    }

    private static Optional<ErrorCode> objection(ClientMessage.Options options) {
        return switch (options.replay()) {
            case ClientMessage.Replay.None _ -> Optional.empty();
            case ClientMessage.Replay.Malformed _ -> Optional.of(ErrorCode.REPLAY_INVALID);
            case ClientMessage.Replay.Wanted _ ->
                options.privateChannel() ? Optional.empty() : Optional.of(ErrorCode.REPLAY_PUBLIC);
        };
    }

    private static boolean isTooLarge(ClientMessage.Join join) {
        return join.bindings().size() > MOST_BINDINGS
                || isLong(join.ref())
                || isLong(join.joinRef())
                || isLong(join.options().presenceKey());
    }

    private static boolean isLong(Optional<String> name) {
        return name.filter(text -> text.length() > BroadcastContent.LONGEST_NAME)
                .isPresent();
    }

    private static boolean isTooLargeToAnswer(ClientMessage.Join join, WireVersion version) {
        long characters =
                join.bindings().stream().mapToLong(JoinForm::characters).sum();
        if (characters < SURELY_ANSWERED) {
            return false;
        }
        var reply = new ServerMessage.Joined(
                join.joinRef(),
                join.ref(),
                join.topic(),
                join.bindings(),
                join.bindings().stream().map(Binding::id).toList());
        return reply.encode(version).payload().length > LARGEST_REPLY;
    }

    private static long characters(Binding binding) {
        return binding.words().length()
                + Stream.of(binding.select(), binding.delta())
                        .flatMap(names -> names.orElse(List.of()).stream())
                        .mapToLong(String::length)
                        .sum();
    }
}
