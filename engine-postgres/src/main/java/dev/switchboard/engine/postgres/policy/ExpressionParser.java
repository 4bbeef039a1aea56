package dev.switchboard.engine.postgres.policy;

import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.policy.Tokens.Kind;
import dev.switchboard.engine.postgres.policy.Tokens.Token;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

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
    private static final Set<String> AFTER_TABLES = Set.of(
            "where",
            "join",
            "inner",
            "left",
            "right",
            "full",
            "cross",
            "natural",
            "on",
            "using",
            "group",
            "having",
            "order",
            "limit",
            "offset",
            "fetch",
            "union",
            "intersect",
            "except",
            "window",
            "for",
            "tablesample",
            "lateral",
            "select",
            "end");
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

    /** The value of a function of one SELECT, or of a RETURN. */
    static Expression parseBody(String source) throws NotCompiledException {
        var parser = new ExpressionParser(source);
        Tokens tokens = parser.tokens;
        boolean atomic = tokens.takeWord("begin") && tokens.takeWord("atomic");
        Expression value;
        if (tokens.takeWord("select")) {
            value = parser.selected(tokens.last(), Expression.Subquery.Form.VALUE);
        } else if (!atomic && tokens.takeWord("return")) {
            value = parser.or();
        } else {
            throw new NotCompiledException("a function that is no SELECT");
        }
        tokens.takeMark(";");
        if (atomic && !tokens.takeWord("end")) {
            throw new NotCompiledException("a function of more than a SELECT");
        }
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
        if (tokens.takeWord("in")) {
            Token open = tokens.peek();
            tokens.expectMark("(");
            expectWord("select");
            Expression.Query query = query(open);
            tokens.expectMark(")");
            Expression.Query whole = query.within(open.span().to(tokens.last().span()));
            return new Expression.In(left, whole, left.span().to(whole.span()));
        }
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
            return parenthesisedQuery(open, Expression.Subquery.Form.VALUE);
        }
        Expression inner = or();
        tokens.expectMark(")");
        return within(inner, open.span().to(tokens.last().span()));
    }

    private Expression parenthesisedQuery(Token start, Expression.Subquery.Form form) throws NotCompiledException {
        Expression query = selected(start, form);
        tokens.expectMark(")");
        return within(query, start.span().to(tokens.last().span()));
    }

    /** What comes after SELECT: without tables a value. */
    private Expression selected(Token start, Expression.Subquery.Form form) throws NotCompiledException {
        Expression.Query query = query(start);
        if (!query.from().isEmpty()) {
            return new Expression.Subquery(query, form, query.span());
        }
        if (query.outputs().size() != 1 || form == Expression.Subquery.Form.EXISTS) {
            throw new NotCompiledException("SELECT without tables");
        }
        return new Expression.Selected(
                query.outputs().getFirst(), form == Expression.Subquery.Form.ARRAY, query.span());
    }

    private Expression.Query query(Token start) throws NotCompiledException {
        boolean distinct = tokens.takeWord("distinct");
        if (distinct && tokens.peek().isWord("on")) {
            throw new NotCompiledException("DISTINCT ON");
        }
        var outputs = new ArrayList<Expression>();
        if (!tokens.peek().isWord("from")) {
            do {
                outputs.add(or());
                skipAlias();
            } while (tokens.takeMark(","));
        }
        var from = new ArrayList<Expression.Source>();
        var joins = new ArrayList<Expression>();
        var conditions = new ArrayList<Expression>();
        Expression.Span fromSpan = start.span();
        if (tokens.takeWord("from")) {
            int begin = tokens.peek().from();
            do {
                joined(from, joins);
            } while (tokens.takeMark(","));
            fromSpan = new Expression.Span(begin, tokens.last().to());
            if (tokens.takeWord("where")) {
                conditions.addAll(or().conjuncts());
            }
        }
        Set<String> aliases = from.stream().map(Expression.Source::alias).collect(Collectors.toSet());
        if (aliases.size() != from.size()) {
            throw new NotCompiledException("two tables of one name");
        }
        return new Expression.Query(
                outputs,
                from,
                fromSpan,
                joins,
                conditions,
                start.span().to(tokens.last().span()));
    }

    /** A table, or inner joins of some. */
    private void joined(List<Expression.Source> from, List<Expression> conditions) throws NotCompiledException {
        if (++depth > DEEPEST) {
            throw new NotCompiledException("more than " + DEEPEST + " levels");
        }
        from(from, conditions);
        while (tokens.takeWord("join") || (tokens.peek().isWord("inner") && takeInnerJoin())) {
            from(from, conditions);
            expectWord("on");
            conditions.addAll(or().conjuncts());
        }
        depth--;
    }

    private boolean takeInnerJoin() throws NotCompiledException {
        expectWord("inner");
        expectWord("join");
        return true;
    }

    private void from(List<Expression.Source> from, List<Expression> conditions) throws NotCompiledException {
        if (tokens.takeMark("(")) {
            joined(from, conditions);
            tokens.expectMark(")");
            return;
        }
        String schema = identifier();
        tokens.expectMark(".");
        String table = identifier();
        boolean as = tokens.takeWord("as");
        Token next = tokens.peek();
        boolean named = next.kind() == Kind.QUOTED || (next.kind() == Kind.WORD && !AFTER_TABLES.contains(next.text()));
        from.add(new Expression.Source(new TableName(schema, table), as || named ? identifier() : table));
        if (tokens.peek().isMark("(")) {
            throw new NotCompiledException("a function in FROM, or names of columns");
        }
    }

    private String identifier() throws NotCompiledException {
        Token token = tokens.take();
        if ((token.kind() != Kind.WORD && token.kind() != Kind.QUOTED)
                || (token.kind() == Kind.WORD
                        && (AFTER_TABLES.contains(token.text()) || token.text().equals("only")))) {
            throw new NotCompiledException("'" + token.text() + "'");
        }
        return token.text();
    }

    private void expectWord(String word) throws NotCompiledException {
        if (!tokens.takeWord(word)) {
            throw new NotCompiledException(
                    "'" + word + "' was expected at '" + tokens.peek().text() + "'");
        }
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
            case Expression.Column column -> new Expression.Column(column.qualifier(), column.name(), span);
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
            case Expression.Subquery subquery ->
                new Expression.Subquery(subquery.query().within(span), subquery.form(), span);
            case Expression.In in -> new Expression.In(in.left(), in.query(), span);
            case Expression.Is is -> new Expression.Is(is.of(), is.what(), is.negated(), span);
            case Expression.Not not -> new Expression.Not(not.of(), span);
            case Expression.And and -> new Expression.And(and.parts(), span);
            case Expression.Or or -> new Expression.Or(or.parts(), span);
        };
    }

    private Expression word(Token token) throws NotCompiledException {
        if (token.text().equals("exists")) {
            tokens.expectMark("(");
            expectWord("select");
            return parenthesisedQuery(token, Expression.Subquery.Form.EXISTS);
        }
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
            expectWord("select");
            return parenthesisedQuery(token, Expression.Subquery.Form.ARRAY);
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
                    || tokens.peek().isMark(".")) {
                throw new NotCompiledException(schema + "." + name.text());
            }
        }
        if (token.kind() == Kind.QUOTED && schema.isEmpty() && tokens.peek().isMark("(")) {
            throw new NotCompiledException(
                    "the function \"" + token.text() + "\""); // somebody's own, whatever it is called
        }
        if (!tokens.takeMark("(")) {
            return new Expression.Column(schema, name.text(), token.span().to(name.span()));
        }
        var arguments = new ArrayList<Expression>();
        if (name.isWord("array_agg")) {
            tokens.takeWord("distinct");
        }
        boolean ofRows = name.isWord("count") && tokens.takeOperator("*");
        if (ofRows) {
            tokens.expectMark(")");
        } else if (!tokens.takeMark(")")) {
            do {
                arguments.add(or());
            } while (tokens.takeMark(","));
            tokens.expectMark(")");
        }
        return new Expression.Call(
                schema, name.text(), arguments, token.span().to(tokens.last().span()));
    }
}
