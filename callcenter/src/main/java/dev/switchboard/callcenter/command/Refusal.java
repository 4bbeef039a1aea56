package dev.switchboard.callcenter.command;

/** Why a command was not carried out; the code is stable, and docs/errors-http.md lists them. */
public enum Refusal {
    INVALID_REQUEST("invalid_request", 400, "The request is not understood", "mend what the detail names"),
    NOT_SIGNED_IN("not_signed_in", 401, "No valid token", "sign in again"),
    NOT_PERMITTED("not_permitted", 403, "Your role does not allow this", "ask a supervisor or an admin"),
    NOT_AN_AGENT(
            "not_an_agent", 403, "You have no phone in this organization", "an admin adds one: switchboard member add"),
    NOT_YOURSELF("not_yourself", 403, "The agent is somebody else", "use your own id"),
    NOT_YOUR_CALL("not_your_call", 403, "Another agent has this call", "leave it to them, or ask a supervisor"),
    SERVICE_ONLY("service_only", 403, "This is for programs with the service key", "ask from the server side"),
    NOT_SIGNED(
            "not_signed",
            403,
            "The message is not signed by an account that is known here",
            "check the account's token and its public address: switchboard twilio connect"),
    NOT_FOUND("not_found", 404, "There is no such thing", "look at the id; what belongs to others is not found either"),
    METHOD_NOT_ALLOWED("method_not_allowed", 405, "Not with this method", "use the one that the detail names"),
    UNSUPPORTED_TYPE("unsupported_type", 415, "Not in this form", "send the content type that the detail names"),
    NO_LINE(
            "no_line",
            409,
            "The organization has no telephone line that devices connect to",
            "who runs the server adds one: switchboard twilio connect"),
    ALREADY_CLAIMED(
            "already_claimed", 409, "Another agent is already handling the call", "nothing; your card has cleared"),
    CALL_OVER("call_over", 409, "The call is over", "nothing; your card has cleared"),
    WRONG_STATE("wrong_state", 409, "The call's state does not allow this", "look at the call again"),
    NOT_OFFERED("not_offered", 409, "The call does not ring at this agent", "wait until it is offered"),
    AGENT_BUSY("agent_busy", 409, "The agent has a call", "choose another, or force it"),
    AGENT_UNAVAILABLE("agent_unavailable", 409, "The agent is not available", "choose another"),
    NOBODY_AVAILABLE("nobody_available", 409, "No agent is available", "wait, or name other agents"),
    CODE_REQUIRED(
            "code_required",
            409,
            "The call's queue wants to know what it was about",
            "give one of the queue's wrap-up codes"),
    SLOT_TAKEN("slot_taken", 409, "The parking slot is taken", "choose another, or none for the lowest free one"),
    NO_FREE_SLOT("no_free_slot", 409, "All 99 parking slots are taken", "take one of the parked calls first"),
    ALREADY_THERE("already_there", 409, "It exists already", "use the one that is there"),
    KEY_USED_OTHERWISE("key_used_otherwise", 422, "This Idempotency-Key came with another request", "make a new key"),
    INTERNAL("internal", 500, "Internal error; the log has its cause", "try again; tell who runs the server"),
    TRY_AGAIN("try_again", 503, "Too much happened at once", "try again");

    private final String code;
    private final int status;
    private final String title;
    private final String remedy;

    Refusal(String code, int status, String title, String remedy) {
        this.code = code;
        this.status = status;
        this.title = title;
        this.remedy = remedy;
    }

    public String code() {
        return code;
    }

    /** HTTP. */
    public int status() {
        return status;
    }

    public String title() {
        return title;
    }

    /** What whoever meets it does. */
    public String remedy() {
        return remedy;
    }
}
