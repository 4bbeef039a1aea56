package dev.switchboard.engine.route;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.Collectors;
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
        assertThat(FilterSyntax.parse(filter))
                .isEqualTo(new FilterSyntax.Condition(column, Operator.EQ, List.of(value)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "a=eq.1,b=not.in.(x,\"y,z\")|[a EQ [1]] and not [b IN [x, y,z]]",
                "or(a=lt.1,and(b=eq.f(x,y),c=is.null))|([a LT [1]] or ([b EQ [f(x,y)]] and [c IS [null]]))",
                "not.or(a=eq.),b=in.()|not ([a EQ []]) and [b IN []]",
                "\"odd=col\"=eq.a)|[odd=col EQ [a)]]"
            })
    void F1_conditionsGroupsAndListsAreRead(String filter, String expected) {
        String read = words(FilterSyntax.parse(filter));

        assertThat(read.startsWith("(") && !expected.startsWith("(") ? read.substring(1, read.length() - 1) : read)
                .isEqualTo(expected);
    }

    private static String words(FilterSyntax syntax) {
        return switch (syntax) {
            case FilterSyntax.All(var all) ->
                all.stream().map(FilterSyntaxTest::words).collect(Collectors.joining(" and ", "(", ")"));
            case FilterSyntax.Any(var any) ->
                any.stream().map(FilterSyntaxTest::words).collect(Collectors.joining(" or ", "(", ")"));
            case FilterSyntax.Not(var not) -> "not " + words(not);
            case FilterSyntax.Condition condition ->
                "[" + condition.column() + " " + condition.operator() + " " + condition.values() + "]";
        };
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "%|abc|true",
                "a%c|abc|true",
                "a_c|a😀c|true",
                "a_c|ac|false",
                "%b%|abc|true",
                "a\\%|a%|true",
                "a\\%|ab|false",
                "%ab|aab|true",
                "ab%ab|ab|false",
                "_|😀|true"
            })
    void F3_likeMatchesCharacters(String pattern, String text, boolean matches) {
        assertThat(new LikePattern(pattern).matches(text)).isEqualTo(matches);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "id",
                "=eq.1",
                "id=eq",
                "id=eq.1,",
                "or(a=eq.1",
                "a=in.1",
                "a=eq.1,b",
                "id=eq.\"a",
                "id=eq.\"a\"b"
            })
    void F2_whatIsNoConditionIsRefusedWithItsText(String filter) {
        assertThatThrownBy(() -> FilterSyntax.parse(filter))
                .isInstanceOf(InvalidFilterException.class)
                .hasMessageContaining("'" + filter + "'");
    }

    @Test
    void F2_theOperatorIsNamed() {
        assertThatThrownBy(() -> FilterSyntax.parse("id=above.1")).hasMessageContaining("operator 'above'");
    }
}
