package dev.switchboard.client;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Where a channel is in the stream (SPEC H), so that it goes on there when it is joined again. Owned by the client's thread. */
final class Place {
    private static final String KEY = "switchboard";

    /** Errors after which what was missed can be told all the same. */
    private static final List<String> OF_A_MOMENT = List.of("Token has expired", "AuthorizationTimedOut");

    private Optional<String> fence = Optional.empty();
    private Optional<String> position = Optional.empty();
    private boolean caughtUp;
    private boolean quiet;

    /** What the join asks for. */
    Map<String, Object> wish() {
        var wish = new LinkedHashMap<String, Object>();
        wish.put("positions", true);
        fence.ifPresent(start ->
                wish.put("since", start + position.map(at -> "@" + at).orElse("")));
        return wish;
    }

    /**
     * The join was answered.
     *
     * @return whether the channel goes on where it was
     */
    boolean joined(Map<String, Object> response) {
        Map<String, Object> place = JsonText.object(response, KEY);
        boolean resumed = Boolean.TRUE.equals(place.get("resumed"));
        fence = place.get("since") instanceof String since ? Optional.of(since) : Optional.empty();
        if (!resumed) {
            position = Optional.empty();
        }
        caughtUp = false;
        quiet = false;
        return resumed;
    }

    /** A change was told. */
    void told(Map<String, Object> data) {
        if (data.get("position") instanceof String at) {
            position = Optional.of(at);
            quiet = false;
        }
    }

    /** What the server has to say of the channel; whether it is that nothing is missing any more. */
    boolean hears(Map<String, Object> notice) {
        boolean whole = JsonText.string(notice, "extension").equals(KEY)
                && JsonText.string(notice, "message").equals("Caught up");
        caughtUp |= whole;
        if (JsonText.string(notice, "status").equals("error")
                && OF_A_MOMENT.stream().noneMatch(JsonText.string(notice, "message")::startsWith)) {
            fence = Optional.empty(); // what ends it would end it again at the same place
            position = Optional.empty();
        }
        return whole;
    }

    void interrupted() {
        caughtUp = false;
        quiet = false;
    }

    /** A heartbeat asks up to where everything was told. */
    void ask() {
        quiet = caughtUp;
    }

    /** The answer; a change that came meanwhile knows better. */
    void answered(String at) {
        if (quiet) {
            position = Optional.of(at);
        }
    }
}
