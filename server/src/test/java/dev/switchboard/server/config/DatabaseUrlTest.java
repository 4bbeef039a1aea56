package dev.switchboard.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.Database;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DatabaseUrlTest {
    @ParameterizedTest
    @CsvSource({
        "postgresql://app:secret@db.example.com:6543/shop?sslmode=require,jdbc:postgresql://db.example.com:6543/shop?sslmode=require,app,secret",
        "postgres://a%40b:p%2Fw%3A%25+@h/d,jdbc:postgresql://h:5432/d,a@b,p/w:%+",
        "postgresql://app@h,jdbc:postgresql://h:5432/app,app,from the environment"
    })
    void O1_urlsAreReadAsLibpqWritesThem(String url, String jdbc, String user, String password) {
        Database database = DatabaseUrl.parse(url, Optional.of("from the environment"));

        assertThat(database).isEqualTo(new Database(jdbc, user, password));
        assertThat(database.toString()).doesNotContain(password);
    }

    @ParameterizedTest
    @CsvSource({
        "mysql://app@h/d,has to begin with postgresql://",
        "postgresql://h/d,names no user",
        "postgresql://app:p w@h/d,percent-encode",
        "postgresql:///d,names no host"
    })
    void O1_aWrongUrlSaysWhatIsMissing(String url, String why) {
        assertThatThrownBy(() -> DatabaseUrl.parse(url, Optional.empty()))
                .isInstanceOf(InvalidSettingException.class)
                .hasMessageContaining("--database-url")
                .hasMessageContaining(why);
    }

    @Test
    void O1_thePasswordIsNotRepeatedInAnError() {
        assertThatThrownBy(() -> DatabaseUrl.parse("postgresql://app:gehei m@h/d", Optional.empty()))
                .hasMessageNotContaining("gehei");
    }
}
