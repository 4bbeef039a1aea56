package dev.switchboard.bench;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * (f) Requests to the data API by 32 clients that keep their connections alive, beside the very statements that the server
 * sends for them, taken from PostgreSQL's log and sent through pgjdbc by as many threads over as many connections as the server
 * has. Rounds of both alternate.
 */
final class DataBench {
    private static final int CLIENTS = 32;
    private static final int CONNECTIONS = 10;
    private static final int IDLE = 2_000;
    private static final int ROUNDS = 3;

    private final Report report;
    private final int seconds;

    /** @param seconds of one round */
    DataBench(Report report, int seconds) {
        this.report = report;
        this.seconds = seconds;
    }

    private record Question(String name, String method, String path, String body) {}

    private static final List<Question> QUESTIONS = List.of(
            new Question("one row by key", "GET", "/bench_calls?select=*&id=eq.77", ""),
            new Question(
                    "50 rows, filtered and ordered",
                    "GET",
                    "/bench_calls?select=id,state,from_number,started_at&state=eq.active&order=id.desc&limit=50",
                    ""),
            new Question("insert", "POST", "/bench_log", "{\"note\":\"something happened\",\"level\":3}"),
            new Question(
                    "20 rows with one embed",
                    "GET",
                    "/bench_calls?select=id,state,agent:bench_agents(id,name)&limit=20&id=gt.400",
                    ""));

    /** What a round gave: calls per second, and the 99th percentile in milliseconds. */
    private record Round(double rate, double p99) {}

    void run() throws Exception {
        try (ServerProcess server = new ServerProcess()) {
            prepare(server);
            String token = server.token(
                    "authenticated", Map.of("sub", UUID.randomUUID().toString()));
            for (Question question : QUESTIONS) { // the just-in-time compiler's part of the work
                byte[] request = request(question, token);
                round(() -> new HttpCaller(server.port(), request), 2 * seconds);
            }
            for (Question question : QUESTIONS) {
                measure(server, question, token);
            }
            idle(server, token);
        }
    }

    private static Connection connect(ServerProcess server) throws SQLException {
        return DriverManager.getConnection(
                server.database().url(),
                server.database().user(),
                server.database().password());
    }

    private static void prepare(ServerProcess server) throws SQLException {
        try (Connection connection = connect(server);
                Statement statement = connection.createStatement()) {
            statement.execute("""
                    create table public.bench_agents (id int primary key, name text not null);
                    create table public.bench_calls (
                      id int primary key, agent_id int references public.bench_agents, state text not null, from_number text, to_number text,
                      started_at timestamptz not null default now(), answered_at timestamptz, company text, wait_s int, talk_s int, insights jsonb);
                    create index on public.bench_calls (state, id);
                    create table public.bench_log (id bigint generated always as identity primary key, note text, level int, at timestamptz default now());
                    insert into public.bench_agents select i, 'Agent ' || i from generate_series(1, 100) i;
                    insert into public.bench_calls
                      select i, 1 + i % 100, (array['new', 'active', 'completed'])[1 + i % 3], '+1555' || i, '+1556' || i, now(), null, 'Company ' || i, i % 60, i % 600, '{"mood": "fine"}'
                        from generate_series(1, 10000) i;
                    alter table public.bench_calls enable row level security;
                    create policy everybody on public.bench_calls for select to authenticated using ((select auth.uid()) is not null);
                    analyze public.bench_calls, public.bench_agents""");
        }
    }

    private void measure(ServerProcess server, Question question, String token) throws Exception {
        byte[] request = request(question, token);
        ask(server.port(), request, 20); // so that what is logged then is what is sent from then on
        List<Sent> statements = capture(server, request);
        var http = new ArrayList<Round>();
        var direct = new ArrayList<Round>();
        try (HikariDataSource pool = pool(server)) {
            for (int i = 0; i <= ROUNDS; i++) {
                Round viaHttp = round(() -> new HttpCaller(server.port(), request), seconds);
                Round viaJdbc = round(() -> new JdbcCaller(pool, statements), seconds);
                if (i > 0) { // the first warms both up
                    http.add(viaHttp);
                    direct.add(viaJdbc);
                }
            }
        }
        double rate = median(http.stream().map(Round::rate).toList());
        double directRate = median(direct.stream().map(Round::rate).toList());
        report.figure("data", question.name() + ", " + CLIENTS + " clients", rate, "requests/s", "");
        report.figure(
                "data",
                question.name() + ", 99th percentile",
                median(http.stream().map(Round::p99).toList()),
                "ms",
                "");
        report.figure("data", question.name() + ", the same SQL through pgjdbc", directRate, "calls/s", "");
        report.figure("data", question.name() + ", pgjdbc / data API", directRate / rate, "", "<= 2");
    }

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        return sorted.get(sorted.size() / 2);
    }

    // Rounds

    /** One client. */
    private interface Caller extends AutoCloseable {
        void call() throws Exception;

        @Override
        void close() throws IOException;
    }

    private static Round round(Callable<Caller> callers, int seconds) throws InterruptedException, ExecutionException {
        var all = new ArrayList<Future<long[]>>();
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        long start = System.nanoTime();
        try (ExecutorService threads = Executors.newFixedThreadPool(CLIENTS)) {
            for (int i = 0; i < CLIENTS; i++) {
                all.add(threads.submit(() -> {
                    try (Caller caller = callers.call()) {
                        return callUntil(caller, end);
                    }
                }));
            }
        }
        double took = (System.nanoTime() - start) / 1e9;
        var times = new ArrayList<long[]>();
        for (Future<long[]> future : all) {
            times.add(future.get());
        }
        long[] sorted = times.stream().flatMapToLong(Arrays::stream).sorted().toArray();
        return new Round(sorted.length / took, sorted[(int) (sorted.length * 0.99)] / 1e6);
    }

    private static long[] callUntil(Caller caller, long end) throws Exception {
        var times = new ArrayList<Long>();
        for (long now = System.nanoTime(); now < end; ) {
            caller.call();
            long then = System.nanoTime();
            times.add(then - now);
            now = then;
        }
        return times.stream().mapToLong(Long::longValue).toArray();
    }

    // Over HTTP

    private static byte[] request(Question question, String token) {
        return (question.method() + " /rest/v1" + question.path()
                        + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token
                        + "\r\nContent-Type: application/json\r\nContent-Length: "
                        + question.body().length() + "\r\n\r\n" + question.body())
                .getBytes(StandardCharsets.US_ASCII);
    }

    private static void ask(int port, byte[] request, int times) throws Exception {
        try (var caller = new HttpCaller(port, request)) {
            for (int i = 0; i < times; i++) {
                caller.call();
            }
        }
    }

    /** A connection that is kept alive. */
    private static final class HttpCaller implements Caller {
        private final Socket socket;
        private final InputStream in;
        private final byte[] request;
        private final byte[] buffer = new byte[64 * 1024];

        HttpCaller(int port, byte[] request) throws IOException {
            socket = new Socket(InetAddress.getLoopbackAddress(), port);
            socket.setTcpNoDelay(true);
            in = new BufferedInputStream(socket.getInputStream(), 64 * 1024);
            this.request = request;
        }

        @Override
        public void call() throws IOException {
            socket.getOutputStream().write(request);
            int length = head();
            while (length > 0) {
                int read = in.read(buffer, 0, Math.min(buffer.length, length));
                if (read < 0) {
                    throw new IOException("the server closed the connection");
                }
                length -= read;
            }
        }

        /** Reads the head; how long the body is. */
        private int head() throws IOException {
            int length = 0;
            boolean first = true;
            for (String line = line(); !line.isEmpty(); line = line()) {
                if (first && !line.startsWith("HTTP/1.1 2")) {
                    throw new IOException("the server answers " + line);
                }
                first = false;
                if (line.regionMatches(true, 0, "content-length:", 0, 15)) {
                    length = Integer.parseInt(line.substring(15).strip());
                }
            }
            return length;
        }

        private String line() throws IOException {
            var line = new StringBuilder();
            for (int c = in.read(); c != '\n'; c = in.read()) {
                if (c < 0) {
                    throw new IOException("the server closed the connection");
                }
                if (c != '\r') {
                    line.append((char) c);
                }
            }
            return line.toString();
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    // Straight to PostgreSQL

    /** A statement that the server sent, as pgjdbc takes it. */
    private record Sent(String sql, List<String> parameters) {}

    private static HikariDataSource pool(ServerProcess server) {
        var config = new HikariConfig();
        config.setJdbcUrl(server.database().url());
        config.setUsername(server.database().user());
        config.setPassword(server.database().password());
        config.setMaximumPoolSize(CONNECTIONS);
        config.addDataSourceProperty("stringtype", "unspecified");
        return new HikariDataSource(config);
    }

    /** What PostgreSQL's log says of one request: begin, settings, statement, commit. */
    private static List<Sent> capture(ServerProcess server, byte[] request) throws Exception {
        Path log = server.postgresLog();
        try (Connection connection = connect(server);
                Statement statement = connection.createStatement()) {
            statement.execute("alter system set log_statement = 'all'");
            statement.execute("select pg_reload_conf()");
            Thread.sleep(500); // the bench waits for backends to read their configuration, of which nothing tells
            long from = Files.size(log);
            ask(server.port(), request, 1);
            statement.execute("alter system reset log_statement");
            statement.execute("select pg_reload_conf()");
            Thread.sleep(500);
            byte[] all = Files.readAllBytes(log);
            return parse(new String(all, (int) from, all.length - (int) from, StandardCharsets.UTF_8));
        }
    }

    private static List<Sent> parse(String log) {
        var sent = new ArrayList<Sent>();
        Matcher entry = Pattern.compile(
                        "LOG:  execute S_\\d+: ([^\\n]*)\\n(?:[^\\n]*DETAIL:  (?i:parameters): ([^\\n]*)\\n)?")
                .matcher(log);
        while (entry.find()) {
            var parameters = new ArrayList<String>();
            if (entry.group(2) != null) {
                Matcher value = Pattern.compile("\\$\\d+ = '((?:[^']|'')*)'").matcher(entry.group(2));
                while (value.find()) {
                    parameters.add(value.group(1).replace("''", "'"));
                }
            }
            sent.add(new Sent(entry.group(1).replaceAll("\\$\\d+", "?"), parameters));
        }
        if (sent.size() != 4) {
            throw new IllegalStateException("the log tells of " + sent.size() + " statements instead of 4:\n" + log);
        }
        return sent;
    }

    /** The same statements, likewise in one round trip. */
    private static final class JdbcCaller implements Caller {
        private final HikariDataSource pool;
        private final String sql;
        private final List<String> parameters;

        JdbcCaller(HikariDataSource pool, List<Sent> statements) {
            this.pool = pool;
            this.sql = String.join("; ", statements.stream().map(Sent::sql).toList());
            this.parameters = statements.stream()
                    .flatMap(sent -> sent.parameters().stream())
                    .toList();
        }

        @Override
        public void call() throws SQLException {
            try (Connection connection = pool.getConnection();
                    PreparedStatement statement = connection.prepareStatement(sql)) {
                for (int i = 0; i < parameters.size(); i++) {
                    statement.setString(i + 1, parameters.get(i));
                }
                statement.execute();
                while (statement.getMoreResults() || statement.getUpdateCount() >= 0) {
                    if (statement.getResultSet() != null) {
                        statement.getResultSet().next();
                    }
                }
            }
        }

        @Override
        public void close() {}
    }

    // Idle connections

    private void idle(ServerProcess server, String token) throws Exception {
        byte[] request = request(QUESTIONS.getFirst(), token);
        server.meter().liveHeapBytes(); // a collection first
        long heap = server.meter().liveHeapBytes();
        long before = server.meter().residentKilobytes();
        var callers = new ArrayList<HttpCaller>();
        try {
            for (int i = 0; i < IDLE; i++) {
                var caller = new HttpCaller(server.port(), request);
                callers.add(caller);
                caller.call();
            }
            long live = server.meter().liveHeapBytes();
            report.figure(
                    "data", "live heap per idle keep-alive connection", (live - heap) / (double) IDLE / 1024, "KB", "");
            report.figure(
                    "data",
                    "resident memory per idle keep-alive connection",
                    (server.meter().residentKilobytes() - before) / (double) IDLE,
                    "KB",
                    "");
        } finally {
            callers.forEach(DataBench::close);
        }
    }

    private static void close(HttpCaller caller) {
        try {
            caller.close();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
