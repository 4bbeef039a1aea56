package dev.switchboard.engine.policy;

import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Whether an expression that reads no column comes to the same as long as the claims are the same, so that PostgreSQL has to say it
 * once per group of claims: literals, the claims themselves, and functions, operators and casts that nothing else bears upon.
 */
final class ClaimExpressions {
    private static final Set<String> IMMUTABLE = Set.of(
            "coalesce",
            "nullif",
            "lower",
            "upper",
            "btrim",
            "string_to_array",
            "jsonb_extract_path_text",
            "json_extract_path_text",
            "jsonb_array_elements_text",
            "json_array_elements_text");

    /** Types whose reading depends on no setting. */
    private static final Set<String> TYPES = Set.of(
            "uuid",
            "text",
            "character varying",
            "integer",
            "bigint",
            "smallint",
            "boolean",
            "json",
            "jsonb",
            "int",
            "int8",
            "int4",
            "int2",
            "bool",
            "varchar");

    private static final Set<String> MOMENTS =
            Set.of("date", "timestamp without time zone", "timestamp with time zone");

    private static final Set<String> OF_THE_GRAMMAR = Set.of("coalesce", "nullif");
    private static final Set<String> WORDS_OF_MOMENTS =
            Set.of("now", "today", "tomorrow", "yesterday", "epoch", "allballs", "infinity", "-infinity");

    private ClaimExpressions() {}

    /** A function's body: a SELECT of one such value, or a RETURN. */
    static boolean isOfClaims(String body, ClaimFunctions functions) {
        try {
            Expression value = ExpressionParser.parseBody(body);
            requireFixed(value);
            require(value, functions);
            return true;
        } catch (NotCompiledException other) {
            return false;
        }
    }

    /**
     * What a body may not have besides, since it is read anew at each call: moments, which may say {@code now}, types that are not
     * PostgreSQL's own, and names that another schema may have before PostgreSQL.
     */
    private static void requireFixed(Expression expression) throws NotCompiledException {
        switch (expression) {
            case Expression.Literal literal
            when literal.text().filter(ClaimExpressions::mayBeMoment).isPresent() ->
                throw new NotCompiledException("the constant '" + literal.text().get() + "' in a function");
            case Expression.Cast cast
            when !TYPES.contains(elementType(cast)) ->
                throw new NotCompiledException("a cast to " + cast.type() + " in a function");
            case Expression.Call call
            when call.schema().isEmpty() && !OF_THE_GRAMMAR.contains(call.name()) && !isClaimsSetting(call) ->
                throw new NotCompiledException("function " + call.name() + " without its schema in a function");
            default -> {}
        }
        for (Expression part : expression.parts()) {
            requireFixed(part);
        }
    }

    /** Whether a type of moments would read it, with the clock or without. */
    private static boolean mayBeMoment(String text) {
        String word = text.strip().toLowerCase(Locale.ROOT);
        return WORDS_OF_MOMENTS.contains(word) || word.matches("\\d{1,4}-\\d.*");
    }

    private static String elementType(Expression.Cast cast) {
        return cast.type().endsWith("[]") ? cast.type().substring(0, cast.type().length() - 2) : cast.type();
    }

    static void require(Expression expression, ClaimFunctions functions) throws NotCompiledException {
        switch (expression) {
            case Expression.Column column -> throw new NotCompiledException("column " + column.name() + " in a value");
            case Expression.Call call -> requireCall(call, functions);
            case Expression.Cast cast -> requireCast(cast);
            default -> {}
        }
        for (Expression part : expression.parts()) {
            require(part, functions);
        }
    }

    private static void requireCall(Expression.Call call, ClaimFunctions functions) throws NotCompiledException {
        boolean builtIn = call.schema().isEmpty() || call.schema().equals("pg_catalog");
        boolean known;
        if (builtIn) {
            known = IMMUTABLE.contains(call.name()) || isClaimsSetting(call);
        } else {
            known = call.arguments().isEmpty() && functions.isOfClaims(call.schema(), call.name());
        }
        if (!known) {
            throw new NotCompiledException("function " + (builtIn ? "" : call.schema() + ".") + call.name());
        }
    }

    /** {@code current_setting('request.jwt.claims', true)}; also the older {@code request.jwt.claim.sub}. */
    private static boolean isClaimsSetting(Expression.Call call) {
        return call.name().equals("current_setting")
                && literal(call.arguments().isEmpty() ? call : call.arguments().getFirst())
                        .filter(name -> name.equals("request.jwt.claims") || name.startsWith("request.jwt.claim."))
                        .isPresent();
    }

    private static Optional<String> literal(Expression expression) {
        return switch (expression) {
            case Expression.Literal literal -> literal.text();
            case Expression.Cast cast when cast.type().equals("text") -> literal(cast.of());
            default -> Optional.empty();
        };
    }

    /** A moment is read from a constant that says which one it is; {@code 'now'} and the like do not. */
    private static void requireCast(Expression.Cast cast) throws NotCompiledException {
        String type = elementType(cast);
        boolean constant = cast.of() instanceof Expression.Literal;
        boolean known = TYPES.contains(type)
                || (MOMENTS.contains(cast.type()) && constant && isMoment(((Expression.Literal) cast.of()).text()))
                || (type.contains(".") && constant); // an enumeration's label: its type is compared with the column's
        if (!known) {
            throw new NotCompiledException("a cast to " + cast.type());
        }
    }

    private static boolean isMoment(Optional<String> text) {
        return text.filter(moment -> moment.matches("\\d{4}-\\d\\d-\\d\\d.*")).isPresent();
    }
}
