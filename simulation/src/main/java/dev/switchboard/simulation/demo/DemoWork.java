package dev.switchboard.simulation.demo;

import dev.switchboard.callcenter.Ingest;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What goes on beside the calls: what is said in them is written down, recordings and analyses get done, AI agents work on streams
 * and scans. What there is to do is read from the database, so that a restart goes on with it. One thread of its own.
 */
final class DemoWork implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DemoWork.class);
    private static final Duration PAUSE = Duration.ofMillis(400);
    private static final Duration A_LINE_LASTS = Duration.ofSeconds(9);
    private static final List<String> STEPS = List.of("collecting", "filtering", "ranking", "writing");

    private static final String NUMBER =
            "case c.direction when 'outbound' then c.to_number else c.from_number end as number";

    private final Jdbi jdbi;
    private final Ingest ingest;
    private final Random random;
    private final Thread thread;

    /** A call that is, or was, talked. */
    private record Talked(UUID id, String number) {}

    private DemoWork(Jdbi jdbi, Ingest ingest, Random random) {
        this.jdbi = jdbi;
        this.ingest = ingest;
        this.random = random;
        this.thread = Thread.ofVirtual().name("demo-work").unstarted(this::run);
    }

    static DemoWork start(Jdbi jdbi, Ingest ingest, Random random) {
        var work = new DemoWork(jdbi, ingest, random);
        work.thread.start();
        return work;
    }

    private void run() {
        while (!Thread.currentThread().isInterrupted()) {
            try {
                step(DemoData.ORGANIZATIONS.get(random.nextInt(5) == 0 ? 1 : 0));
                Thread.sleep(Duration.ofMillis(PAUSE.toMillis() / 2 + random.nextLong(PAUSE.toMillis() + 1)));
            } catch (InterruptedException closing) {
                return;
            } catch (RuntimeException failed) {
                if (Thread.currentThread().isInterrupted()) {
                    return;
                }
                LOG.warn("A step of the demo failed; the next is tried: {}", failed.getMessage());
            }
        }
    }

    private void step(DemoData.Organization organization) {
        int dice = random.nextInt(10);
        if (dice < 7) {
            talked(
                            "select c.id, " + NUMBER + " from public.calls c"
                                    + " where c.organization_id = ? and c.ended_at is null and c.state = 'active' order by c.answered_at",
                            organization)
                    .ifPresent(call -> say(organization, call));
        } else if (dice < 9) {
            work(organization);
        } else {
            afterwards(organization);
        }
    }

    private Optional<Talked> talked(String sql, DemoData.Organization organization) {
        List<Talked> calls = jdbi.withHandle(handle -> handle.createQuery(sql)
                .bind(0, organization.id())
                .map((row, _) -> new Talked(row.getObject("id", UUID.class), row.getString("number")))
                .list());
        return calls.isEmpty() ? Optional.empty() : Optional.of(one(calls));
    }

    /** What a call is about is the same as long as it lasts, and afterwards. */
    private static DemoTalk.About about(DemoData.Organization organization, Talked call) {
        return DemoTalk.of(organization)
                .about(new Random(call.id().getLeastSignificantBits()), DemoData.company(call.number()));
    }

    /** The next line: a partial piece, and then the whole of it. */
    private void say(DemoData.Organization organization, Talked call) {
        int seq = jdbi.withHandle(
                handle -> handle.createQuery("select count(*) from public.transcript_segments where call_id = ?")
                        .bind(0, call.id())
                        .mapTo(Integer.class)
                        .one());
        List<String> lines = about(organization, call).lines();
        if (seq >= lines.size()) {
            return; // they say goodbye for long
        }
        String text = lines.get(seq);
        String piece = "{\"track\":\"%s\",\"seq\":%d,\"text\":\"%s\",\"final\":%s,\"start_ms\":%d}";
        String track = seq % 2 == 0 ? "outbound" : "inbound";
        long start = seq * A_LINE_LASTS.toMillis();
        ingest.write(
                Ingest.Kind.SEGMENT,
                call.id(),
                "",
                piece.formatted(track, seq, text.substring(0, text.length() / 2), false, start));
        ingest.write(Ingest.Kind.SEGMENT, call.id(), "", piece.formatted(track, seq, text, true, start));
    }

    /** AI agents get on with streams and scans, and sometimes find something. */
    private void work(DemoData.Organization organization) {
        UUID owner = organization.people().getFirst().id();
        Optional<UUID> stream =
                any("select id from public.streams where organization_id = ? order by id", organization);
        stream.ifPresent(id -> {
            int completed = jdbi.withHandle(handle -> handle.createQuery(
                            "select (current_progress ->> 'completed')::int from public.streams where id = ?")
                    .bind(0, id)
                    .mapTo(Integer.class)
                    .one());
            int next = (completed + 1) % 41;
            ingest.write(
                    Ingest.Kind.STREAM_PROGRESS,
                    id,
                    "",
                    "{\"completed\":%d,\"total\":40,\"goal_status\":\"%s\"}"
                            .formatted(next, next == 40 ? "achieved" : "active"));
            Optional<UUID> running = any(
                    "select id from public.agent_executions where organization_id = ? and ended_at is null order by id",
                    organization);
            String status = running.isEmpty() ? "running" : random.nextInt(8) == 0 ? "failed" : "succeeded";
            ingest.write(
                    Ingest.Kind.EXECUTION,
                    running.orElseGet(this::id),
                    "",
                    "{\"organization_id\":\"%s\",\"stream_id\":\"%s\",\"agent_id\":\"scout\",\"status\":\"%s\",\"tokens\":%d}"
                            .formatted(organization.id(), id, status, random.nextInt(5_000)));
        });
        scan(organization, owner);
        if (random.nextInt(4) == 0) {
            ingest.write(
                    Ingest.Kind.SIGNAL,
                    id(),
                    "",
                    "{\"organization_id\":\"%s\",\"user_id\":\"%s\",\"business_name\":\"%s\",\"signal_type\":\"hiring\",\"priority\":\"%s\"}"
                            .formatted(
                                    organization.id(),
                                    owner,
                                    one(DemoData.CUSTOMERS).company(),
                                    one(List.of("low", "medium", "high"))));
        }
    }

    private void scan(DemoData.Organization organization, UUID owner) {
        Optional<UUID> running = any(
                "select id from public.acquisition_scans where organization_id = ? and status = 'running' order by id",
                organization);
        int progress = running.map(id -> jdbi.withHandle(handle -> handle.createQuery(
                                "select progress_percentage::int from public.acquisition_scans where id = ?")
                        .bind(0, id)
                        .mapTo(Integer.class)
                        .one()))
                .orElse(0);
        int next = Math.min(100, progress + 5 + random.nextInt(15));
        ingest.write(
                Ingest.Kind.SCAN,
                running.orElseGet(this::id),
                "",
                ("{\"organization_id\":\"%s\",\"owner\":\"%s\",\"status\":\"%s\",\"current_step\":\"%s\",\"progress_percentage\":%d,"
                                + "\"targets_analyzed\":%d,\"targets_identified\":%d}")
                        .formatted(
                                organization.id(),
                                owner,
                                next == 100 ? "completed" : "running",
                                STEPS.get(Math.min(3, next / 25)),
                                next,
                                next * 3,
                                next / 4));
    }

    /** Calls that are over are recorded and looked at. */
    private void afterwards(DemoData.Organization organization) {
        any(
                        "select id from public.calls where organization_id = ? and state = 'completed' and ai_status is null and answered_at is not null"
                                + " order by ended_at desc",
                        organization)
                .ifPresent(call -> {
                    ingest.write(
                            Ingest.Kind.RECORDING,
                            id(),
                            "",
                            "{\"call_id\":\"%s\",\"status\":\"processing\"}".formatted(call));
                    ingest.write(Ingest.Kind.ANALYSIS, call, "", "{\"ai_status\":\"processing\"}");
                });
        talked(
                        "select c.id, " + NUMBER + " from public.calls c"
                                + " where c.organization_id = ? and c.ai_status = 'processing' order by c.ended_at limit 5",
                        organization)
                .ifPresent(call -> {
                    DemoTalk.About about = about(organization, call);
                    ingest.write(
                            Ingest.Kind.ANALYSIS_STEP,
                            call.id(),
                            "summary",
                            "{\"status\":\"analyzed\",\"result\":%s}".formatted(about.insights()));
                    ingest.write(
                            Ingest.Kind.ANALYSIS,
                            call.id(),
                            "",
                            "{\"ai_status\":\"analyzed\",\"score\":%d,\"sentiment\":%s,\"insights\":%s}"
                                    .formatted(about.score(), about.sentiment(), about.insights()));
                });
        jdbi.useHandle(handle -> handle.createQuery(
                        "select r.id, r.call_id from public.recordings r where r.organization_id = ?"
                                + " and r.status = 'processing' order by r.id limit 1")
                .bind(0, organization.id())
                .map((row, _) -> ingest.write(
                        Ingest.Kind.RECORDING,
                        row.getObject(1, UUID.class),
                        "",
                        "{\"call_id\":\"%s\",\"status\":\"%s\"%s}"
                                .formatted(
                                        row.getObject(2, UUID.class),
                                        random.nextInt(6) == 0 ? "failed" : "ready",
                                        ",\"duration_s\":" + (30 + random.nextInt(300)))))
                .list());
    }

    private Optional<UUID> any(String sql, DemoData.Organization organization) {
        List<UUID> ids = jdbi.withHandle(handle -> handle.createQuery(sql + " limit 5")
                .bind(0, organization.id())
                .mapTo(UUID.class)
                .list());
        return ids.isEmpty() ? Optional.empty() : Optional.of(one(ids));
    }

    private UUID id() {
        return new UUID(random.nextLong(), random.nextLong());
    }

    private <T> T one(List<T> of) {
        return of.get(random.nextInt(of.size()));
    }

    @Override
    public void close() {
        thread.interrupt();
        try {
            thread.join(Duration.ofSeconds(1));
        } catch (InterruptedException stillClosing) {
            Thread.currentThread().interrupt();
        }
    }
}
