package dev.switchboard.data;

import dev.switchboard.data.Query.Range;
import dev.switchboard.http.Request;
import java.util.Optional;
import java.util.regex.Pattern;

/** Which rows are asked for. Pure. */
final class Ranges {
    private static final Pattern HEADER = Pattern.compile("(\\d{1,18})-(\\d{0,18})");

    private Ranges() {}

    /** What the query says, the header {@code Range} and the settings allow. */
    static Range of(Request request, Query query, DataSettings settings) {
        Range asked = query.ranges().stream()
                .filter(placed -> placed.path().isEmpty())
                .map(Query.Placed::value)
                .findFirst()
                .orElse(new Range(Optional.empty(), Optional.empty()));
        Optional<Long> limit = asked.limit();
        Optional<Long> offset = asked.offset();
        var matcher = HEADER.matcher(request.header("range").orElse(""));
        if (request.method().equals("GET") && matcher.matches()) {
            long first = Long.parseLong(matcher.group(1));
            offset = Optional.of(Math.max(first, offset.orElse(0L)));
            if (!matcher.group(2).isEmpty()) {
                long count = Long.parseLong(matcher.group(2)) - first + 1;
                if (count <= 0) {
                    throw new DataException(
                            DataError.RANGE,
                            DataError.RANGE.message(),
                            "The lower boundary must be lower than or equal to the upper boundary in the Range header.");
                }
                limit = Optional.of(Math.min(count, limit.orElse(Long.MAX_VALUE)));
            }
        }
        if (settings.limits().rows() > 0) {
            limit = Optional.of(Math.min(settings.limits().rows(), limit.orElse(Long.MAX_VALUE)));
        }
        return new Range(limit, offset);
    }
}
