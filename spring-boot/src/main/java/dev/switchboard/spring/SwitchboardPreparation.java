package dev.switchboard.spring;

import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.Preparation;
import dev.switchboard.server.Switchboard;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.InitializingBean;

/** Makes what the database lacks, as far as its user may: before scripts and migrations, which grant to roles and call functions. */
public final class SwitchboardPreparation implements InitializingBean {
    private static final Logger LOG = LoggerFactory.getLogger(SwitchboardPreparation.class);

    private final Database database;
    private final String slot;

    SwitchboardPreparation(Database database, String slot) {
        this.database = database;
        this.slot = slot;
    }

    @Override
    public void afterPropertiesSet() {
        var preparation = new Preparation(database, Switchboard.PUBLICATION, slot);
        for (Preparation.Lack lack : preparation.lacks()) {
            String failed = lack.statements().isEmpty() ? lack.then() : preparation.mend(lack);
            LOG.info("The database: {}. {}", lack.what(), failed.isEmpty() ? "Done." : failed);
        }
    }
}
