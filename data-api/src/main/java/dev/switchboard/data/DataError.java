package dev.switchboard.data;

/**
 * Every code of the data API's own, once; the names and statuses are PostgREST's. Errors of PostgreSQL itself come with their
 * SQLSTATE.
 */
public enum DataError {
    CONNECTION(503, "PGRST000", "Could not connect with the database", "Wait and try again."),
    POOL_TIMEOUT(
            504,
            "PGRST003",
            "Timed out acquiring connection from connection pool.",
            "Wait and try again; raise --data-connections if it lasts."),
    MALFORMED_QUERY(400, "PGRST100", "The query string cannot be parsed", "The message shows what and where."),
    ROUTINE_METHOD(405, "PGRST101", "Only GET, POST and HEAD are allowed for functions", "Use one of them."),
    INVALID_BODY(
            400, "PGRST102", "Empty or invalid json", "Send a JSON object, or an array of objects with the same keys."),
    RANGE(416, "PGRST103", "Requested range not satisfiable", "Ask for an offset below the number of rows."),
    UPSERT_FILTERS(
            405,
            "PGRST105",
            "Filters must include all and only primary key columns with 'eq' operators",
            "Use exactly those."),
    SCHEMA(406, "PGRST106", "Invalid schema", "Use one of the schemas that the hint names; see --data-schemas."),
    MEDIA_TYPE(
            406,
            "PGRST107",
            "None of these media types are available",
            "Accept application/json, text/csv or those that the docs name."),
    NOT_EMBEDDED(400, "PGRST108", "The resource is not embedded in this request", "Add it to select."),
    SINGULAR(
            406,
            "PGRST116",
            "Cannot coerce the result to a single JSON object",
            "Ask for a row that exists once, or for a list."),
    METHOD(405, "PGRST117", "Unsupported HTTP method", "Use GET, HEAD, POST, PATCH, PUT or DELETE."),
    RELATED_ORDER(400, "PGRST118", "A related order is not possible", "Order by a resource that is embedded to one."),
    EMBEDDED_NULL(
            400,
            "PGRST120",
            "Bad operator on an embedded resource",
            "Only is null or not is null filters are allowed on embedded resources."),
    PREFERENCES(400, "PGRST122", "Invalid preferences given with handling=strict", "Leave out what the details name."),
    AGGREGATES(
            400,
            "PGRST123",
            "Use of aggregate functions is not allowed",
            "Start with --data-aggregates to allow them."),
    MAX_AFFECTED(
            400, "PGRST124", "Query result exceeds max-affected preference constraint", "Filter more, or allow more."),
    PATH(404, "PGRST125", "Invalid path specified in request URL", "Use /table or /rpc/function."),
    KEY_MISMATCH(
            400,
            "PGRST115",
            "Payload values do not match URL in primary key column(s)",
            "Send the same key in both, or leave out PUT."),
    RAISED_MALFORMED(
            500,
            "PGRST121",
            "Could not parse JSON in a function's RAISE SQLSTATE 'PGRST'",
            "Raise it with the JSON that the hint names in message and detail."),
    NOT_IMPLEMENTED(
            400,
            "PGRST127",
            "Feature not implemented",
            "The details name it; aggregate an embedded resource without spreading it."),
    MAX_AFFECTED_ROUTINE(
            400,
            "PGRST128",
            "Function must return SETOF or TABLE when max-affected preference is used with handling=strict",
            "Leave out max-affected."),
    NO_RELATIONSHIP(
            400,
            "PGRST200",
            "Could not find a relationship in the schema cache",
            "Name a table that a foreign key leads to or comes from."),
    AMBIGUOUS_RELATIONSHIP(
            300, "PGRST201", "More than one relationship was found", "Name the one with !, as the hint says."),
    NO_ROUTINE(404, "PGRST202", "Could not find the function in the schema cache", "Check name and parameters."),
    AMBIGUOUS_ROUTINE(
            300,
            "PGRST203",
            "Could not choose the best candidate function",
            "Rename parameters or functions so that they differ."),
    NO_COLUMN(400, "PGRST204", "Could not find the column in the schema cache", "Check its name."),
    NO_TABLE(404, "PGRST205", "Could not find the table in the schema cache", "Check its name and schema."),
    INVALID_TOKEN(401, "PGRST301", "The token is not valid", "Sign in again."),
    CLAIMS(401, "PGRST303", "JWT expired", "Refresh the token."),
    TOO_LARGE(
            400, "SWB001", "The answer is larger than allowed", "Ask for fewer rows or columns; see --data-max-bytes."),
    BUSY(503, "SWB004", "Other large answers are under way", "Try again later, or ask for fewer rows or columns."),
    EMBEDDED_CONDITION(
            400,
            "SWB003",
            "A condition on an embedded resource does not choose which rows are written",
            "Filter the rows of the table themselves, by their keys."),
    TOO_COMPLEX(400, "SWB002", "The request is too complex", "The message says which bound it goes beyond."),
    UNEXPECTED(500, "PGRSTX00", "Internal error; the server's log has its cause", "Look into the log.");

    private final int status;
    private final String code;
    private final String message;
    private final String remedy;

    DataError(int status, String code, String message, String remedy) {
        this.status = status;
        this.code = code;
        this.message = message;
        this.remedy = remedy;
    }

    public int status() {
        return status;
    }

    public String code() {
        return code;
    }

    public String message() {
        return message;
    }

    /** What whoever sees it can do. */
    public String remedy() {
        return remedy;
    }
}
