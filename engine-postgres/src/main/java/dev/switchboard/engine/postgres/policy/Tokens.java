package dev.switchboard.engine.postgres.policy;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * The words of a policy's expression (PostgreSQL, "Lexical Structure"). What it does not know, comments, dollar quotes, parameters
 * and escape strings among it, is refused.
 */
final class Tokens {
    private static final String OPERATOR_CHARACTERS = "+-*/<>=~!@#%^&|`?";
    private static final Set<String> OPERATORS = Set.of(
            "=", "<>", "<", "<=", ">", ">=", "->", "->>", "#>", "#>>", "||", "?", "?|", "?&", "-", "+", "*", "/", "%",
            "~", "!~", "~*", "!~*", "~~", "!~~", "~~*", "!~~*", "@>", "<@", "&&");

    private final List<Token> tokens;
    private int next;

    enum Kind {
        /** A key word or a name without quotes, in lower case. */
        WORD,
        /** A name in quotes. */
        QUOTED,
        STRING,
        NUMBER,
        OPERATOR,
        /** One of {@code ( ) [ ] , . ; ::}. */
        MARK,
        END
    }

    record Token(Kind kind, String text, int from, int to) {
        Expression.Span span() {
            return new Expression.Span(from, to);
        }

        boolean isWord(String word) {
            return kind == Kind.WORD && text.equals(word);
        }

        boolean isMark(String mark) {
            return kind == Kind.MARK && text.equals(mark);
        }
    }

    private Tokens(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token peek() {
        return tokens.get(next);
    }

    /** The one after the next. */
    Token second() {
        return tokens.get(Math.min(next + 1, tokens.size() - 1));
    }

    Token take() {
        Token token = tokens.get(next);
        if (token.kind() != Kind.END) {
            next++;
        }
        return token;
    }

    /** The last that was taken. */
    Token last() {
        return tokens.get(next - 1);
    }

    boolean takeWord(String word) {
        boolean there = peek().isWord(word);
        if (there) {
            next++;
        }
        return there;
    }

    boolean takeOperator(String operator) {
        boolean there = peek().kind() == Kind.OPERATOR && peek().text().equals(operator);
        if (there) {
            next++;
        }
        return there;
    }

    boolean takeMark(String mark) {
        boolean there = peek().isMark(mark);
        if (there) {
            next++;
        }
        return there;
    }

    void expectMark(String mark) throws NotCompiledException {
        if (!takeMark(mark)) {
            throw new NotCompiledException("'" + mark + "' was expected at '" + peek().text() + "'");
        }
    }

    static Tokens of(String source) throws NotCompiledException {
        var tokens = new ArrayList<Token>();
        int at = 0;
        while (at < source.length()) {
            char c = source.charAt(at);
            if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
                at++;
                continue;
            }
            Token token = token(source, at, c);
            tokens.add(token);
            at = token.to();
        }
        tokens.add(new Token(Kind.END, "the end", source.length(), source.length()));
        return new Tokens(tokens);
    }

    private static Token token(String source, int at, char c) throws NotCompiledException {
        if (isLetter(c)) {
            int to = at;
            while (to < source.length() && (isLetter(source.charAt(to)) || isDigit(source.charAt(to)))) {
                to++;
            }
            if (to < source.length() && source.charAt(to) == '\'') {
                throw new NotCompiledException("a string of kind " + source.substring(at, to)); // E'...', B'...'
            }
            return new Token(Kind.WORD, source.substring(at, to).toLowerCase(Locale.ROOT), at, to);
        }
        if (isDigit(c)) {
            int to = at;
            while (to < source.length() && isDigit(source.charAt(to))) {
                to++;
            }
            return new Token(Kind.NUMBER, source.substring(at, to), at, to);
        }
        if (c == '\'' || c == '"') {
            return quoted(source, at, c);
        }
        if (c == ':' && source.startsWith("::", at)) {
            return new Token(Kind.MARK, "::", at, at + 2);
        }
        if ("()[],.;".indexOf(c) >= 0) {
            return new Token(Kind.MARK, String.valueOf(c), at, at + 1);
        }
        if (OPERATOR_CHARACTERS.indexOf(c) >= 0) {
            int to = at;
            while (to < source.length() && OPERATOR_CHARACTERS.indexOf(source.charAt(to)) >= 0) {
                to++;
            }
            String operator = source.substring(at, to);
            if (!OPERATORS.contains(operator)) {
                throw new NotCompiledException("operator " + operator);
            }
            return new Token(Kind.OPERATOR, operator, at, to);
        }
        throw new NotCompiledException("the character '" + c + "'");
    }

    /** Doubled quotes stand for one; a backslash is a character like others, and refused, since a setting could make it more. */
    private static Token quoted(String source, int at, char quote) throws NotCompiledException {
        var text = new StringBuilder();
        for (int i = at + 1; i < source.length(); i++) {
            char c = source.charAt(i);
            if (c == '\\') {
                throw new NotCompiledException("a backslash");
            }
            if (c != quote) {
                text.append(c);
            } else if (i + 1 < source.length() && source.charAt(i + 1) == quote) {
                text.append(quote);
                i++;
            } else {
                return new Token(quote == '"' ? Kind.QUOTED : Kind.STRING, text.toString(), at, i + 1);
            }
        }
        throw new NotCompiledException("a quote without its end");
    }

    private static boolean isLetter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }
}
