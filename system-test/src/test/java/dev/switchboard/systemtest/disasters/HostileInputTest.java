package dev.switchboard.systemtest.disasters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.engine.postgres.SessionSettings;
import dev.switchboard.systemtest.harness.DataSchema;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.TestServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/**
 * Q19: whatever a client sends, PostgreSQL is given only statements of this program's making. Harmless requests are sent first, and
 * what the server's log says it was given is kept as templates; then hostile ones, each with something nasty in one place. In places
 * of values every logged statement must be one of the templates, character by character. In places of names and of grammar it
 * must consist of words that templates have, of names of the catalog, of parameters, and of one label in quotes.
 */
class HostileInputTest {
    private static final int INPUTS = 50_000;
    private static final int SENDERS = 8;
    private static final Pattern TOKEN = Pattern.compile(
            "E?'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\\$\\d+|\\d+(?:\\.\\d+)?|[A-Za-z_][A-Za-z_0-9]*|\\s+|--|/\\*|.",
            Pattern.DOTALL);

    private static final List<String> FRAGMENTS = List.of(
            "'",
            "''",
            "\"",
            "\"\"",
            "\\",
            "\\'",
            "\\\"",
            ";",
            "--",
            "/*",
            "*/",
            "$$",
            "$1",
            "?",
            "??",
            ")",
            "(",
            "((((",
            "))))",
            "{",
            "}",
            "[",
            "]",
            ",",
            ".",
            ":",
            "::",
            "->",
            "->>",
            "!",
            "*",
            "%",
            "_",
            "=",
            "|",
            "&",
            "#",
            "@",
            "\n",
            "\r",
            "\t",
            " or 1=1 ",
            "; drop table public.sites; ",
            " union select word from public.secrets ",
            "pg_sleep(10)",
            "E'\\x27'",
            "U&\"\\0027\"",
            "\u2019",
            "\u02bc",
            "\uff07",
            "\u00e9",
            "\ud83d\ude00",
            "\u202e",
            "\u0000",
            "null",
            "true",
            "id",
            "name",
            "eq.1",
            "not.",
            "and(",
            "or(",
            "...",
            "count()",
            "sum()",
            "in.(1)",
            "select",
            "0",
            "-1",
            "1e400",
            "99999999999999999999");

    /** Where something nasty goes; %s is its place. */
    private record Place(String method, String path, String body, Escape escape, boolean value) {}

    private enum Escape {
        NONE,
        URL,
        /** Within double quotes of PostgREST's grammar, then as a URL. */
        QUOTED,
        JSON
    }

    private static final List<Place> PLACES = List.of(
            new Place("GET", "/sites?select=id&name=eq.%s", "", Escape.URL, true),
            new Place("GET", "/sites?select=id&name=like.%s", "", Escape.URL, true),
            new Place("GET", "/sites?select=id&name=not.ilike.%s", "", Escape.URL, true),
            new Place("GET", "/sites?select=id&name=in.(\"%s\",\"x\")", "", Escape.QUOTED, true),
            new Place("GET", "/sites?select=id&or=(name.eq.\"%s\",id.eq.1)", "", Escape.QUOTED, true),
            new Place("GET", "/sites?select=id&id=eq.%s", "", Escape.URL, true),
            new Place("GET", "/sites?select=id&labels=cs.%s", "", Escape.URL, true),
            new Place("GET", "/sites?select=id&data=cd.%s", "", Escape.URL, true),
            new Place("GET", "/sites?select=id&search=wfts.%s", "", Escape.URL, true),
            new Place("GET", "/sites?select=id,cities!inner(id)&cities.name=eq.%s", "", Escape.URL, true),
            new Place("GET", "/rpc/sites_of?city=%s&select=id", "", Escape.URL, true),
            new Place("POST", "/rpc/sites_of?select=id", "{\"city\":\"%s\"}", Escape.JSON, true),
            new Place("POST", "/tags?on_conflict=id", "{\"id\":1,\"name\":\"%s\"}", Escape.JSON, true),
            new Place("PATCH", "/tags?id=eq.3", "{\"name\":\"%s\"}", Escape.JSON, true),
            new Place("DELETE", "/tags?name=eq.%s", "", Escape.URL, true),
            new Place("GET", "/sites?select=%s", "", Escape.URL, false),
            new Place("GET", "/sites?select=id,\"%s\":name", "", Escape.QUOTED, false),
            new Place("GET", "/sites?select=id,data->>\"%s\"", "", Escape.QUOTED, false),
            new Place("GET", "/sites?select=id::%s", "", Escape.URL, false),
            new Place("GET", "/sites?select=id,cities!%s(id)", "", Escape.URL, false),
            new Place("GET", "/sites?select=id&%s=eq.1", "", Escape.URL, false),
            new Place("GET", "/sites?select=id&or=(%s)", "", Escape.URL, false),
            new Place("GET", "/sites?select=id&name=%s", "", Escape.URL, false),
            new Place("GET", "/sites?select=id&order=%s", "", Escape.URL, false),
            new Place("GET", "/sites?select=id&limit=%s", "", Escape.URL, false),
            new Place("GET", "/%s?select=id", "", Escape.URL, false),
            new Place("GET", "/rpc/%s", "", Escape.URL, false),
            new Place("GET", "/rpc/add?%s=1", "", Escape.URL, false),
            new Place("POST", "/tags?columns=\"%s\"", "[{\"id\":1}]", Escape.QUOTED, false),
            new Place("POST", "/tags?on_conflict=%s", "[{\"id\":1,\"name\":\"x\"}]", Escape.URL, false),
            new Place("POST", "/tags", "[{\"%s\":1}]", Escape.JSON, false),
            new Place("POST", "/tags", "%s", Escape.NONE, false),
            new Place("POST", "/rpc/echo", "%s", Escape.NONE, false));

    private static String at(Place place, String template, String input) {
        String escaped = switch (place.escape()) {
            case NONE -> input;
            case URL -> URLEncoder.encode(input, StandardCharsets.UTF_8);
            case QUOTED -> URLEncoder.encode(input.replace("\\", "\\\\").replace("\"", "\\\""), StandardCharsets.UTF_8);
            case JSON -> {
                String json = JsonMapper.shared().writeValueAsString(input);
                yield json.substring(1, json.length() - 1);
            }
        };
        return template.replace("%s", escaped).replace("\"", template.startsWith("/") ? "%22" : "\"");
    }

    private static String hostile(Random random) {
        int kind = random.nextInt(100);
        if (kind == 0) {
            return "(".repeat(1 + random.nextInt(2000));
        }
        if (kind == 1) {
            return FRAGMENTS.get(random.nextInt(FRAGMENTS.size())).repeat(1 + random.nextInt(300));
        }
        var text = new StringBuilder();
        int parts = 1 + random.nextInt(8);
        for (int i = 0; i < parts; i++) {
            text.append(
                    random.nextInt(4) == 0
                            ? Character.toString(random.nextInt(0x20, 0xd000))
                            : FRAGMENTS.get(random.nextInt(FRAGMENTS.size())));
        }
        return text.toString();
    }

    @Test
    void Q19_noInputChangesTheShapeOfAStatement() throws Exception {
        long seed = Long.getLong("seed", new Random().nextLong());
        System.out.println("HostileInputTest seed " + seed);
        try (TestServer server = TestServer.start();
                Http http = new Http(server)) {
            prepare(server);
            org.awaitility.Awaitility.await()
                    .until(() -> http.get("/rest/v1/sites").status() == 200);
            Path log = logOf(server);
            long from = Files.size(log);
            for (Place place : PLACES) {
                for (String harmless : List.of(
                        "1", "name", "harmless", "{\"id\":1,\"name\":\"x\"}", "id.eq.1", "sites", "add", "a", "text")) {
                    send(http, place, harmless);
                }
            }
            server.database().useHandle(handle -> handle.execute("select 'end of the harmless'"));
            Set<String> templates = statements(log, from);
            templates.addAll(sessionSettings());
            assertThat(templates).hasSizeGreaterThan(PLACES.size() / 2);
            assertThat(values(templates))
                    .as("templates with a literal that is no constant")
                    .isEmpty();
            Set<String> words = words(templates);
            long middle = Files.size(log);

            ConcurrentMap<Integer, LongAdder> statuses =
                    attack(http, seed, PLACES.stream().filter(Place::value).toList(), INPUTS / 2);
            Set<String> given = statements(log, middle);
            assertThat(given).as("the log tells what was sent").containsAnyElementsOf(templates);
            given.removeAll(templates);
            assertThat(given).as("statements that no harmless request makes").isEmpty();

            long end = Files.size(log);
            attack(
                            http,
                            seed + 1,
                            PLACES.stream().filter(place -> !place.value()).toList(),
                            INPUTS / 2)
                    .forEach((status, count) -> statuses.computeIfAbsent(status, _ -> new LongAdder())
                            .add(count.sum()));
            Set<String> strange = new HashSet<>();
            for (String statement : statements(log, end)) {
                unknownTokens(statement, words).forEach(token -> strange.add(token + " in " + statement));
            }
            assertThat(strange).as("words that no harmless request makes").isEmpty();

            System.out.println("HostileInputTest statuses " + new TreeMap<>(statuses));
            assertThat(FAULTS).as("statuses %s", statuses).isEmpty();
            int sites = server.database()
                    .withHandle(handle -> handle.createQuery("select count(*) from public.sites")
                            .mapTo(Integer.class)
                            .one());
            assertThat(sites).isEqualTo(5);
        }
    }

    private static void prepare(TestServer server) throws SQLException {
        DataSchema.create(server.database());
        server.database().useHandle(handle -> {
            // harmless settings of the log: every statement, no parameters
            handle.execute("alter system set log_statement = 'all'");
            handle.execute("alter system set log_parameter_max_length = 0");
            handle.execute("alter system set log_parameter_max_length_on_error = 0");
            handle.execute("alter system set log_line_prefix = '%a|'");
            handle.execute("alter system set log_error_verbosity = 'terse'");
            handle.execute("select pg_reload_conf()");
            // statements that fail while they are bound show with their error alone, which a server keeps out of the
            // log
            handle.execute("alter role authenticator set log_min_messages = 'warning'");
            handle.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'switchboard-data'");
            // nothing that a place writes may stay, or fail for what another wrote
            handle.execute(
                    "create function public.undo() returns trigger language plpgsql as $$ begin return null; end $$");
            handle.execute(
                    "create trigger undo before insert or update or delete on public.tags for each row execute function public.undo()");
        });
        org.awaitility.Awaitility.await()
                .until(() -> server.database()
                        .withHandle(handle -> handle.createQuery("select current_setting('log_statement')")
                                .mapTo(String.class)
                                .one()
                                .equals("all")));
    }

    /** What the pool says on each connection that it opens, whenever that is. */
    private static List<String> sessionSettings() {
        return List.of(SessionSettings.forRows().split(";", -1));
    }

    private static Path logOf(TestServer server) throws IOException {
        try (Stream<Path> files = Files.walk(server.directory(), 3)) {
            return files.filter(file -> file.toString().endsWith(".log"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static ConcurrentMap<Integer, LongAdder> attack(Http http, long seed, List<Place> places, int inputs)
            throws InterruptedException {
        var statuses = new ConcurrentHashMap<Integer, LongAdder>();
        var next = new AtomicInteger();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int sender = 0; sender < SENDERS; sender++) {
                threads.submit(() -> {
                    for (int i = next.getAndIncrement(); i < inputs; i = next.getAndIncrement()) {
                        var random = new Random(seed + i);
                        Place place = places.get(i % places.size());
                        int status = send(http, place, hostile(random));
                        statuses.computeIfAbsent(status, _ -> new LongAdder()).increment();
                    }
                });
            }
        }
        assertThat(statuses.values().stream().mapToLong(LongAdder::sum).sum()).isEqualTo(inputs);
        return statuses;
    }

    /** What was sent where the server took the fault upon itself, and what it said. */
    private static final List<String> FAULTS = new java.util.concurrent.CopyOnWriteArrayList<>();

    private static int send(Http http, Place place, String input) {
        String body = place.body().isEmpty() ? null : at(place, place.body(), input);
        String path = at(place, "/rest/v1" + place.path(), place.body().contains("%s") ? "" : input)
                .replace("(\"", "(%22")
                .replace(">", "%3E");
        Http.Answer answer = http.send(
                place.method(), path, body, "Content-Type", "application/json", "Prefer", "return=representation");
        if (answer.status() >= 500) {
            FAULTS.add(place + " with " + input + " gives " + answer.body());
        }
        return answer.status();
    }

    /** The name that the data API's connections have; the server's own work goes on beside it under other names. */
    private static final String DATA_POOL = "switchboard-data";

    /** What the server's log says that PostgreSQL was given by the data API, from a place in the log on. */
    private static Set<String> statements(Path log, long from) throws IOException {
        var statements = new HashSet<String>();
        var current = new StringBuilder();
        try (var in = Files.newInputStream(log)) {
            in.skipNBytes(from);
            var lines = new BufferedReader(new java.io.InputStreamReader(in, StandardCharsets.UTF_8));
            Pattern begin = Pattern.compile("^([^|]*)\\|([A-Z]+):  (.*)$", Pattern.DOTALL);
            boolean ours = false;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                Matcher matcher = begin.matcher(line);
                if (matcher.matches()) {
                    keep(statements, current, ours);
                    String text = matcher.group(3);
                    String statement = matcher.group(2).equals("STATEMENT")
                            ? text
                            : matcher.group(2).equals("LOG")
                                    ? text.replaceFirst("^(execute [^:]*|statement): ", "")
                                    : "";
                    ours = matcher.group(1).equals(DATA_POOL) && !statement.isEmpty();
                    current.append(statement);
                } else {
                    current.append('\n').append(line);
                }
            }
            keep(statements, current, ours);
        }
        return statements;
    }

    private static void keep(Set<String> statements, StringBuilder current, boolean ours) {
        if (ours) {
            statements.add(current.toString());
        }
        current.setLength(0);
    }

    private static List<String> tokens(String statement) {
        var tokens = new ArrayList<String>();
        Matcher matcher = TOKEN.matcher(statement);
        while (matcher.find()) {
            if (!matcher.group().isBlank()) {
                tokens.add(matcher.group());
            }
        }
        return tokens;
    }

    private static Set<String> words(Set<String> statements) {
        var words = new HashSet<String>();
        statements.forEach(statement -> words.addAll(tokens(statement)));
        // words of the grammar which the harmless requests do not happen to use
        words.addAll(List.of(
                "<>",
                "<",
                ">",
                "!",
                "~",
                "@",
                "#",
                "&",
                "|",
                "-",
                "any",
                "all",
                "is",
                "null",
                "true",
                "false",
                "unknown",
                "distinct",
                "from",
                "not",
                "and",
                "or",
                "like",
                "ilike",
                "desc",
                "asc",
                "nulls",
                "first",
                "last",
                "limit",
                "offset",
                "bigint",
                "count",
                "on",
                "do",
                "nothing",
                "to_tsquery",
                "plainto_tsquery",
                "phraseto_tsquery",
                "websearch_to_tsquery",
                "to_tsvector",
                "regconfig",
                "cast",
                "as",
                "text",
                "to_jsonb",
                "group",
                "by",
                "jsonb",
                "lateral",
                "join",
                "left",
                "variadic",
                "cross",
                "default",
                "values",
                "pg_catalog",
                "date",
                "mood",
                "integer",
                "public"));
        return words;
    }

    /** Literals in templates that are none of the program's own. */
    private static List<String> values(Set<String> templates) {
        return templates.stream()
                .flatMap(statement -> tokens(statement).stream())
                .filter(token -> token.startsWith("'") && token.contains("harmless") && !token.contains("end of"))
                .toList();
    }

    /** What is neither a known word nor a parameter, a number, a name of the catalog or a label in quotes. */
    private static List<String> unknownTokens(String statement, Set<String> words) {
        return tokens(statement).stream()
                .filter(token -> !words.contains(token))
                .filter(token -> !token.matches("\\$\\d+|\\d+"))
                .filter(token -> !token.startsWith("\""))
                .toList();
    }
}
