package dev.switchboard.engine.pipeline;

import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.Sight;
import dev.switchboard.engine.model.StartingPoint;
import dev.switchboard.engine.protocol.Binding;
import dev.switchboard.engine.route.Filter;
import dev.switchboard.engine.route.Selection;
import dev.switchboard.engine.route.TableSelector;
import java.util.Collection;
import java.util.Optional;
import java.util.Set;

/** Port to the checks at subscribe time. Blocking; called on virtual threads. */
public interface SubscriptionCatalog {
    /** Resolves a binding against the database, under the group's role and claims. */
    Resolution resolve(Binding binding, ClaimsGroup group) throws CatalogUnavailableException;

    /** What is committed now: a subscription that is made from here on hears of what comes after it. */
    StartingPoint now() throws CatalogUnavailableException;

    /**
     * Whether the stream has brought all changes of these tables that the starting point does not see.
     *
     * @return not, where a table was published later, or rows come and go with its partitions
     */
    default boolean carriedSince(Collection<TableSelector> tables, StartingPoint start)
            throws CatalogUnavailableException {
        return false;
    }

    /**
     * Tables that were subscribed to by name and cannot be any more, since they were dropped, renamed or taken out of the
     * publication; each is named twice. Called by one thread.
     */
    Set<TableSelector.One> withdrawn() throws CatalogUnavailableException;

    /**
     * Partitioned tables whose rows came or went with a partition since this was last asked, of which the stream does not tell.
     * Called by the same thread.
     */
    default Set<TableSelector.One> moved() throws CatalogUnavailableException {
        return Set.of();
    }

    /** Tables whose {@link Sight} has another version than when this was last asked. Called by the same thread. */
    default Resighted resighted() throws CatalogUnavailableException {
        return new Resighted(Set.of(), 0);
    }

    /** @param generation of sights that are asked for from now on */
    record Resighted(Set<TableSelector.One> tables, long generation) {
        public Resighted {
            tables = Set.copyOf(tables);
        }
    }

    sealed interface Resolution {
        /**
         * @param hiding  whether policies may hide rows of the table from the group
         * @param sight   what its rows hang on; of a binding that wants to know when that changes
         */
        record Resolved(
                TableSelector table,
                Optional<Filter> filter,
                Selection selection,
                boolean hiding,
                Optional<Sight> sight)
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
