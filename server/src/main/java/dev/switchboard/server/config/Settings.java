package dev.switchboard.server.config;

import dev.switchboard.accounts.AccountSettings;
import dev.switchboard.callcenter.analysis.CallAnalyzer;
import dev.switchboard.data.DataSettings;
import dev.switchboard.engine.EngineConfig;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.history.FenceSeal;
import dev.switchboard.engine.history.HistorySettings;
import dev.switchboard.engine.memory.MemoryBudget;
import dev.switchboard.engine.postgres.AuthorizationSettings;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.gateway.GatewaySettings;
import dev.switchboard.http.HttpSettings;
import dev.switchboard.server.postgres.Migrations;
import dev.switchboard.tokens.OidcSettings;
import dev.switchboard.webhooks.WebhookSettings;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * How the server runs: what is common to its parts, and each part's own.
 *
 * @param dataDirectory         everything that is kept: database, secrets, lock
 * @param externalDatabase      a PostgreSQL of one's own; empty for the embedded one
 * @param slot                  name of the replication slot, made at the first start; names are unique in a cluster
 * @param jwtSecret             that signs tokens, HS256, of at least 32 bytes; empty for one that is generated and kept
 * @param callCentre            whether the embedded database has organizations, calls and {@code /api}
 * @param limits                of one connection
 * @param authorization   how it is found out who may see a row
 * @param history               how much of the stream is kept for those who come back
 * @param clientBytes           of memory for what clients sent and are sent, all together
 * @param accounts              empty: there is no {@code /auth/v1}, and the embedded database has no tables for it
 * @param data                  empty: there is no {@code /rest/v1}
 * @param oidc                  an identity provider whose tokens are accepted
 * @param webhooks              empty: nobody is told by HTTP; with the embedded database alone
 * @param analyzer              of calls that were written down; empty: they are left to other programs
 * @param callCentreTime        by which calls happen and deadlines run out; another than the system's in simulations
 */
public record Settings(
        Path dataDirectory,
        Optional<Database> externalDatabase,
        String slot,
        Optional<String> jwtSecret,
        boolean callCentre,
        ChannelLimits limits,
        AuthorizationSettings authorization,
        HistorySettings history,
        long clientBytes,
        HttpSettings http,
        GatewaySettings gateway,
        Optional<AccountSettings> accounts,
        Optional<DataSettings> data,
        Optional<OidcSettings> oidc,
        Optional<WebhookSettings> webhooks,
        Optional<CallAnalyzer> analyzer,
        InstantSource callCentreTime) {
    private static final int SHORTEST_SECRET = 32;

    /** @throws InvalidSettingException if parts do not fit together, or a value cannot be */
    public void check() {
        if (callCentre && accounts.isEmpty()) {
            throw new InvalidSettingException(
                    "the call centre needs accounts: its people sign in; leave out both, or none");
        }
        if (webhooks.isPresent() && slot.length() > 54) {
            throw new InvalidSettingException(
                    "the slot's name '" + slot + "' is longer than 54 characters, and that of webhooks, which is "
                            + slot + "_webhooks, than PostgreSQL's 63");
        }
        if (webhooks.isPresent() && externalDatabase.isPresent()) {
            throw new InvalidSettingException(
                    "webhooks go with the embedded PostgreSQL; beside one of your own, use a listener");
        }
        if (!slot.matches("[a-z0-9_]{1,63}")) {
            throw new InvalidSettingException("the slot's name '" + slot
                    + "' has other characters than PostgreSQL allows: a to z, 0 to 9 and _, at most 63");
        }
        jwtSecret
                .filter(secret -> secret.getBytes(StandardCharsets.UTF_8).length < SHORTEST_SECRET)
                .ifPresent(_ -> {
                    throw new InvalidSettingException("the JWT secret is shorter than " + SHORTEST_SECRET
                            + " bytes, which HS256 needs (RFC 7518, section 3.2)");
                });
    }

    /** What of them is the engine's. */
    public EngineConfig engine(int eventLoops, MemoryBudget memory, FenceSeal seal) {
        return new EngineConfig(limits, authorization.patience(), eventLoops, memory, history, seal);
    }

    /** Whose tables the embedded database has. */
    public Set<Migrations.Part> migrations() {
        var parts = EnumSet.noneOf(Migrations.Part.class);
        if (accounts.isPresent()) {
            parts.add(Migrations.Part.ACCOUNTS);
        }
        if (data.isPresent()) {
            parts.add(Migrations.Part.DATA);
        }
        if (webhooks.isPresent() || callCentre) { // which shows organizations theirs
            parts.add(Migrations.Part.WEBHOOKS);
        }
        if (callCentre) {
            parts.add(Migrations.Part.CALL_CENTRE);
        }
        return parts;
    }
}
