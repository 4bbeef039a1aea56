package dev.switchboard.engine.route;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FilterSyntaxTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {"id=eq.7|id|7", "a b=eq.x.y=z|a b|x.y=z", "n=eq.\"a,b\\\"c\"|n|a,b\"c"})
    void F1_oneConditionIsRead(String filter, String column, String value) {
        FilterSyntax syntax = FilterSyntax.parse(filter);

        assertThat(syntax.column()).isEqualTo(column);
        assertThat(syntax.value()).isEqualTo(value);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "id", "=eq.1", "id=eq", "id=gt.1", "id=eq.1,b=eq.2", "id=eq.\"a", "id=eq.\"a\"b"})
    void F2_whatIsNoConditionIsRefusedWithItsText(String filter) {
        assertThatThrownBy(() -> FilterSyntax.parse(filter))
                .isInstanceOf(InvalidFilterException.class)
                .hasMessageContaining("'" + filter + "'");
    }

    @Test
    void F2_theOperatorIsNamed() {
        assertThatThrownBy(() -> FilterSyntax.parse("id=gt.1")).hasMessageContaining("operator 'gt'");
    }
}
