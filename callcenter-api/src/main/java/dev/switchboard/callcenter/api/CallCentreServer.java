package dev.switchboard.callcenter.api;

import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.Deadlines;
import dev.switchboard.callcenter.Ingest;
import dev.switchboard.callcenter.Organizations;
import dev.switchboard.callcenter.Reconciler;
import dev.switchboard.callcenter.Recurring;
import dev.switchboard.callcenter.alert.Alerts;
import dev.switchboard.callcenter.analysis.Analyses;
import dev.switchboard.callcenter.analysis.CallAnalyzer;
import dev.switchboard.callcenter.figure.PushedMetrics;
import dev.switchboard.callcenter.telephony.TelephonyOutbox;
import dev.switchboard.callcenter.telephony.TelephonyProvider;
import dev.switchboard.engine.channel.Attendance;
import dev.switchboard.http.Metrics;
import dev.switchboard.tokens.JwtTokens;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;

/** The call centre of a server: commands, what time does, the way to the telephone provider. Closed once. */
public final class CallCentreServer implements AutoCloseable {
    /** At the start, and so often. */
    private static final Duration COMPARED_EVERY = Duration.ofMinutes(1);

    /** So long at most time stands still at the start. */
    private static final Duration COMPARISON = Duration.ofSeconds(5);

    private static final Duration NEWS_COME_BY_THEMSELVES = Duration.ofSeconds(30);

    private final HikariDataSource connections;
    private final TelephonyOutbox outbox;
    private final CallCentre calls;
    private final Deadlines deadlines;
    private final Alerts alerts;
    private final PushedMetrics pushed;
    private final Optional<Analyses> analyses;
    private final Reconciler reconciler;
    private final Recurring comparing;
    private final Ingest ingest;
    private final ApiRoutes routes;
    private boolean closed; // guarded by this

    /**
     * @param connections as a user whom row level security does not bind; closed with this
     * @param attendance  whose sockets there are
     * @param analyzer    of calls that were written down, if it is this server that does that
     */
    public CallCentreServer(
            HikariDataSource connections,
            TelephonyProvider provider,
            JwtTokens tokens,
            InstantSource clock,
            Attendance attendance,
            Optional<CallAnalyzer> analyzer,
            Metrics metrics) {
        this.connections = connections;
        Jdbi jdbi = Jdbi.create(connections);
        outbox = new TelephonyOutbox(
                jdbi, provider, clock, (organization, call) -> reconciler().lookAfter(organization, call));
        calls = new CallCentre(connections, clock, outbox::wake);
        deadlines = new Deadlines(calls, attendance::stays);
        alerts = new Alerts(jdbi, clock, ServerFigures.of(jdbi, metrics, clock));
        pushed = new PushedMetrics(jdbi, clock);
        metrics.counter("calls.metrics.written", "Figures in admin_metrics that became others", pushed::written);
        ingest = new Ingest(connections);
        analyses = analyzer.map(wanted -> new Analyses(jdbi, ingest, wanted, clock));
        analyses.ifPresent(part -> {
            metrics.counter("calls.analyzed", "Calls that were analysed", part::analyzed);
            metrics.counter("calls.analysis.failures", "Steps of analyses that came to nothing", part::failures);
            part.start();
        });
        routes = new ApiRoutes(calls, new Organizations(jdbi), ingest, provider, tokens, clock, metrics);
        reconciler = new Reconciler(calls, provider, NEWS_COME_BY_THEMSELVES);
        comparing = new Recurring("telephone-lines", COMPARED_EVERY, reconciler::reconcile);
        metrics.counter(
                "calls.provider.mended", "Legs that the books and the provider did not agree on", reconciler::mended);
        metrics.counter("calls.provider.sent", "Commands that the telephone provider took", outbox::sent);
        metrics.counter(
                "calls.provider.failures",
                "Tries at which the telephone provider took a command not",
                outbox::failures);
        alerts.start();
        pushed.start();
        beginWhenCompared();
    }

    /** What is over already rings at nobody; a provider that does not answer holds nobody up for long. */
    private void beginWhenCompared() {
        var compared = new CompletableFuture<Boolean>();
        Thread.ofVirtual().name("first-comparison").start(() -> {
            reconciler.reconcile();
            compared.complete(true);
        });
        compared.completeOnTimeout(false, COMPARISON.toMillis(), TimeUnit.MILLISECONDS)
                .thenRun(this::begin);
    }

    private synchronized void begin() {
        if (!closed) {
            outbox.start();
            deadlines.start();
            comparing.start();
        }
    }

    public ApiRoutes routes() {
        return routes;
    }

    /** For who compares at once. */
    public Reconciler reconciler() {
        return reconciler;
    }

    public CallCentre calls() {
        return calls;
    }

    public Ingest ingest() {
        return ingest;
    }

    /** Which of its threads has ended, if one has. */
    public Optional<String> ended() {
        if (deadlines.hasEnded()) {
            return Optional.of("the call centre's deadlines ended");
        }
        if (alerts.hasEnded()) {
            return Optional.of("the look at alert rules ended");
        }
        if (analyses.filter(Analyses::hasEnded).isPresent()) {
            return Optional.of("the analysis of calls ended");
        }
        if (pushed.hasEnded()) {
            return Optional.of("the push of figures ended");
        }
        if (comparing.hasEnded()) {
            return Optional.of("the comparison with the telephone provider ended");
        }
        return outbox.hasEnded() ? Optional.of("the telephony outbox ended") : Optional.empty();
    }

    @Override
    public synchronized void close() {
        closed = true;
        connections.close(); // first, so that neither thread waits for one in vain
        deadlines.close();
        alerts.close();
        pushed.close();
        analyses.ifPresent(Analyses::close);
        comparing.close();
        outbox.close();
    }
}
