package dev.switchboard.data;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * Reads from a view's rule, in the form in which {@code pg_rewrite.ev_action} shows a tree of nodes, where the columns of its
 * query come from. A node is {@code {KIND :field value ...}}, a list is in parentheses, and what would be mistaken for either is
 * escaped by a backslash. Pure; owned by one call.
 */
final class ViewRule {
    private static final String TARGETS = ":targetList";
    private static final Set<String> BRACKETS = Set.of("{", "}", "(", ")");

    private final String text;
    private int at;

    /** A column of a relation, by the relation's OID and the column's number. */
    record Target(long table, int column) {}

    private ViewRule(String text) {
        this.text = text;
    }

    /** By the number of the view's column; what is no column of a relation is left out. */
    static Map<Integer, Target> targets(String action) {
        return new ViewRule(action).read();
    }

    private Map<Integer, Target> read() {
        var targets = new HashMap<Integer, Target>();
        int depth = 0;
        boolean within = false; // the list of the query itself, not of one that it selects from
        var entry = new HashMap<String, String>();
        while (at < text.length()) {
            String token = token();
            switch (token) {
                case "{" -> depth++;
                case "}" -> {
                    if (within && depth == 2) {
                        add(entry, targets);
                        entry.clear();
                    }
                    depth--;
                }
                case TARGETS -> within |= depth == 1;
                case String field
                when field.startsWith(":") -> {
                    within &= depth > 1;
                    int value = at;
                    String text = token();
                    if (BRACKETS.contains(text)) {
                        at = value; // a node or a list, whose brackets count
                    } else if (within && depth == 2) {
                        entry.putIfAbsent(field, text);
                    }
                }
                default -> {}
            }
        }
        return targets;
    }

    private static void add(Map<String, String> entry, Map<Integer, Target> targets) {
        long table = number(entry, ":resorigtbl");
        int column = (int) number(entry, ":resorigcol");
        if (table > 0 && column > 0 && "false".equals(entry.get(":resjunk"))) {
            targets.put((int) number(entry, ":resno"), new Target(table, column));
        }
    }

    private static long number(Map<String, String> entry, String field) {
        String value = entry.getOrDefault(field, "");
        return value.matches("\\d{1,18}") ? Long.parseLong(value) : 0;
    }

    /** A bracket, or what stands between blanks and brackets. */
    private String token() {
        while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
            at++;
        }
        int start = at;
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c == '\\') {
                at += 2;
            } else if (Character.isWhitespace(c)) {
                break;
            } else if ("{}()".indexOf(c) >= 0) {
                at += at == start ? 1 : 0;
                break;
            } else {
                at++;
            }
        }
        at = Math.min(at, text.length());
        return text.substring(start, at);
    }
}
