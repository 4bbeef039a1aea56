package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.route.Filter;
import dev.switchboard.engine.route.TableSelector;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Port to the checks at subscribe time. Blocking; called on virtual threads. */
public interface SubscriptionCatalog {
    /** Resolves a binding against the database, under the group's role and claims. */
    Resolution resolve(Binding binding, ClaimsGroup group) throws CatalogUnavailableException;

    /**
     * Tables that were subscribed to by name and cannot be any more, since they were dropped, renamed or taken out of the
     * publication; each is named twice. Called by one thread.
     */
    Set<TableName> withdrawn() throws CatalogUnavailableException;

    sealed interface Resolution {
        /** @param select with the primary key added */
        record Resolved(TableSelector table, Optional<Filter> filter, Optional<List<String>> select)
                implements Resolution {}

        /** @param message names the table and the cause */
        record Refused(String message) implements Resolution {}
    }

    /** PostgreSQL cannot be asked now. */
    final class CatalogUnavailableException extends Exception {
        private static final long serialVersionUID = 1L;

        public CatalogUnavailableException(Throwable cause) {
            super(cause.getMessage(), cause);
        }
    }
}
