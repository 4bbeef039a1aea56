package dev.switchboard.engine.model;

import java.util.Optional;
import java.util.Set;

/**
 * What the rows that a role sees of a table hang on, besides the rows themselves. Immutable.
 *
 * @param version of grants, policies and roles: another one as soon as they are others, the same after a restart
 * @param reads   the tables that its policies read (pg_class.oid); empty where nobody can tell what they hang on
 * @param whole   whether an UPDATE tells what the row was, so that one that leaves is told of
 * @param generation how often something of that kind had been found to be other than before, of whatever table
 */
public record Sight(String version, Optional<Set<Integer>> reads, boolean whole, long generation) {
    public Sight {
        reads = reads.map(Set::copyOf);
    }
}
