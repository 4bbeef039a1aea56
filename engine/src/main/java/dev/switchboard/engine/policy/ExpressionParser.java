package dev.switchboard.engine.policy;

import dev.switchboard.engine.policy.Tokens.Kind;
import dev.switchboard.engine.policy.Tokens.Token;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Parses SQL expressions as PostgreSQL writes them ({@code pg_get_expr}), with its precedence: OR, AND, NOT, IS, comparisons, other
 * operators, casts (PostgreSQL, "Operator Precedence"). A small part of the language; everything else is refused. One per
 * expression.
 */
final class ExpressionParser {
    private static final Set<String> COMPARISONS = Set.of("=", "<>", "<", "<=", ">", ">=");
    private static final Set<String> RESERVED = Set.of(
            "select",
            "from",
            "case",
            "exists",
            "in",
            "like",
            "ilike",
            "between",
            "similar",
            "collate",
            "at",
            "operator",
            "distinct",
            "row",
            "cast",
            "current_user",
            "session_user",
            "user",
            "current_date",
            "current_timestamp",
            "when");
    private static final int DEEPEST = 100;

    private final Tokens tokens;
    private int depth;

    private ExpressionParser(String source) throws NotCompiledException {
        tokens = Tokens.of(source);
    }

    static Expression parse(String source) throws NotCompiledException {
        var parser = new ExpressionParser(source);
        Expression expression = parser.or();
        parser.expectEnd();
        return expression;
    }

    /** The value of a function of one SELECT without tables, or of a RETURN. */
    static Expression parseBody(String source) throws NotCompiledException {
        var parser = new ExpressionParser(source);
        if (!parser.tokens.takeWord("return") && !parser.tokens.takeWord("select")) {
            throw new NotCompiledException("a function that is no SELECT");
        }
        Expression value = parser.or();
        parser.skipAlias();
        parser.tokens.takeMark(";");
        parser.expectEnd();
        return value;
    }

    private void expectEnd() throws NotCompiledException {
        if (tokens.peek().kind() != Kind.END) {
            throw new NotCompiledException("'" + tokens.peek().text() + "'");
        }
    }

    private Expression or() throws NotCompiledException {
        if (++depth > DEEPEST) {
            throw new NotCompiledException("more than " + DEEPEST + " levels");
        }
        var parts = new ArrayList<>(List.of(and()));
        while (tokens.takeWord("or")) {
            parts.add(and());
        }
        depth--;
        return parts.size() == 1 ? parts.getFirst() : new Expression.Or(parts, around(parts));
    }

    private Expression and() throws NotCompiledException {
        var parts = new ArrayList<>(List.of(not()));
        while (tokens.takeWord("and")) {
            parts.add(not());
        }
        return parts.size() == 1 ? parts.getFirst() : new Expression.And(parts, around(parts));
    }

    private static Expression.Span around(List<Expression> parts) {
        return parts.getFirst().span().to(parts.getLast().span());
    }

    private Expression not() throws NotCompiledException {
        Token start = tokens.peek();
        if (tokens.takeWord("not")) {
            Expression of = not();
            return new Expression.Not(of, start.span().to(of.span()));
        }
        return is();
    }

    private Expression is() throws NotCompiledException {
        Expression of = comparison();
        while (tokens.takeWord("is")) {
            boolean negated = tokens.takeWord("not");
            Token what = tokens.take();
            if (what.kind() != Kind.WORD
                    || !Set.of("null", "true", "false", "unknown").contains(what.text())) {
                throw new NotCompiledException("IS " + what.text());
            }
            of = new Expression.Is(of, what.text(), negated, of.span().to(what.span()));
        }
        return of;
    }

    private Expression comparison() throws NotCompiledException {
        Expression left = operation();
        if (tokens.peek().kind() != Kind.OPERATOR
                || !COMPARISONS.contains(tokens.peek().text())) {
            return left;
        }
        String operator = tokens.take().text();
        if (tokens.peek().isWord("any") || tokens.peek().isWord("all")) {
            boolean all = tokens.take().isWord("all");
            tokens.expectMark("(");
            Expression array = or();
            tokens.expectMark(")");
            return new Expression.Quantified(
                    operator, all, left, array, left.span().to(tokens.last().span()));
        }
        Expression right = operation();
        return new Expression.Operation(operator, left, right, left.span().to(right.span()));
    }

    private Expression operation() throws NotCompiledException {
        Expression left = cast();
        while (tokens.peek().kind() == Kind.OPERATOR
                && !COMPARISONS.contains(tokens.peek().text())) {
            String operator = tokens.take().text();
            Expression right = cast();
            left = new Expression.Operation(operator, left, right, left.span().to(right.span()));
        }
        return left;
    }

    private Expression cast() throws NotCompiledException {
        Expression of = primary();
        while (tokens.takeMark("::")) {
            String type = type();
            of = new Expression.Cast(of, type, of.span().to(tokens.last().span()));
        }
        return of;
    }

    /** {@code text}, {@code character varying}, {@code timestamp with time zone}, {@code public.mood}, {@code uuid[]}. */
    private String type() throws NotCompiledException {
        Token first = tokens.take();
        if (first.kind() != Kind.WORD && first.kind() != Kind.QUOTED) {
            throw new NotCompiledException("the type '" + first.text() + "'");
        }
        var type = new StringBuilder(first.kind() == Kind.QUOTED ? '"' + first.text() + '"' : first.text());
        if (tokens.takeMark(".")) {
            Token name = tokens.take();
            type.append('.').append(name.text());
        } else if (first.isWord("character") && tokens.takeWord("varying")) {
            type.append(" varying");
        } else if (first.isWord("timestamp")
                && (tokens.peek().isWord("with") || tokens.peek().isWord("without"))) {
            type.append(' ').append(tokens.take().text());
            if (!tokens.takeWord("time") || !tokens.takeWord("zone")) {
                throw new NotCompiledException("the type '" + type + "'");
            }
            type.append(" time zone");
        }
        if (tokens.takeMark("[")) {
            tokens.expectMark("]");
            type.append("[]");
        }
        return type.toString();
    }

    private Expression primary() throws NotCompiledException {
        Token token = tokens.take();
        return switch (token.kind()) {
            case STRING, NUMBER -> new Expression.Literal(Optional.of(token.text()), token.span());
            case QUOTED -> name(token);
            case WORD -> word(token);
            case MARK -> {
                if (!token.isMark("(")) {
                    throw new NotCompiledException("'" + token.text() + "'");
                }
                yield parenthesised(token);
            }
            case OPERATOR, END -> throw new NotCompiledException("'" + token.text() + "'");
        };
    }

    private Expression parenthesised(Token open) throws NotCompiledException {
        if (tokens.takeWord("select")) {
            return selected(open, false);
        }
        Expression inner = or();
        tokens.expectMark(")");
        return within(inner, open.span().to(tokens.last().span()));
    }

    private Expression selected(Token open, boolean array) throws NotCompiledException {
        Expression value = or();
        skipAlias();
        tokens.expectMark(")");
        return new Expression.Selected(
                value, array, open.span().to(tokens.last().span()));
    }

    private void skipAlias() throws NotCompiledException {
        if (tokens.takeWord("as")) {
            Token alias = tokens.take();
            if (alias.kind() != Kind.WORD && alias.kind() != Kind.QUOTED) {
                throw new NotCompiledException("'" + alias.text() + "' as a name");
            }
        }
    }

    /** The same with its parentheses, so that its source stands by itself. */
    private static Expression within(Expression inner, Expression.Span span) {
        return switch (inner) {
            case Expression.Column column -> new Expression.Column(column.name(), span);
            case Expression.Literal literal -> new Expression.Literal(literal.text(), span);
            case Expression.Call call -> new Expression.Call(call.schema(), call.name(), call.arguments(), span);
            case Expression.Cast cast -> new Expression.Cast(cast.of(), cast.type(), span);
            case Expression.Operation operation ->
                new Expression.Operation(operation.operator(), operation.left(), operation.right(), span);
            case Expression.Quantified quantified ->
                new Expression.Quantified(
                        quantified.operator(), quantified.all(), quantified.left(), quantified.array(), span);
            case Expression.ArrayOf array -> new Expression.ArrayOf(array.elements(), span);
            case Expression.Selected selected -> new Expression.Selected(selected.value(), selected.array(), span);
            case Expression.Is is -> new Expression.Is(is.of(), is.what(), is.negated(), span);
            case Expression.Not not -> new Expression.Not(not.of(), span);
            case Expression.And and -> new Expression.And(and.parts(), span);
            case Expression.Or or -> new Expression.Or(or.parts(), span);
        };
    }

    private Expression word(Token token) throws NotCompiledException {
        if (RESERVED.contains(token.text())) {
            throw new NotCompiledException(token.text());
        }
        return switch (token.text()) {
            case "true", "false" -> new Expression.Literal(Optional.of(token.text()), token.span());
            case "null" -> new Expression.Literal(Optional.empty(), token.span());
            case "array" -> array(token);
            default -> name(token);
        };
    }

    private Expression array(Token token) throws NotCompiledException {
        if (tokens.takeMark("(")) {
            if (!tokens.takeWord("select")) {
                throw new NotCompiledException("array(");
            }
            return selected(token, true);
        }
        tokens.expectMark("[");
        var elements = new ArrayList<Expression>();
        do {
            elements.add(or());
        } while (tokens.takeMark(","));
        tokens.expectMark("]");
        return new Expression.ArrayOf(elements, token.span().to(tokens.last().span()));
    }

    private Expression name(Token token) throws NotCompiledException {
        String schema = "";
        Token name = token;
        if (tokens.takeMark(".")) {
            schema = token.text();
            name = tokens.take();
            if ((name.kind() != Kind.WORD && name.kind() != Kind.QUOTED)
                    || !tokens.peek().isMark("(")) {
                throw new NotCompiledException(schema + "." + name.text());
            }
        }
        if (token.kind() == Kind.QUOTED && schema.isEmpty() && tokens.peek().isMark("(")) {
            throw new NotCompiledException(
                    "the function \"" + token.text() + "\""); // somebody's own, whatever it is called
        }
        if (!tokens.takeMark("(")) {
            return new Expression.Column(name.text(), token.span());
        }
        var arguments = new ArrayList<Expression>();
        if (!tokens.takeMark(")")) {
            do {
                arguments.add(or());
            } while (tokens.takeMark(","));
            tokens.expectMark(")");
        }
        return new Expression.Call(
                schema, name.text(), arguments, token.span().to(tokens.last().span()));
    }
}
