package dev.switchboard.server.data;

import dev.switchboard.server.data.Planner.Wanted;
import dev.switchboard.server.http.Handler;
import dev.switchboard.server.http.Request;

/**
 * A request with what was found out about it at once.
 *
 * @param schema that it asks for
 */
record Asked(
        Request request,
        Handler.Client client,
        Identity identity,
        String schema,
        MediaType media,
        Preferences preferences) {
    /** Who asks. */
    record Identity(String role, String claims) {}

    boolean isHead() {
        return request.method().equals("HEAD");
    }

    Wanted wanted() {
        return new Wanted(media, preferences, isHead());
    }
}
