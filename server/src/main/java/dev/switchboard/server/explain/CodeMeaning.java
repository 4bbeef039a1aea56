package dev.switchboard.server.explain;

import dev.switchboard.accounts.AccountError;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.data.DataError;
import dev.switchboard.engine.protocol.ErrorCode;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What a code means that a client was given, whichever part gave it (docs/errors.md, docs/errors-http.md).
 *
 * @param message that stands beside it
 * @param where   it is met
 * @param then    what happens next
 * @param remedy  what helps
 */
public record CodeMeaning(String code, String message, String where, String then, String remedy) {
    private static final Pattern SQLSTATE = Pattern.compile("[0-9A-Z]{5}");
    private static final String REFUSED = "refused; the same again will be refused again";

    /** All that a code may mean; one may be used by several parts. Empty where nobody is ever given it. */
    public static List<CodeMeaning> of(String code) {
        List<CodeMeaning> known = Stream.of(
                        Stream.of(ErrorCode.values()).map(CodeMeaning::of),
                        Stream.of(AccountError.values())
                                .map(error -> http(
                                        error.code(), error.message(), "/auth/v1", error.status(), error.remedy())),
                        Stream.of(DataError.values())
                                .map(error -> http(
                                        error.code(), error.message(), "/rest/v1", error.status(), error.remedy())),
                        Stream.of(Refusal.values())
                                .map(refusal -> http(
                                        refusal.code(), refusal.title(), "/api", refusal.status(), refusal.remedy())),
                        Stream.of(ExplainError.values())
                                .map(error -> http(
                                        error.code(),
                                        error.message(),
                                        "/realtime/v1/explain",
                                        error.status(),
                                        "As the message says; docs/explain.md has more.")))
                .flatMap(meanings -> meanings)
                .filter(meaning -> meaning.code().equalsIgnoreCase(code))
                .toList();
        return known.isEmpty() && SQLSTATE.matcher(code).matches() ? List.of(raised(code)) : known;
    }

    private static CodeMeaning of(ErrorCode code) {
        return new CodeMeaning(
                code.code(), code.message(), code.where().words(), code.then().words(), code.remedy());
    }

    private static CodeMeaning http(String code, String message, String path, int status, String remedy) {
        return new CodeMeaning(
                code,
                message,
                "answers of " + path + ", status " + status,
                status == 429 || status >= 500 ? "try again later" : REFUSED,
                remedy);
    }

    private static CodeMeaning raised(String sqlState) {
        return new CodeMeaning(
                sqlState,
                "PostgreSQL raised an error of this SQLSTATE (its documentation, appendix A)",
                "answers of /rest/v1, whose status follows from it",
                REFUSED,
                "Message, details and hint of the answer are PostgreSQL's own; explain --request says what the request came to.");
    }
}
