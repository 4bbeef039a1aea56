package dev.switchboard.engine.protocol;

import java.util.List;
import java.util.Optional;

/** What a client says on the socket, in either wire version. */
public sealed interface ClientMessage {
    String topic();

    Optional<String> ref();

    Optional<String> joinRef();

    /**
     * phx_join.
     *
     * @param token       {@code access_token} of the payload, where it is a JWT
     * @param waits       {@code postgres_changes_options.wait}: an invalid binding refuses the whole join
     */
    record Join(
            String topic,
            Optional<String> ref,
            Optional<String> joinRef,
            Optional<String> token,
            boolean privateChannel,
            boolean presence,
            boolean waits,
            List<Binding> bindings)
            implements ClientMessage {
        public Join {
            bindings = List.copyOf(bindings);
        }
    }

    record Leave(String topic, Optional<String> ref, Optional<String> joinRef) implements ClientMessage {}

    record Heartbeat(String topic, Optional<String> ref, Optional<String> joinRef) implements ClientMessage {}

    record AccessToken(String topic, Optional<String> ref, Optional<String> joinRef, Optional<String> token)
            implements ClientMessage {}

    /** Any other event. */
    record Push(String topic, Optional<String> ref, Optional<String> joinRef, String event, Json.Fields payload)
            implements ClientMessage {}
}
