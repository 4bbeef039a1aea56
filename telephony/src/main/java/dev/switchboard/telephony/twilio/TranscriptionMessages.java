package dev.switchboard.telephony.twilio;

import dev.switchboard.callcenter.Ingest;
import dev.switchboard.callcenter.Receiving;
import dev.switchboard.callcenter.telephony.Line;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Pieces of a transcript in real time. Twilio counts its messages over both tracks, and sends a piece as often as it
 * changes its mind; here a piece is one row that becomes final once. A second transcription of a call is not written down.
 */
final class TranscriptionMessages {
    private static final String BEGIN =
            "insert into public.transcripts as t (organization_id, call_id, language, engine, status, provider_sid)"
                    + " select c.organization_id, c.id, ?, ?, 'started', ? from public.calls c where c.id = ?"
                    + " on conflict (organization_id, call_id) do update set provider_sid = coalesce(t.provider_sid, excluded.provider_sid),"
                    + "   language = coalesce(t.language, excluded.language), engine = coalesce(t.engine, excluded.engine)"
                    + " returning provider_sid";
    private static final String END = "update public.transcripts set status = ? where call_id = ? and provider_sid = ?";
    /** The piece that is open on the track, else the next; whether this message is news to it. */
    private static final String PIECE =
            "select coalesce((select s.seq from public.transcript_segments s where s.call_id = ? and s.track = ?"
                    + "   and not s.final order by s.seq desc limit 1),"
                    + "   (select max(s.seq) + 1 from public.transcript_segments s where s.call_id = ?), 0) as seq,"
                    + " not exists (select from public.transcript_segments s where s.call_id = ? and s.track = ?"
                    + "   and (s.provider_seq >= ? and (s.final or not ?))) as news";

    private static final String HEARD = "update public.transcript_segments set provider_seq = greatest(provider_seq, ?)"
            + " where call_id = ? and track = ? and seq = ?";

    private final Form form;

    TranscriptionMessages(Form form) {
        this.form = form;
    }

    String apply(Receiving receiving) throws SQLException {
        UUID call = Form.uuid(form.parameter("call").orElse(""));
        String transcription = form.required("TranscriptionSid");
        Optional<Line> line = receiving.line(call);
        if (line.isEmpty() || !isTheOne(receiving, call, transcription)) {
            return Documents.nothing();
        }
        switch (form.text("TranscriptionEvent").orElse("")) {
            case "transcription-content" -> content(receiving, call);
            case "transcription-stopped" -> end(receiving, call, transcription, "stopped");
            case "transcription-error" -> end(receiving, call, transcription, "failed");
            default -> {} // it has begun
        }
        return Documents.nothing();
    }

    private boolean isTheOne(Receiving receiving, UUID call, String transcription) throws SQLException {
        try (PreparedStatement statement = receiving.connection().prepareStatement(BEGIN)) {
            statement.setString(1, form.text("LanguageCode").orElse(null));
            statement.setString(2, form.text("TranscriptionEngine").orElse(null));
            statement.setString(3, transcription);
            statement.setObject(4, call);
            try (ResultSet row = statement.executeQuery()) {
                return row.next() && transcription.equals(row.getString(1));
            }
        }
    }

    private static void end(Receiving receiving, UUID call, String transcription, String status) throws SQLException {
        try (PreparedStatement statement = receiving.connection().prepareStatement(END)) {
            statement.setString(1, status);
            statement.setObject(2, call);
            statement.setString(3, transcription);
            statement.executeUpdate();
        }
    }

    private void content(Receiving receiving, UUID call) throws SQLException {
        JsonNode data = data();
        String track = switch (form.text("Track").orElse("")) {
            case "inbound_track" -> "inbound";
            case "outbound_track" -> "outbound";
            default -> "both";
        };
        boolean last = form.text("Final").filter("true"::equalsIgnoreCase).isPresent();
        int heard = form.number("SequenceId").orElse(0);
        Optional<Integer> seq = piece(receiving, call, track, heard, last);
        if (seq.isEmpty() || data.path("transcript").asString("").isBlank()) {
            return;
        }
        ObjectNode body = JsonMapper.shared().createObjectNode();
        body.put("track", track).put("seq", seq.get()).put("final", last);
        body.put("text", data.path("transcript").asString());
        if (data.path("confidence").isNumber()) {
            BigDecimal confidence = data.path("confidence").decimalValue().setScale(3, RoundingMode.HALF_UP);
            if (confidence.signum() >= 0 && confidence.compareTo(BigDecimal.ONE) <= 0) {
                body.put("confidence", confidence);
            }
        }
        receiving.write(Ingest.Kind.SEGMENT, call, body.toString());
        try (PreparedStatement statement = receiving.connection().prepareStatement(HEARD)) {
            statement.setInt(1, heard);
            statement.setObject(2, call);
            statement.setString(3, track);
            statement.setInt(4, seq.get());
            statement.executeUpdate();
        }
    }

    /** @return empty where the message is older than what is written down */
    private static Optional<Integer> piece(Receiving receiving, UUID call, String track, int heard, boolean last)
            throws SQLException {
        try (PreparedStatement statement = receiving.connection().prepareStatement(PIECE)) {
            statement.setObject(1, call);
            statement.setString(2, track);
            statement.setObject(3, call);
            statement.setObject(4, call);
            statement.setString(5, track);
            statement.setInt(6, heard);
            statement.setBoolean(7, last);
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return row.getBoolean("news") ? Optional.of(row.getInt("seq")) : Optional.empty();
            }
        }
    }

    /** JSON within a string. */
    private JsonNode data() {
        try {
            return JsonMapper.shared().readTree(form.text("TranscriptionData").orElse("{}"));
        } catch (JacksonException malformed) {
            return JsonMapper.shared().createObjectNode();
        }
    }
}
