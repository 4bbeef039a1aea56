package dev.switchboard.server.postgres;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.Preparation;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A PostgreSQL that somebody else runs: looked at, and not changed. */
public final class ExternalPostgres {
    private static final Logger LOG = LoggerFactory.getLogger(ExternalPostgres.class);

    private ExternalPostgres() {}

    /**
     * Logs what is advised.
     *
     * @throws InvalidSettingException naming what is needed and lacks, with the statements that mend it
     */
    public static void requireReady(Preparation preparation) {
        List<Preparation.Lack> lacks = preparation.lacks();
        refusal(lacks).ifPresent(refusal -> {
            throw new InvalidSettingException(refusal);
        });
        lacks.forEach(lack -> LOG.warn("The database: {}. {}", lack.what(), lack.then()));
    }

    private static Optional<String> refusal(List<Preparation.Lack> lacks) {
        List<Preparation.Lack> needed = lacks.stream()
                .filter(lack -> lack.weight() == Preparation.Weight.NEEDED)
                .toList();
        if (needed.isEmpty()) {
            return Optional.empty();
        }
        var text = new StringBuilder("The database is not ready:");
        for (Preparation.Lack lack : needed) {
            text.append("\n  ").append(lack.what());
            lack.statements()
                    .forEach(statement ->
                            text.append("\n      ").append(statement).append(';'));
            if (!lack.then().isEmpty()) {
                text.append("\n      ").append(lack.then());
            }
        }
        return Optional.of(text.append("\nOr let it be done: switchboard prepare --database-url ...")
                .toString());
    }
}
