package dev.switchboard.junit;

import dev.switchboard.engine.postgres.Preparation;
import dev.switchboard.server.Switchboard;
import dev.switchboard.server.SwitchboardBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives a test class a database of its own, of a PostgreSQL that is started once per JVM, and a server on it where that is asked
 * for. With {@code @ExtendWith(SwitchboardExtension.class)} the database alone; as a field:
 *
 * <pre>{@code
 * @RegisterExtension
 * static final SwitchboardExtension SWITCHBOARD = SwitchboardExtension.server(server -> server.dataApi(DataSettings.defaults()));
 * }</pre>
 *
 * {@code @Nested} classes share what the class around them has. Test methods and {@code @BeforeAll} may ask for a {@link TestDatabase} and, with a server, for the {@link Switchboard}.
 */
public final class SwitchboardExtension implements BeforeAllCallback, AfterAllCallback, ParameterResolver {
    private static final ExtensionContext.Namespace OURS =
            ExtensionContext.Namespace.create(SwitchboardExtension.class);

    private final Optional<UnaryOperator<SwitchboardBuilder>> wishes;
    private Optional<TestDatabase> database = Optional.empty();
    private Optional<Switchboard> server = Optional.empty();
    private Optional<Path> directory = Optional.empty();
    /** How many {@code @Nested} classes deep: they have the database of the class around them. */
    private int depth;

    /** A database and nothing else. */
    public SwitchboardExtension() {
        this(Optional.empty());
    }

    private SwitchboardExtension(Optional<UnaryOperator<SwitchboardBuilder>> wishes) {
        this.wishes = wishes;
    }

    /** @param wishes the server's parts and settings */
    public static SwitchboardExtension server(UnaryOperator<SwitchboardBuilder> wishes) {
        return new SwitchboardExtension(Optional.of(wishes));
    }

    public TestDatabase database() {
        return database.orElseThrow(() -> new IllegalStateException("there is a database while a test class runs"));
    }

    public Switchboard server() {
        return server.orElseThrow(() -> new IllegalStateException(
                "there is a server with SwitchboardExtension.server, while a test class runs"));
    }

    @Override
    public void beforeAll(ExtensionContext context) {
        depth++;
        if (depth > 1) {
            return;
        }
        TestDatabase made = postgres(context).create();
        database = Optional.of(made);
        server = wishes.map(wish -> start(made, wish));
    }

    private Switchboard start(TestDatabase made, UnaryOperator<SwitchboardBuilder> wish) {
        String slot = "junit_" + made.url().replaceFirst(".*/", "");
        var preparation = new Preparation(made.database(), Switchboard.PUBLICATION, slot);
        preparation.lacks().forEach(preparation::mend);
        try {
            Path fresh = Files.createTempDirectory("switchboard-junit-server");
            directory = Optional.of(fresh);
            return wish.apply(Switchboard.with(made.database()).directory(fresh).slot(slot))
                    .start();
        } catch (IOException failed) {
            throw new UncheckedIOException("no directory for the server", failed);
        }
    }

    @Override
    public void afterAll(ExtensionContext context) {
        depth--;
        if (depth > 0) {
            return;
        }
        server.ifPresent(Switchboard::close);
        server = Optional.empty();
        database.ifPresent(postgres(context)::drop);
        database = Optional.empty();
        directory.ifPresent(SwitchboardExtension::delete);
        directory = Optional.empty();
    }

    private static void delete(Path folder) {
        try (Stream<Path> paths = Files.walk(folder)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException("the server's directory stays behind", failed);
        }
    }

    /** JUnit closes it when all test classes have run. */
    private static TestPostgres postgres(ExtensionContext context) {
        return context.getRoot()
                .getStore(OURS)
                .computeIfAbsent(TestPostgres.class, _ -> new TestPostgres(), TestPostgres.class);
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        Class<?> type = parameter.getParameter().getType();
        return type.equals(TestDatabase.class) || (type.equals(Switchboard.class) && wishes.isPresent());
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType().equals(TestDatabase.class) ? database() : server();
    }
}
