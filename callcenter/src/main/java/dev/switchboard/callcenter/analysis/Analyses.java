package dev.switchboard.callcenter.analysis;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.Ingest;
import dev.switchboard.callcenter.Recurring;
import dev.switchboard.callcenter.analysis.CallAnalyzer.AnalysisFailedException;
import dev.switchboard.callcenter.analysis.Conversation.Speaker;
import dev.switchboard.callcenter.analysis.Conversation.Utterance;
import dev.switchboard.engine.protocol.Json;
import dev.switchboard.engine.protocol.JsonBytes;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Analyses calls that are over and were written down, one after the other, step by step: each step is a row as soon as it begins,
 * and again when it is done. A call whose analysis a crash has cut short begins anew. Calls of which somebody else says
 * what they were like ({@code ai_status} is set) are left alone. One thread of its own.
 */
public final class Analyses implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Analyses.class);
    private static final Duration LOOK = Duration.ofSeconds(1);
    /** What is said last may be written down a little later. */
    static final Duration SETTLED = Duration.ofSeconds(5);
    /** After which one that is under way is taken for cut short. */
    static final Duration CUT_SHORT = Duration.ofMinutes(5);
    /** After a failure that passes nobody is asked for so long. */
    static final Duration REST = Duration.ofMinutes(1);
    /** Older calls are left as they are. */
    private static final Duration OLDEST = Duration.ofDays(1);

    /** With its first step, by which a crash is noticed. */
    private static final String TAKE = """
            with taken as (
              update public.calls c set ai_status = 'processing' where c.id = (
                select k.id from public.calls k
                 where k.state = 'completed' and k.ended_at <= :settled
                   and exists (select from public.transcript_segments s where s.organization_id = k.organization_id and s.call_id = k.id and s.final)
                   and ((k.ai_status is null and k.ended_at > :oldest)
                        or (k.ai_status = 'processing'
                            and exists (select from public.ai_analyses a where a.organization_id = k.organization_id and a.call_id = k.id
                                         and a.step = any (:steps)
                                       having max(a.updated_at) < :cut)))
                 order by k.ended_at limit 1 for update skip locked)
              returning c.id, c.organization_id, c.ended_at), begun as (
              insert into public.ai_analyses (organization_id, call_id, step, status)
                select t.organization_id, t.id, :first, 'processing' from taken t
              on conflict (organization_id, call_id, step) do update set status = excluded.status, updated_at = clock_timestamp())
            select id, ended_at from taken""";

    private static final String CONVERSATION = """
            select s.track, s.text, coalesce(s.start_ms, s.seq::bigint * 1000) as start_ms, o.locale
              from public.transcript_segments s join public.organizations o on o.id = s.organization_id
             where s.call_id = :call and s.final order by 3, s.seq, s.id""";

    private final Jdbi jdbi;
    private final Ingest ingest;
    private final CallAnalyzer analyzer;
    private final InstantSource clock;
    private final Recurring looks;
    private final LongAdder analyzed = new LongAdder();
    private final LongAdder failures = new LongAdder();
    /** Owned by the thread that looks. */
    private Instant restsUntil = Instant.MIN;

    /** @param jdbi as a user whom row level security does not bind */
    public Analyses(Jdbi jdbi, Ingest ingest, CallAnalyzer analyzer, InstantSource clock) {
        this.jdbi = jdbi;
        this.ingest = ingest;
        this.analyzer = analyzer;
        this.clock = clock;
        this.looks = new Recurring("analyses", LOOK, this::look);
    }

    public void start() {
        looks.start();
    }

    /** Whether its thread is gone, without which no call is analysed. */
    public boolean hasEnded() {
        return looks.hasEnded();
    }

    /** How many calls were analysed. */
    public long analyzed() {
        return analyzed.sum();
    }

    /** How many steps came to nothing. */
    public long failures() {
        return failures.sum();
    }

    /** A call that is being analysed. */
    private record Taken(UUID call, Instant endedAt) {}

    /** Analyses what is there to be analysed. */
    public void look() {
        if (clock.instant().isBefore(restsUntil)) {
            return;
        }
        try {
            for (Optional<Taken> call = take(); call.isPresent(); call = take()) {
                if (!analyze(call.get())) {
                    restsUntil = clock.instant().plus(REST);
                    return;
                }
            }
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        }
    }

    private Optional<Taken> take() {
        if (Thread.currentThread().isInterrupted()) {
            return Optional.empty();
        }
        var now = clock.instant();
        return jdbi.withHandle(handle -> handle.createQuery(TAKE)
                .bind("settled", now.minus(SETTLED).atOffset(ZoneOffset.UTC))
                .bind("oldest", now.minus(OLDEST).atOffset(ZoneOffset.UTC))
                .bind("cut", now.minus(CUT_SHORT).atOffset(ZoneOffset.UTC))
                .bindArray("steps", String.class, analyzer.steps())
                .bind("first", analyzer.steps().getFirst())
                .map((row, _) -> new Taken(
                        row.getObject("id", UUID.class),
                        row.getTimestamp("ended_at").toInstant()))
                .findOne());
    }

    /** @return not, where it is to be begun anew a little later */
    private boolean analyze(Taken taken) throws InterruptedException {
        UUID call = taken.call();
        Conversation conversation = conversation(call);
        var insights = new LinkedHashMap<String, Json>();
        var onCall = new LinkedHashMap<String, Json>();
        int failed = 0;
        for (String step : analyzer.steps()) {
            write(call, step, "processing", Optional.empty());
            try {
                Json.Fields found = analyzer.analyze(step, conversation);
                if (!write(call, step, "analyzed", Optional.of(found))) {
                    throw new AnalysisFailedException("what was found cannot be kept", false);
                }
                found.values().forEach((name, value) -> {
                    if (name.equals("sentiment") || name.equals("score")) {
                        onCall.put(name, value);
                    } else if (!name.equals("method")) {
                        insights.put(name, value);
                    }
                });
            } catch (AnalysisFailedException cannot) {
                failures.increment();
                LOG.warn("Step {} of the analysis of call {} failed: {}", step, call, cannot.getMessage());
                if (cannot.isPassing()
                        && taken.endedAt().isAfter(clock.instant().minus(OLDEST))) {
                    return false; // it is taken for cut short, and begins anew
                }
                failed++;
                write(
                        call,
                        step,
                        "failed",
                        Optional.of(
                                new Json.Fields(Map.of("error", new Json.Text(String.valueOf(cannot.getMessage()))))));
            }
            onCall.put("insights", new Json.Fields(insights)); // as far as it is known by now
            ingest.write(Ingest.Kind.ANALYSIS, call, "", text(new Json.Fields(onCall)));
        }
        String status = failed == analyzer.steps().size() ? "failed" : "analyzed";
        ingest.write(Ingest.Kind.ANALYSIS, call, "", "{\"ai_status\":\"" + status + "\"}");
        analyzed.increment();
        return true;
    }

    private Conversation conversation(UUID call) {
        var language = new Locale[] {Locale.ENGLISH};
        List<Utterance> said = jdbi.withHandle(handle -> handle.createQuery(CONVERSATION)
                .bind("call", call)
                .map((row, _) -> {
                    language[0] = Locale.forLanguageTag(
                            String.valueOf(row.getString("locale")).replace('_', '-'));
                    Speaker speaker = "inbound".equals(row.getString("track")) ? Speaker.CUSTOMER : Speaker.AGENT;
                    return new Utterance(speaker, String.valueOf(row.getString("text")), row.getLong("start_ms"));
                })
                .list());
        return new Conversation(call, language[0], said);
    }

    /** @return whether it could be kept */
    private boolean write(UUID call, String step, String status, Optional<Json.Fields> result) {
        var body = new LinkedHashMap<String, Json>();
        body.put("status", new Json.Text(status));
        result.ifPresent(found -> body.put("result", found));
        return ingest.write(Ingest.Kind.ANALYSIS_STEP, call, step, text(new Json.Fields(body))) instanceof Answer.Done;
    }

    private static String text(Json.Fields fields) {
        return new String(Json.write(fields, new JsonBytes(256)).toBytes(), StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        looks.close();
    }
}
