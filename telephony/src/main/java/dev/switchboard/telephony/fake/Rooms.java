package dev.switchboard.telephony.fake;

import dev.switchboard.telephony.fake.Leg.InRoom;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Conferences: who is in which, and what is told of that. Confined to the provider's loop. */
final class Rooms {
    private final String account;
    private final Webhooks webhooks;
    private final InstantSource clock;
    private final Map<String, Leg> legs;
    private final Map<String, String> names = new HashMap<>();
    private int events;

    Rooms(String account, Webhooks webhooks, InstantSource clock, Map<String, Leg> legs) {
        this.account = account;
        this.webhooks = webhooks;
        this.clock = clock;
        this.legs = legs;
    }

    /** Under that sid, if it is not open. */
    void open(String name, String sid) {
        names.putIfAbsent(name, sid);
    }

    List<Leg> in(String name) {
        return legs.values().stream()
                .filter(leg -> leg.doing instanceof InRoom room && room.name().equals(name))
                .toList();
    }

    void left(Leg leg, InRoom room) {
        boolean hungUp = leg.isOver() && leg.hungUp;
        tell(leg, room, "participant-leave", hungUp ? "participant_hung_up" : "participant_updated_via_api");
        if (in(room.name()).isEmpty()) {
            tell(leg, room, "conference-end", "");
            names.remove(room.name());
        }
    }

    void tell(Leg leg, InRoom room, String event, String reason) {
        room.callback()
                .ifPresent(url -> webhooks.tell(
                        url,
                        new HashMap<>(Map.of(
                                "AccountSid",
                                account,
                                "CallSid",
                                leg.sid,
                                "ConferenceSid",
                                names.getOrDefault(room.name(), "CF"),
                                "FriendlyName",
                                room.name(),
                                "StatusCallbackEvent",
                                event,
                                "ReasonParticipantLeft",
                                reason,
                                "SequenceNumber",
                                Integer.toString(++events),
                                "Timestamp",
                                timestamp(clock.instant())))));
    }

    static String timestamp(Instant at) {
        return DateTimeFormatter.RFC_1123_DATE_TIME
                .withLocale(Locale.ROOT)
                .format(at.atOffset(ZoneOffset.UTC))
                .replace("GMT", "+0000");
    }
}
