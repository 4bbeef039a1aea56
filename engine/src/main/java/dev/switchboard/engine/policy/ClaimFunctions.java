package dev.switchboard.engine.policy;

/** Port to functions of the database: which of them depend on the claims alone. */
@FunctionalInterface
public interface ClaimFunctions {
    /** @return whether a call without arguments comes to the same as long as the claims are the same */
    boolean isOfClaims(String schema, String name);
}
