package dev.switchboard.telephony.fake;

import static org.assertj.core.api.Assertions.assertThat;

import com.twilio.converter.DateConverter;
import java.time.Instant;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The provider of the tests is read by the official library on every day of the month. */
class FakeApiTest {
    @ParameterizedTest
    @ValueSource(strings = {"2026-12-01T00:18:05Z", "2026-11-30T23:59:59Z", "2027-01-09T09:09:09Z"})
    void L20_theLibraryReadsTheApisMoments(String moment) {
        Instant at = Instant.parse(moment);

        assertThat(DateConverter.rfc2822DateTimeFromString(FakeApi.date(at)).toInstant())
                .isEqualTo(at);
    }
}
