package dev.switchboard.gateway;

import dev.switchboard.engine.protocol.Frame;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/**
 * Compression of messages (RFC 7692, permessage-deflate) without context takeover on either side: each message stands by itself, so
 * that one compressed form serves all who are told it, and no connection keeps a window. One per event loop, owned by it.
 */
final class Deflation {
    static final String EXTENSION = "permessage-deflate";
    private static final String ANSWER = EXTENSION + "; server_no_context_takeover; client_no_context_takeover";

    /** Bytes of a message to several from which it is compressed: once for all of them. */
    private static final int SHARED = 256;

    /** The same of one to a single client. */
    private static final int ALONE = 1_024;

    /** What a client sends may not make so much more work than it costs to send: text is not compressed to less. */
    private static final int MOST_TIMES = 100;

    /** Bytes of a message that are not looked at so. */
    private static final int FREE = 64 * 1024;

    /** What a sender leaves out at the end (RFC 7692, section 7.2.1). */
    private static final byte[] TAIL = {0, 0, (byte) 0xFF, (byte) 0xFF};

    private final Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
    private final Inflater inflater = new Inflater(true);
    private final byte[] buffer = new byte[8 * 1024];

    /**
     * The first of a client's offers that can be accepted: one that does not ask for a smaller window than there is, and knows no
     * parameters but those of RFC 7692, section 7.1.
     *
     * @param offers values of Sec-WebSocket-Extensions
     * @return the answer's value; empty where nothing is compressed
     */
    static Optional<String> accept(List<String> offers) {
        for (String value : offers) {
            for (String offer : value.split(",", -1)) {
                Optional<String> answer = acceptOne(offer);
                if (answer.isPresent()) {
                    return answer;
                }
            }
        }
        return Optional.empty();
    }

    private static Optional<String> acceptOne(String offer) {
        String[] parts = offer.split(";", -1);
        if (!parts[0].strip().toLowerCase(Locale.ROOT).equals(EXTENSION)) {
            return Optional.empty();
        }
        Set<String> seen = new HashSet<>();
        var echoed = new ArrayList<String>();
        for (int i = 1; i < parts.length; i++) {
            String[] parameter = parts[i].split("=", 2);
            String name = parameter[0].strip().toLowerCase(Locale.ROOT);
            String value = parameter.length == 1 ? "" : unquoted(parameter[1].strip());
            boolean valued = parameter.length == 2;
            boolean known = switch (name) {
                case "server_no_context_takeover", "client_no_context_takeover" -> !valued;
                case "client_max_window_bits" -> !valued || value.matches("[89]|1[0-5]");
                case "server_max_window_bits" -> value.equals("15"); // zlib's window here has no other size
                default -> false;
            };
            if (!known || !seen.add(name)) {
                return Optional.empty();
            }
            if (name.equals("server_max_window_bits")) {
                echoed.add("; server_max_window_bits=15");
            }
        }
        return Optional.of(ANSWER + String.join("", echoed));
    }

    private static String unquoted(String value) {
        return value.length() > 1 && value.startsWith("\"") && value.endsWith("\"")
                ? value.substring(1, value.length() - 1)
                : value;
    }

    /**
     * The compressed form of a message; empty where it is not worth it.
     *
     * @param receivers how many are told it here
     */
    Optional<byte[]> deflate(Frame frame, int receivers) {
        int length = frame.payload().length;
        if (length < (receivers > 1 ? SHARED : ALONE)) {
            return Optional.empty();
        }
        return Optional.of(frame.deflated(this::deflate)).filter(deflated -> deflated.length < length);
    }

    private byte[] deflate(byte[] message) {
        deflater.reset();
        deflater.setInput(message);
        var out = new ByteArrayOutputStream(message.length / 2 + 16);
        int made;
        do {
            made = deflater.deflate(buffer, 0, buffer.length, Deflater.SYNC_FLUSH);
            out.write(buffer, 0, made);
        } while (made == buffer.length);
        byte[] all = out.toByteArray();
        return Arrays.copyOf(all, all.length - TAIL.length);
    }

    /**
     * A message as it was before its sender compressed it.
     *
     * @param most bytes that it may have
     * @throws TooLongFrameException            if it has more, or {@link #MOST_TIMES} as many as were sent
     * @throws CorruptedWebSocketFrameException if it is not compressed so
     */
    byte[] inflate(byte[] deflated, int most) {
        int bound = (int) Math.min(most, FREE + (long) MOST_TIMES * deflated.length);
        var out = new ByteArrayOutputStream(Math.min(bound, 2 * deflated.length + 64));
        try {
            inflater.reset();
            inflate(deflated, out, bound);
            inflate(TAIL, out, bound);
        } catch (DataFormatException corrupted) {
            throw new CorruptedWebSocketFrameException(
                    WebSocketCloseStatus.PROTOCOL_ERROR, "not compressed as agreed: " + corrupted.getMessage());
        }
        return out.toByteArray();
    }

    private void inflate(byte[] input, ByteArrayOutputStream out, int most) throws DataFormatException {
        inflater.setInput(input);
        while (true) {
            int made = inflater.inflate(buffer);
            out.write(buffer, 0, made);
            if (out.size() > most) {
                throw new TooLongFrameException("a message of more than " + most + " bytes");
            }
            if (inflater.finished()) { // a block may say that it is the last one (section 7.2.3.4)
                int rest = inflater.getRemaining();
                inflater.reset();
                inflater.setInput(input, input.length - rest, rest);
            } else if (inflater.needsDictionary()) {
                throw new DataFormatException("a dictionary");
            }
            if (made == 0 && inflater.needsInput()) {
                return;
            }
        }
    }
}
