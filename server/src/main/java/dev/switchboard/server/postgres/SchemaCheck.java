package dev.switchboard.server.postgres;

import dev.switchboard.callcenter.schema.Finding;
import dev.switchboard.callcenter.schema.Inspection;
import dev.switchboard.callcenter.schema.Schema;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.ReplicaIdentities;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Whether the embedded database has the call centre's schema as this version needs it. */
public final class SchemaCheck {
    private static final Logger LOG = LoggerFactory.getLogger(SchemaCheck.class);

    private SchemaCheck() {}

    /** Tables on which writes fail are told of. A column that is missing would make commands fail one by one, and screens silently wrong (F001-04). */
    public static void check(Database database, String publication) {
        try (Connection connection =
                DriverManager.getConnection(database.url(), database.user(), database.password())) {
            List<Finding> lacking =
                    Inspection.compare(Schema.needed(), Schema.read(connection, publication), publication).stream()
                            .filter(finding -> finding.layer() == Finding.Layer.SCHEMA)
                            .toList();
            ReplicaIdentities.broken(connection, publication)
                    .forEach(broken -> LOG.warn("{}. Mend it: {}", broken.what(), broken.remedy()));
            if (!lacking.isEmpty()) {
                Finding first = lacking.getFirst();
                throw new InvalidSettingException("The database lacks " + first.expected() + " (" + lacking.size()
                        + " such in all). Mend it: " + first.mend());
            }
        } catch (SQLException failed) {
            throw new IllegalStateException("the schema cannot be looked at: " + failed.getMessage(), failed);
        }
    }
}
