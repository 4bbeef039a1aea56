package dev.switchboard.server.explain;

/** What {@code /realtime/v1/explain} refuses; docs/explain.md has a row for each. */
public enum ExplainError {
    TOKEN_MISSING("TokenMissing", 401, "a token is needed: Authorization: Bearer ..."),
    NOT_GET("MethodNotAllowed", 405, "explain answers GET"),
    TABLE_MISSING("MissingTable", 400, "which table? ?table=orders"),
    NOT_EXPLAINED("NotExplained", 400, "that cannot be explained"),
    FOR_SERVICE("ForTheServiceKey", 403, "positions, claims and requests are explained to the service key"),
    BUSY("ExplainBusy", 503, "others are being explained to; try again");

    private final String code;
    private final int status;
    private final String message;

    ExplainError(String code, int status, String message) {
        this.code = code;
        this.status = status;
        this.message = message;
    }

    public String code() {
        return code;
    }

    int status() {
        return status;
    }

    String message() {
        return message;
    }
}
