package dev.switchboard.live;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.protocol.LiveQuery;
import java.util.List;

/** Port to what answers queries. Thread-safe; blocking. */
public interface QuerySource {
    /**
     * What an answer hangs on: it changes only with rows that these bring, and with the rights of its reader.
     *
     * @throws RefusedException if it is no query, or nobody can tell what it hangs on
     */
    List<Binding> changes(LiveQuery query, ClaimsGroup reader) throws RefusedException, UnavailableException;

    /**
     * The answer as it is now, by a snapshot that begins after the call; rows in order.
     *
     * @throws RefusedException if it cannot be answered, now or later
     */
    List<KeptRow> read(LiveQuery query, ClaimsGroup reader) throws RefusedException, UnavailableException;

    /** The message says why, to the client. */
    final class RefusedException extends Exception {
        private static final long serialVersionUID = 1L;

        public RefusedException(String message) {
            super(message);
        }
    }

    /** It cannot be answered now. */
    final class UnavailableException extends Exception {
        private static final long serialVersionUID = 1L;

        public UnavailableException(String message) {
            super(message);
        }
    }
}
