package dev.switchboard.data;

import com.zaxxer.hikari.SQLExceptionOverride;
import java.sql.SQLException;

/** Errors that the pool takes for a broken connection, and that only say something of a client's statement. Immutable. */
public final class KeptConnections implements SQLExceptionOverride {
    private static final String FEATURE_NOT_SUPPORTED = "0A000";

    @java.lang.Override
    public SQLExceptionOverride.Override adjudicate(SQLException raised) {
        return FEATURE_NOT_SUPPORTED.equals(raised.getSQLState())
                ? SQLExceptionOverride.Override.DO_NOT_EVICT
                : SQLExceptionOverride.Override.CONTINUE_EVICT;
    }
}
