package dev.switchboard.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The header {@code Prefer} (RFC 7240), as far as it means something here. Immutable.
 *
 * @param placed  whether it is told where the stream of changes meets the answer
 * @param applied what was honoured, for {@code Preference-Applied}
 */
record Preferences(
        Returned returned,
        Counted counted,
        Optional<Resolution> resolution,
        boolean missingDefault,
        boolean strict,
        boolean rollback,
        boolean placed,
        Optional<Long> maxAffected,
        Optional<String> timezone,
        List<String> applied) {

    /** What comes back of a statement that writes. */
    enum Returned {
        MINIMAL,
        HEADERS,
        REPRESENTATION
    }

    /** How rows are counted, if at all. */
    enum Counted {
        NONE,
        EXACT,
        PLANNED,
        ESTIMATED
    }

    /** What an insert does with rows that are there. */
    enum Resolution {
        MERGE,
        IGNORE
    }

    /**
     * Reads the header.
     *
     * @param rollbackAllowed whether {@code tx=rollback} is honoured
     * @throws DataException if something is unknown, and {@code handling=strict} wants that told
     */
    static Preferences parse(String header, boolean rollbackAllowed) {
        var returned = Returned.MINIMAL;
        var counted = Counted.NONE;
        Optional<Resolution> resolution = Optional.empty();
        boolean missingDefault = false;
        boolean strict = false;
        boolean rollback = false;
        boolean placed = false;
        Optional<Long> maxAffected = Optional.empty();
        Optional<String> timezone = Optional.empty();
        var applied = new ArrayList<String>();
        var unknown = new ArrayList<String>();
        for (String part : header.split(",", -1)) {
            String preference = part.strip().replaceAll("\\s*=\\s*", "=");
            boolean known = true;
            switch (preference) {
                case "" -> known = false;
                case "return=representation" -> returned = Returned.REPRESENTATION;
                case "return=minimal" -> returned = Returned.MINIMAL;
                case "return=headers-only" -> returned = Returned.HEADERS;
                case "count=exact" -> counted = Counted.EXACT;
                case "count=planned" -> counted = Counted.PLANNED;
                case "count=estimated" -> counted = Counted.ESTIMATED;
                case "resolution=merge-duplicates" -> resolution = Optional.of(Resolution.MERGE);
                case "resolution=ignore-duplicates" -> resolution = Optional.of(Resolution.IGNORE);
                case "missing=default" -> missingDefault = true;
                case "missing=null" -> missingDefault = false;
                case "handling=strict" -> strict = true;
                case "handling=lenient" -> strict = false;
                case "fence" -> placed = true;
                case "tx=commit" -> known = rollbackAllowed;
                case "tx=rollback" -> {
                    rollback = rollbackAllowed;
                    known = rollbackAllowed;
                }
                default -> {
                    if (preference.matches("max-affected=\\d{1,18}")) {
                        maxAffected = Optional.of(Long.parseLong(preference.substring("max-affected=".length())));
                    } else if (preference.startsWith("timezone=")) {
                        timezone = Optional.of(preference.substring("timezone=".length()))
                                .filter(java.time.ZoneId.getAvailableZoneIds()::contains);
                        known = timezone.isPresent();
                    } else {
                        known = false;
                    }
                    if (!known) {
                        unknown.add(preference);
                    }
                }
            }
            if (known) {
                applied.add(preference);
            }
        }
        if (strict && !unknown.isEmpty()) {
            throw new DataException(
                    DataError.PREFERENCES,
                    DataError.PREFERENCES.message(),
                    "Invalid preferences: " + String.join(", ", unknown));
        }
        return new Preferences(
                returned,
                counted,
                resolution,
                missingDefault,
                strict,
                rollback,
                placed,
                strict ? maxAffected : Optional.empty(),
                timezone,
                List.copyOf(applied));
    }

    /** The same, but for how rows are counted. */
    Preferences counting(Counted otherwise) {
        return new Preferences(
                returned,
                otherwise,
                resolution,
                missingDefault,
                strict,
                rollback,
                placed,
                maxAffected,
                timezone,
                applied);
    }

    /** The same, but that an insert merges with rows that are there. */
    Preferences merging() {
        return new Preferences(
                returned,
                counted,
                Optional.of(Resolution.MERGE),
                missingDefault,
                strict,
                rollback,
                placed,
                maxAffected,
                timezone,
                applied);
    }
}
