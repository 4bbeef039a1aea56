package dev.switchboard.accounts;

/** Every code that the accounts' endpoints answer with, once; the names and statuses are those that auth clients know. */
public enum AccountError {
    ANONYMOUS_DISABLED(
            422,
            "anonymous_provider_disabled",
            "Anonymous sign-ins are disabled",
            "Start with --anonymous-sign-ins to allow them."),
    BAD_CODE_VERIFIER(
            400,
            "bad_code_verifier",
            "code challenge does not match previously saved code verifier",
            "Exchange the code in the browser that asked for it."),
    BAD_JSON(400, "bad_json", "Could not parse request body as JSON", "Send a JSON object."),
    BAD_JWT(403, "bad_jwt", "invalid JWT: unable to parse or verify signature", "Sign in again."),
    EMAIL_DISABLED(
            422, "email_provider_disabled", "E-mails cannot be sent: no mail server is set", "Start with --smtp-url."),
    EMAIL_EXISTS(
            422,
            "email_exists",
            "A user with this email address has already been registered",
            "Use another address, or that user."),
    EMAIL_NOT_CONFIRMED(
            400, "email_not_confirmed", "Email not confirmed", "Follow the link that was sent, or have it sent again."),
    FLOW_STATE_NOT_FOUND(
            404,
            "flow_state_not_found",
            "invalid flow state, no valid flow state found",
            "The code was exchanged already, or is too old; start again."),
    INVALID_CREDENTIALS(400, "invalid_credentials", "Invalid login credentials", "Check address and password."),
    METADATA_TOO_LARGE(
            422,
            "validation_failed",
            "The user's metadata would be too large",
            "Keep what is large in a table of your own; null takes a member away."),
    NOT_ADMIN(403, "not_admin", "User not allowed", "Call this with the service key, from a server only."),
    NOT_FOUND(404, "not_found", "No such endpoint", "Check path and method."),
    NO_AUTHORIZATION(401, "no_authorization", "This endpoint requires a valid Bearer token", "Sign in first."),
    OTP_DISABLED(422, "otp_disabled", "Signups not allowed for otp", "Sign up first, or send create_user."),
    OTP_EXPIRED(403, "otp_expired", "Token has expired or is invalid", "Have a new one sent."),
    PHONE_DISABLED(400, "phone_provider_disabled", "Phone logins are disabled", "Sign in by e-mail."),
    PROVIDER_DISABLED(
            400,
            "validation_failed",
            "Unsupported provider: provider is not enabled",
            "Sign in at the provider and send its token; see --oidc-issuer."),
    RATE_LIMIT(429, "over_request_rate_limit", "Request rate limit reached", "Wait as long as Retry-After says."),
    EMAIL_RATE_LIMIT(
            429,
            "over_email_send_rate_limit",
            "For security purposes, you can only request this once every 60 seconds",
            "Wait a minute."),
    REAUTHENTICATION_INVALID(
            422,
            "reauthentication_not_valid",
            "Reauthentication nonce is invalid or has expired",
            "Call reauthenticate and send the number as nonce."),
    REFRESH_ALREADY_USED(
            400,
            "refresh_token_already_used",
            "Invalid Refresh Token: Already Used",
            "Sign in again: the session was ended, since its token was used twice."),
    REFRESH_NOT_FOUND(
            400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found", "Sign in again."),
    SAME_PASSWORD(
            422,
            "same_password",
            "New password should be different from the old password.",
            "Choose another password."),
    SESSION_NOT_FOUND(
            403, "session_not_found", "Session from session_id claim in JWT does not exist", "Sign in again."),
    SIGNUP_DISABLED(
            422, "signup_disabled", "Signups not allowed for this instance", "Ask an administrator for an invitation."),
    UNEXPECTED(
            500,
            "unexpected_failure",
            "Unexpected failure, please check server logs for more information",
            "The server's log has the cause."),
    UNSUPPORTED_GRANT(400, "unsupported_grant_type", "unsupported_grant_type", "Use password, refresh_token or pkce."),
    USER_BANNED(400, "user_banned", "User is banned", "Ask an administrator."),
    USER_EXISTS(422, "user_already_exists", "User already registered", "Sign in instead."),
    USER_NOT_FOUND(403, "user_not_found", "User from sub claim in JWT does not exist", "Sign in again."),
    NO_SUCH_USER(404, "user_not_found", "User not found", "Check the id."),
    VALIDATION_FAILED(400, "validation_failed", "A value is not valid", "The message names it."),
    WEAK_PASSWORD(422, "weak_password", "Password is too weak", "The message says what it needs.");

    private final int status;
    private final String code;
    private final String message;
    private final String remedy;

    AccountError(int status, String code, String message, String remedy) {
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
