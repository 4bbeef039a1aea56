package dev.switchboard.engine.route;

/**
 * A pattern of SQL's LIKE: percent for any characters, underscore for one, backslash before either for itself. Immutable.
 */
public record LikePattern(String pattern) {
    private static final long MOST_STEPS = 1_000_000;

    /**
     * Checks the pattern.
     *
     * @throws InvalidFilterException if it ends with an escape character
     */
    public LikePattern {
        int escapes = 0;
        while (escapes < pattern.length() && pattern.charAt(pattern.length() - 1 - escapes) == '\\') {
            escapes++;
        }
        if (escapes % 2 == 1) {
            throw new InvalidFilterException("the LIKE pattern '" + pattern + "' ends with an escape character");
        }
    }

    /** Whether it is decided in little time; else PostgreSQL does it, under its timeout. */
    boolean isCheapFor(String text) {
        return (long) text.length() * pattern.length() <= MOST_STEPS;
    }

    /** Linear but for one step back to the last percent, so at most the product of both lengths. */
    boolean matches(String text) {
        int t = 0;
        int p = 0;
        int percent = -1;
        int resume = 0;
        while (t < text.length()) {
            if (p < pattern.length() && pattern.charAt(p) == '%') {
                percent = ++p;
                resume = t;
                continue;
            }
            int width = Character.charCount(text.codePointAt(t));
            int taken = p < pattern.length() ? taken(p, text, t) : 0;
            if (taken > 0) {
                p += taken;
                t += width;
            } else if (percent >= 0) {
                resume += Character.charCount(text.codePointAt(resume));
                t = resume;
                p = percent;
            } else {
                return false;
            }
        }
        while (p < pattern.length() && pattern.charAt(p) == '%') {
            p++;
        }
        return p == pattern.length();
    }

    /** Characters of the pattern that the character at {@code t} satisfies; none if it does not. */
    private int taken(int p, String text, int t) {
        char c = pattern.charAt(p);
        if (c == '_') {
            return 1;
        }
        int escape = c == '\\' ? 1 : 0;
        int wanted = pattern.codePointAt(p + escape);
        return wanted == text.codePointAt(t) ? escape + Character.charCount(wanted) : 0;
    }
}
