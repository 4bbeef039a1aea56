package dev.switchboard.webhooks;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.protocol.Binding;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;

/**
 * Who is told of changes.
 *
 * @param bindings      of which, as subscriptions have them
 * @param group         under whose rights
 * @param beginsAfter   what was committed before that in the WAL is not told
 * @param secretVersion of the secret that messages are signed with
 * @param previousUntil until when they are signed with the one before it too
 * @param revision      another one where something of the above but the secret has changed
 * @param problem       why some of its bindings could not be, when that was looked at last
 */
record Endpoint(
        UUID id,
        String url,
        List<Binding> bindings,
        ClaimsGroup group,
        Ordering ordering,
        Lsn beginsAfter,
        int secretVersion,
        Optional<Instant> previousUntil,
        int revision,
        Optional<String> problem) {
    Endpoint {
        bindings = List.copyOf(bindings);
    }

    /** Which messages go one after the other, each after the one before it was taken or has failed. */
    enum Ordering {
        /** Those of one row, known by its primary key. */
        ROW,
        /** Those of one table. */
        TABLE,
        /** All of the endpoint. */
        ALL;

        static Ordering of(String text) {
            return valueOf(text.toUpperCase(Locale.ROOT));
        }

        String text() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
