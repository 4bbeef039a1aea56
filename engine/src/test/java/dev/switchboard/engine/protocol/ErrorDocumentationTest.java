package dev.switchboard.engine.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** docs/errors.md is what this writes. Written anew with {@code -Dwrite-docs=true}. */
class ErrorDocumentationTest {
    private static final Path DOCUMENT = Path.of("..", "docs", "errors.md");

    @Test
    void docsListEveryCodeAClientCanSee() throws IOException {
        String wanted = document();
        if (Boolean.getBoolean("write-docs")) {
            Files.writeString(DOCUMENT, wanted);
        }

        assertThat(Files.readString(DOCUMENT)).isEqualTo(wanted);
    }

    private static String document() {
        var text = new StringBuilder("""
                # Errors

                Every code that a client can see, generated from `ErrorCode`. Replies and system messages carry it before the
                message, `"MalformedJWT: The token provided is not a valid JWT"`; a refused handshake is HTTP with
                `{"error": message, "code": code}`.

                | code | where | message | what happens next | remedy |
                | --- | --- | --- | --- | --- |
                """);
        for (ErrorCode code : ErrorCode.values()) {
            text.append("| `%s` | %s | %s | %s | %s |%n"
                    .formatted(
                            code.code(),
                            code.where().words(),
                            code.message(),
                            code.then().words(),
                            code.remedy()));
        }
        return text.toString();
    }
}
