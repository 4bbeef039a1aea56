package dev.switchboard.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.accounts.AccountError;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.data.DataError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** docs/errors-http.md is what this writes. Written anew with {@code -Dwrite-docs=true}. */
class HttpErrorDocumentationTest {
    private static final Path DOCUMENT = Path.of("..", "docs", "errors-http.md");

    @Test
    void docsListEveryCodeOfTheHttpEndpoints() throws IOException {
        String wanted = document();
        if (Boolean.getBoolean("write-docs")) {
            Files.writeString(DOCUMENT, wanted);
        }

        assertThat(Files.readString(DOCUMENT)).isEqualTo(wanted);
    }

    private static String document() {
        var text = new StringBuilder("""
                # Errors over HTTP

                Generated from `AccountError`, `DataError` and `Refusal`. Those of the WebSocket are in [errors.md](errors.md).

                ## Accounts, `/auth/v1`

                `{"code", "error_code", "message", "msg"}`, with header `X-Supabase-Api-Version`; 429 also with `Retry-After`.

                | code | status | message | remedy |
                | --- | --- | --- | --- |
                """);
        for (AccountError error : AccountError.values()) {
            text.append("| `%s` | %d | %s | %s |%n"
                    .formatted(error.code(), error.status(), error.message(), error.remedy()));
        }
        text.append("""

                ## Data, `/rest/v1`

                `{"code", "details", "hint", "message"}`. What PostgreSQL raises has its SQLSTATE as code, and its own message, details and
                hint; the status follows from the SQLSTATE: 23503, 23505 409; 42501 401 for `anon`, else 403; 42P01, 42883 404; 25006 405; 28, 0L,
                0P 403; 53, 08, 57P01 503; 55, 57, 58, 09, 25, 2D, 38, 39, 3B, 40, F0, HV, XX 500 (a `tsquery` too deep: 400); `PTxyz` xyz; others 400.

                | code | status | message | remedy |
                | --- | --- | --- | --- |
                """);
        for (DataError error : DataError.values()) {
            text.append("| `%s` | %d | %s | %s |%n"
                    .formatted(error.code(), error.status(), error.message(), error.remedy()));
        }
        text.append("""

                ## Call centre, `/api`

                Problem details (RFC 9457), `application/problem+json`: `{"type", "title", "status", "detail", "code"}`; `detail` names the value that was wrong.
                `already_claimed` also has `claimedBy {userId, name}`.

                | code | status | title | remedy |
                | --- | --- | --- | --- |
                """);
        for (Refusal refusal : Refusal.values()) {
            text.append("| `%s` | %d | %s | %s |%n"
                    .formatted(refusal.code(), refusal.status(), refusal.title(), refusal.remedy()));
        }
        return text.toString();
    }
}
