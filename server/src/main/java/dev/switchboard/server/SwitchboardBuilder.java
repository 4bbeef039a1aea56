package dev.switchboard.server;

import dev.switchboard.accounts.AccountSettings;
import dev.switchboard.callcenter.analysis.CallAnalyzer;
import dev.switchboard.data.DataSettings;
import dev.switchboard.engine.channel.ChannelLimits;
import dev.switchboard.engine.channel.Rooms;
import dev.switchboard.engine.history.HistorySettings;
import dev.switchboard.engine.postgres.AuthorizationSettings;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.gateway.GatewaySettings;
import dev.switchboard.http.HttpSettings;
import dev.switchboard.server.config.Settings;
import dev.switchboard.tokens.OidcSettings;
import dev.switchboard.webhooks.WebhookSettings;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A server as part of an application: the change feed, and beside it the parts that are asked for. Made by {@link
 * Switchboard#with} or {@link Switchboard#embedded}; owned by one thread.
 */
public final class SwitchboardBuilder {
    private static final Path DIRECTORY = Path.of(".switchboard");
    private static final ChannelLimits LIMITS = new ChannelLimits(100, 100, Rooms.OPEN);

    private final Optional<Database> database;
    private Path directory = DIRECTORY;
    private String slot = Switchboard.SLOT;
    private Optional<String> jwtSecret = Optional.empty();
    private boolean callCentre;
    private ChannelLimits limits = LIMITS;
    private AuthorizationSettings authorization = AuthorizationSettings.defaults();
    private HistorySettings history = HistorySettings.defaults();
    private long clientBytes = Runtime.getRuntime().maxMemory() / 4;
    private HttpSettings http = HttpSettings.defaults();
    private GatewaySettings gateway = GatewaySettings.defaults();
    private Optional<AccountSettings> accounts = Optional.empty();
    private Optional<DataSettings> data = Optional.empty();
    private Optional<OidcSettings> oidc = Optional.empty();
    private Optional<WebhookSettings> webhooks = Optional.empty();
    private Optional<CallAnalyzer> analyzer = Optional.empty();
    private InstantSource callCentreTime = InstantSource.system();
    private Consumer<Switchboard> onFailure = Switchboard::close;
    private Optional<MeterRegistry> meters = Optional.empty();

    SwitchboardBuilder(Optional<Database> database) {
        this.database = database;
    }

    /** Where secrets and keys are kept, and the embedded database: {@code .switchboard} by default. One server at a time has it. */
    public SwitchboardBuilder directory(Path wanted) {
        directory = wanted;
        return this;
    }

    /** Name of the replication slot: one for each server of a PostgreSQL cluster. */
    public SwitchboardBuilder slot(String wanted) {
        slot = wanted;
        return this;
    }

    /** The secret that signs tokens, HS256, of at least 32 bytes; by default one is generated and kept in the directory. */
    public SwitchboardBuilder jwtSecret(String wanted) {
        jwtSecret = Optional.of(wanted);
        return this;
    }

    /** An identity provider whose tokens are accepted. */
    public SwitchboardBuilder oidc(OidcSettings wanted) {
        oidc = Optional.of(wanted);
        return this;
    }

    /** The port; by default any free one of this machine alone. */
    public SwitchboardBuilder http(HttpSettings wanted) {
        http = wanted;
        return this;
    }

    /** What one WebSocket may take. */
    public SwitchboardBuilder gateway(GatewaySettings wanted) {
        gateway = wanted;
        return this;
    }

    /** What one connection may ask for. */
    public SwitchboardBuilder limits(ChannelLimits wanted) {
        limits = wanted;
        return this;
    }

    /** How it is found out who may see a row. */
    public SwitchboardBuilder authorization(AuthorizationSettings wanted) {
        authorization = wanted;
        return this;
    }

    /** How much of the stream is kept for those who come back. */
    public SwitchboardBuilder history(HistorySettings wanted) {
        history = wanted;
        return this;
    }

    /** Memory for what clients sent and are sent, all together; by default a quarter of the heap. */
    public SwitchboardBuilder clientBytes(long wanted) {
        clientBytes = wanted;
        return this;
    }

    /** With {@code /auth/v1}. On a database of one's own its tables have to be there: {@code switchboard prepare}. */
    public SwitchboardBuilder accounts(AccountSettings wanted) {
        accounts = Optional.of(wanted);
        return this;
    }

    /** With {@code /rest/v1}. */
    public SwitchboardBuilder dataApi(DataSettings wanted) {
        data = Optional.of(wanted);
        return this;
    }

    /** With outgoing webhooks: on the embedded database. */
    public SwitchboardBuilder webhooks(WebhookSettings wanted) {
        webhooks = Optional.of(wanted);
        return this;
    }

    /** Calls that were written down are analysed by that; with the call centre. */
    public SwitchboardBuilder analyzer(CallAnalyzer wanted) {
        analyzer = Optional.of(wanted);
        return this;
    }

    /** With the call centre and {@code /api}: on the embedded database, and with accounts. */
    public SwitchboardBuilder callCentre() {
        callCentre = true;
        return this;
    }

    /** The time by which calls happen and deadlines run out: for simulations, which may let it pass faster. */
    public SwitchboardBuilder callCentreTime(InstantSource wanted) {
        callCentreTime = wanted;
        return this;
    }

    /** A registry of the application's, in which everything is measured too; it stays the application's to close. */
    public SwitchboardBuilder meters(MeterRegistry wanted) {
        meters = Optional.of(wanted);
        return this;
    }

    /**
     * Runs once if the server cannot go on, on a thread of its own, and is to close it; {@link Switchboard#failure} says why.
     * By default it is closed.
     */
    public SwitchboardBuilder onFailure(Consumer<Switchboard> wanted) {
        onFailure = wanted;
        return this;
    }

    /**
     * Starts it; what was started is stopped again where something fails.
     *
     * @throws dev.switchboard.engine.InvalidSettingException if a setting cannot be, or the database lacks something; the message
     *     says what to do
     */
    public Switchboard start() {
        return Switchboard.start(
                new Settings(
                        directory,
                        database,
                        slot,
                        jwtSecret,
                        callCentre,
                        limits,
                        authorization,
                        history,
                        clientBytes,
                        http,
                        gateway,
                        accounts,
                        data,
                        oidc,
                        webhooks,
                        analyzer,
                        callCentreTime),
                new Switchboard.Host(onFailure, meters));
    }
}
