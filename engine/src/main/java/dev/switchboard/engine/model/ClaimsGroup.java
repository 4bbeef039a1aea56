package dev.switchboard.engine.model;

/**
 * What policies can tell apart of a token: its role and its claims without those that differ from token to token of one
 * user ({@code iat, exp, jti, session_id}). Subscribers of one group get one decision (SPEC A5).
 *
 * @param role database role, the claim {@code role}
 * @param json the claims as a JSON object with sorted keys
 */
public record ClaimsGroup(String role, String json) {}
