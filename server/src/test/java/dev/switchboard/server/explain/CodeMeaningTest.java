package dev.switchboard.server.explain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.accounts.AccountError;
import dev.switchboard.callcenter.command.Refusal;
import dev.switchboard.data.DataError;
import dev.switchboard.engine.protocol.ErrorCode;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class CodeMeaningTest {
    @Test
    void everyCodeThatAClientCanBeGivenIsUnderstood() {
        Stream.of(
                        Stream.of(ErrorCode.values()).map(ErrorCode::code),
                        Stream.of(AccountError.values()).map(AccountError::code),
                        Stream.of(DataError.values()).map(DataError::code),
                        Stream.of(Refusal.values()).map(Refusal::code),
                        Stream.of(ExplainError.values()).map(ExplainError::code))
                .flatMap(codes -> codes)
                .forEach(code -> assertThat(CodeMeaning.of(code))
                        .as(code)
                        .isNotEmpty()
                        .allSatisfy(meaning -> {
                            assertThat(meaning.code()).isEqualToIgnoringCase(code);
                            assertThat(meaning.remedy()).isNotBlank();
                        }));
    }

    @Test
    void whatPostgresqlRaisedIsSaidToBeThat() {
        assertThat(CodeMeaning.of("23505"))
                .singleElement()
                .satisfies(meaning -> assertThat(meaning.message()).contains("PostgreSQL raised"));
        assertThat(CodeMeaning.of("Nonsense")).isEmpty();
    }
}
