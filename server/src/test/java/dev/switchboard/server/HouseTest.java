package dev.switchboard.server;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The parts as modules: who may use whom, how large they are, and that the README's map is of this house. */
class HouseTest {
    private static final Path ROOT = Path.of("..");
    private static final int LONGEST_FILE = 500;
    /** Of the engine, which is what all the others are for. */
    private static final double LARGEST_PART = 0.24;

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.switchboard");

    @Test
    void partsUseOnlyThoseBelowThem() {
        layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .layer("server")
                .definedBy("dev.switchboard.server..")
                .layer("callcenter-api")
                .definedBy("dev.switchboard.callcenter.api..")
                .layer("live-queries")
                .definedBy("dev.switchboard.live..")
                .layer("data-api")
                .definedBy("dev.switchboard.data..")
                .layer("accounts")
                .definedBy("dev.switchboard.accounts..")
                .layer("tokens")
                .definedBy("dev.switchboard.tokens..")
                .layer("gateway")
                .definedBy("dev.switchboard.gateway..")
                .layer("http")
                .definedBy("dev.switchboard.http..")
                .layer("callcenter")
                .definedBy(
                        "dev.switchboard.callcenter",
                        "dev.switchboard.callcenter.command..",
                        "dev.switchboard.callcenter.schema..",
                        "dev.switchboard.callcenter.state..",
                        "dev.switchboard.callcenter.telephony..")
                .layer("telephony")
                .definedBy("dev.switchboard.telephony..")
                .layer("simulation")
                .definedBy("dev.switchboard.simulation..")
                .layer("webhooks")
                .definedBy("dev.switchboard.webhooks..")
                .layer("engine-postgres")
                .definedBy("dev.switchboard.engine.postgres..")
                .layer("engine")
                .definedBy(
                        "dev.switchboard.engine",
                        "dev.switchboard.engine.authorize..",
                        "dev.switchboard.engine.channel..",
                        "dev.switchboard.engine.decode..",
                        "dev.switchboard.engine.deliver..",
                        "dev.switchboard.engine.encode..",
                        "dev.switchboard.engine.explain..",
                        "dev.switchboard.engine.journal..",
                        "dev.switchboard.engine.memory..",
                        "dev.switchboard.engine.model..",
                        "dev.switchboard.engine.pipeline..",
                        "dev.switchboard.engine.presence..",
                        "dev.switchboard.engine.protocol..",
                        "dev.switchboard.engine.route..")
                .layer("client")
                .definedBy("dev.switchboard.client..")
                .whereLayer("server")
                .mayNotBeAccessedByAnyLayer()
                .whereLayer("callcenter-api")
                .mayOnlyAccessLayers("callcenter", "tokens", "http", "engine")
                .whereLayer("data-api")
                .mayOnlyAccessLayers("tokens", "http", "engine")
                .whereLayer("accounts")
                .mayOnlyAccessLayers("tokens", "http", "engine-postgres", "engine")
                .whereLayer("tokens")
                .mayOnlyAccessLayers("engine")
                .whereLayer("gateway")
                .mayOnlyAccessLayers("http", "engine")
                .whereLayer("live-queries")
                .mayOnlyAccessLayers("engine")
                .whereLayer("http")
                .mayOnlyAccessLayers("engine")
                .whereLayer("callcenter")
                .mayOnlyAccessLayers("engine")
                .whereLayer("telephony")
                .mayOnlyAccessLayers("callcenter", "http")
                .whereLayer("simulation")
                .mayOnlyAccessLayers("callcenter", "telephony")
                .whereLayer("webhooks")
                .mayOnlyAccessLayers("http", "engine-postgres", "engine")
                .whereLayer("engine-postgres")
                .mayOnlyAccessLayers("engine")
                .whereLayer("engine")
                .mayNotAccessAnyLayer()
                .whereLayer("client")
                .mayNotAccessAnyLayer()
                .check(CLASSES);
    }

    /** What decides instead of PostgreSQL asks nobody: a policy and values in, a decision out. */
    @Test
    void policiesAreCompiledWithoutADatabase() {
        noClasses()
                .that()
                .resideInAPackage("dev.switchboard.engine.postgres.policy..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("java.io", "java.sql..", "java.time..", "dev.switchboard.engine.postgres")
                .check(CLASSES);
    }

    @Test
    void everyClassIsInALayer() {
        List<String> homeless = CLASSES.stream()
                .map(known -> known.getPackageName())
                .distinct()
                .filter(name -> !name.matches(
                        "dev\\.switchboard\\.(server|callcenter|telephony|webhooks|simulation|data|accounts|tokens|gateway|live|http|client)"
                                + "(\\..*)?|dev\\.switchboard\\.engine(\\..*)?"))
                .toList();

        assertThat(homeless).isEmpty();
    }

    /** The port knows no part of the product: of the engine it takes the budget of memory, and how a wrong setting is told. */
    @Test
    void httpTakesOnlyMemoryAndSettingsOfTheEngine() {
        List<String> used = CLASSES.stream()
                .filter(one -> one.getPackageName().startsWith("dev.switchboard.http"))
                .flatMap(one -> one.getDirectDependenciesFromSelf().stream())
                .map(dependency -> dependency.getTargetClass().getName())
                .filter(name -> name.startsWith("dev.switchboard.engine"))
                .distinct()
                .filter(name -> !name.startsWith("dev.switchboard.engine.memory.")
                        && !name.equals("dev.switchboard.engine.InvalidSettingException"))
                .toList();

        assertThat(used).isEmpty();
    }

    @Test
    void theMapOfTheReadmeListsEveryModule() throws IOException {
        List<String> modules = found(ROOT.resolve("pom.xml"), "<module>([^<]+)</module>");
        List<String> mapped = found(ROOT.resolve("README.md"), "(?m)^\\| `([a-z-]+(?:/[a-z-]+)?)/`");

        assertThat(mapped).containsAll(modules).doesNotHaveDuplicates();
        assertThat(mapped).allSatisfy(folder -> assertThat(ROOT.resolve(folder)).isDirectory());
    }

    /** What a part takes, gives, owns, and how it is set, is a page that the map leads to. */
    @Test
    void everyPartHasItsPage() throws IOException {
        List<String> parts = List.of(
                "engine",
                "engine-postgres",
                "callcenter",
                "telephony",
                "webhooks",
                "simulation",
                "http",
                "gateway",
                "live-queries",
                "tokens",
                "accounts",
                "data-api",
                "callcenter-api");
        String readme = Files.readString(ROOT.resolve("README.md"));

        assertThat(parts).allSatisfy(part -> {
            Matcher page = Pattern.compile("(?m)^\\| `" + part + "/` \\| \\[[^\\]]+]\\((docs/[^)]+)\\)")
                    .matcher(readme);
            assertThat(page.find()).as("the page of " + part).isTrue();
            assertThat(ROOT.resolve(page.group(1))).isRegularFile();
        });
    }

    @Test
    void noPartIsLargerThanAFifthOfAll() throws IOException {
        var lines = new LinkedHashMap<String, Long>();
        for (String module : found(ROOT.resolve("pom.xml"), "<module>([^<]+)</module>")) {
            lines.put(module, lines(ROOT.resolve(module).resolve("src/main/java")));
        }
        double all = lines.values().stream().mapToLong(Long::longValue).sum();

        assertThat(lines)
                .allSatisfy((module, count) -> assertThat(count / all)
                        .as("%s has %d of %.0f lines", module, count, all)
                        .isLessThan(LARGEST_PART));
    }

    @Test
    void noFileHasMoreThan500Lines() throws IOException {
        Map<Path, Long> longest = new LinkedHashMap<>();
        var folders = new ArrayList<>(List.of("web/packages", "web/apps"));
        found(ROOT.resolve("pom.xml"), "<module>([^<]+)</module>").stream()
                .map(module -> module + "/src")
                .filter(folder -> Files.isDirectory(ROOT.resolve(folder)))
                .forEach(folders::add);
        for (String folder : folders) {
            try (Stream<Path> files = Files.walk(ROOT.resolve(folder))) {
                for (Path file : files.filter(HouseTest::isMain).toList()) {
                    long count = count(file);
                    if (count > LONGEST_FILE) {
                        longest.put(file, count);
                    }
                }
            }
        }

        assertThat(longest).isEmpty();
    }

    private static boolean isMain(Path file) {
        String path = file.toString().replace('\\', '/');
        return (path.contains("/src/main/java/") && path.endsWith(".java"))
                || path.matches("\\.\\./web/(packages|apps)/[^/]+/src/.*\\.(ts|tsx|css)");
    }

    private static List<String> found(Path file, String pattern) throws IOException {
        return Pattern.compile(pattern)
                .matcher(Files.readString(file))
                .results()
                .map(match -> match.group(1))
                .toList();
    }

    private static long lines(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return 0;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            long sum = 0;
            for (Path file :
                    files.filter(path -> path.toString().endsWith(".java")).toList()) {
                sum += count(file);
            }
            return sum;
        }
    }

    private static long count(Path file) throws IOException {
        try (Stream<String> lines = Files.lines(file)) {
            return lines.count();
        }
    }
}
