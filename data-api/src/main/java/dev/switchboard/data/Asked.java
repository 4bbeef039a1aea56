package dev.switchboard.data;

import dev.switchboard.data.Planner.Wanted;
import dev.switchboard.http.Handler;
import dev.switchboard.http.Request;
import dev.switchboard.tokens.JwtTokens;
import java.util.List;
import java.util.Optional;

/**
 * A request with what was found out about it at once.
 *
 * @param schema   that it asks for
 * @param accepted media types, the most wanted first
 * @param media    the one of them that it is answered in, once that is known
 */
record Asked(
        Request request,
        Handler.Client client,
        Identity identity,
        String schema,
        List<MediaType> accepted,
        MediaType media,
        Preferences preferences) {
    /**
     * Who asks.
     *
     * @param token that says so, if there was one
     */
    record Identity(String role, String claims, Optional<JwtTokens.Reading.Signed> token) {}

    Asked in(MediaType chosen) {
        return new Asked(request, client, identity, schema, accepted, chosen, preferences);
    }

    Asked with(Preferences others) {
        return new Asked(request, client, identity, schema, accepted, media, others);
    }

    boolean isHead() {
        return request.method().equals("HEAD");
    }

    boolean isOptions() {
        return request.method().equals("OPTIONS");
    }

    Wanted wanted() {
        return new Wanted(media, preferences, isHead());
    }
}
