package dev.switchboard.data;

import java.util.Collection;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/** What somebody who misspelt a name may have meant. Pure. */
final class Suggestion {
    private static final double CLOSE = 0.5;
    private static final int MOST_EDITS = 3;

    private Suggestion() {}

    /** The name that shares most groups of three letters, if that is enough of them. */
    static Optional<String> similar(String name, Collection<String> candidates) {
        Set<String> wanted = trigrams(name);
        Optional<String> best = Optional.empty();
        double bestShare = CLOSE;
        for (String candidate : candidates.stream().sorted().toList()) {
            Set<String> theirs = trigrams(candidate);
            var shared = new HashSet<>(wanted);
            shared.retainAll(theirs);
            double share = shared.size() / Math.sqrt((double) wanted.size() * theirs.size());
            if (share > bestShare) {
                bestShare = share;
                best = Optional.of(candidate);
            }
        }
        return best;
    }

    private static Set<String> trigrams(String name) {
        String padded = "-" + name.toLowerCase(java.util.Locale.ROOT) + "-";
        var trigrams = new HashSet<String>();
        for (int i = 0; i + 2 <= padded.length(); i++) {
            trigrams.add(padded.substring(i, Math.min(padded.length(), i + 3)));
        }
        return trigrams;
    }

    /** As PostgreSQL finds the column that was meant: at most three edits, and not more than half of the letters. */
    static Optional<String> column(String name, Collection<String> candidates) {
        Optional<String> best = Optional.empty();
        int bestDistance = Math.min(MOST_EDITS, name.length() / 2) + 1;
        for (String candidate : candidates) {
            int distance = distance(name, candidate);
            if (distance < bestDistance) {
                bestDistance = distance;
                best = Optional.of(candidate);
            }
        }
        return best;
    }

    private static int distance(String one, String other) {
        if (Math.abs(one.length() - other.length()) > MOST_EDITS) {
            return Integer.MAX_VALUE;
        }
        int[] row = new int[other.length() + 1];
        for (int j = 0; j <= other.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= one.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= other.length(); j++) {
                int substitution = diagonal + (one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(substitution, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[other.length()];
    }
}
