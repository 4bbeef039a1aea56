package dev.switchboard.engine.postgres;

import dev.switchboard.engine.pipeline.Trouble;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/** Makes the partitions of {@code realtime.messages} that will be needed, and drops those that are older than {@link #KEPT}. */
public final class MessageJanitor implements Runnable {
    /** How often it has to run. */
    public static final Duration EVERY = Duration.ofHours(1);

    /** For so long messages can be replayed. */
    public static final Duration KEPT = Duration.ofDays(3);

    private final Database database;
    private final Trouble trouble;

    /** @param database of the owner of the table */
    public MessageJanitor(Database database, Trouble trouble) {
        this.database = database;
        this.trouble = trouble;
    }

    /** Where it cannot, the next time does: what is written meanwhile goes into the default partition. */
    @Override
    public void run() {
        try (Connection connection = database.connect("switchboard-messages");
                Statement statement = connection.createStatement()) {
            statement.execute("set lock_timeout = '2s'"); // who sends must not wait behind it for long
            statement.execute("""
                    do $$
                    begin
                      if to_regprocedure('switchboard.keep_messages(interval)') is not null then
                        perform switchboard.keep_messages(interval '%d hours');
                      end if;
                    end
                    $$""".formatted(KEPT.toHours()));
        } catch (SQLException failed) {
            trouble.report("old messages of realtime.messages stay for now", failed);
        }
    }
}
