package dev.switchboard.callcenter.command;

import java.util.Locale;

/** Columns of calls that commands set; their names are those of the table. */
public enum CallColumn {
    QUEUE_ID,
    CLAIMED_BY,
    CLAIM_EXPIRES_AT,
    ANSWERED_BY,
    QUEUED_AT,
    FIRST_RING_AT,
    CLAIMED_AT,
    ANSWERED_AT,
    ENDED_AT,
    END_REASON,
    WRAP_UP_CODE,
    WRAP_UP_UNTIL,
    WAIT_S,
    DUE_AT,
    TRANSFER_KIND,
    TRANSFER_TO,
    MUTED,
    MISSED_BY,
    CALLBACK_NUMBER,
    CALLBACK_REQUESTED_AT,
    LEG_LOST_AT,
    REJOIN_ASKED;

    private final String column = name().toLowerCase(Locale.ROOT);

    public String column() {
        return column;
    }
}
