package dev.switchboard.examples.orders;

import dev.switchboard.junit.TestDatabase;
import dev.switchboard.junit.TestPostgres;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.springframework.boot.SpringApplication;

/** The application with a PostgreSQL of its own, which goes with it: {@code mvn spring-boot:test-run}. */
final class TestOrdersApplication {
    private TestOrdersApplication() {}

    public static void main(String[] arguments) throws Exception {
        var postgres = new TestPostgres();
        Runtime.getRuntime().addShutdownHook(new Thread(postgres::close));
        var all = new ArrayList<>(List.of(arguments));
        all.addAll(of(postgres.create()));
        all.add("--switchboard.server.directory=" + Files.createTempDirectory("orders"));
        SpringApplication.from(OrdersApplication::main).run(all.toArray(String[]::new));
    }

    static List<String> of(TestDatabase database) {
        return List.of(
                "--spring.datasource.url=" + database.url(),
                "--spring.datasource.username=" + database.user(),
                "--spring.datasource.password=" + database.password());
    }
}
