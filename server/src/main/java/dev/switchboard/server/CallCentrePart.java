package dev.switchboard.server;

import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Ingest;
import dev.switchboard.callcenter.Reconciler;
import dev.switchboard.callcenter.Recurring;
import dev.switchboard.callcenter.api.ApiRoutes;
import dev.switchboard.callcenter.api.CallCentreServer;
import dev.switchboard.callcenter.telephony.FakeTelephonyProvider;
import dev.switchboard.callcenter.telephony.ProvidersByName;
import dev.switchboard.engine.channel.Attendance;
import dev.switchboard.http.Handler;
import dev.switchboard.http.Metrics;
import dev.switchboard.http.Response;
import dev.switchboard.server.config.Settings;
import dev.switchboard.telephony.SecretReference;
import dev.switchboard.telephony.twilio.TwilioAccounts;
import dev.switchboard.telephony.twilio.TwilioProvider;
import dev.switchboard.telephony.twilio.TwilioRoutes;
import dev.switchboard.tokens.JwtTokens;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import javax.sql.DataSource;
import org.jdbi.v3.core.Jdbi;

/** The call centre with its telephone providers. Closed once. */
final class CallCentrePart implements AutoCloseable {
    private static final Duration TAKEN_UP_EVERY = Duration.ofSeconds(10);

    private final CallCentreServer server;
    private final TwilioRoutes twilio;
    private final Recurring takingUp;

    /** @param connections as a user whom row level security does not bind; closed with this */
    CallCentrePart(
            HikariDataSource connections, JwtTokens tokens, Settings settings, Attendance attendance, Metrics metrics) {
        Jdbi jdbi = Jdbi.create(connections);
        InstantSource clock = settings.callCentreTime();
        var accounts = new TwilioAccounts(jdbi, new SecretReference(System::getenv));
        var providers = new ProvidersByName(
                Map.of(TwilioAccounts.PROVIDER, new TwilioProvider(jdbi, accounts)), new FakeTelephonyProvider());
        server = new CallCentreServer(connections, providers, tokens, clock, attendance, settings.analyzer(), metrics);
        twilio = new TwilioRoutes(accounts, server.calls(), clock, metrics);
        takingUp = new Recurring("telephony-inbox", TAKEN_UP_EVERY, twilio::takeUpAgain);
        takingUp.start();
    }

    Map<String, Handler> routes() {
        return Map.of(ApiRoutes.PREFIX, server.routes(), TwilioRoutes.PREFIX, twilio);
    }

    /** Where there is no call centre. */
    static Map<String, Handler> noRoutes() {
        return Map.of(
                ApiRoutes.PREFIX,
                (_, _) -> Response.of(
                        404,
                        "application/problem+json",
                        "{\"status\":404,\"code\":\"not_found\",\"title\":\"There is no such thing\","
                                + "\"detail\":\"The call centre works with the embedded PostgreSQL, and without --no-call-centre\"}"));
    }

    /** Whether the first who signs up will own the installation (SPEC M6). */
    static boolean isFirstRun(DataSource connections) {
        return Jdbi.create(connections)
                .withHandle(handle -> handle.createQuery(
                                "select not exists (select from public.organizations) and not exists (select from auth.users u"
                                        + " where u.email_confirmed_at is not null and not u.is_anonymous and u.deleted_at is null)")
                        .mapTo(Boolean.class)
                        .one());
    }

    CallCentre calls() {
        return server.calls();
    }

    Ingest ingest() {
        return server.ingest();
    }

    Reconciler reconciler() {
        return server.reconciler();
    }

    /** Which of its threads has ended, if one has. */
    Optional<String> ended() {
        return takingUp.hasEnded() ? Optional.of("the look at messages of telephone providers ended") : server.ended();
    }

    @Override
    public void close() {
        server.close();
        takingUp.close();
    }
}
