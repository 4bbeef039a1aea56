package dev.switchboard.http;

import dev.switchboard.engine.memory.MemoryBudget;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;

/** Reads bodies of requests on event loops, within bounds of size, time, and of memory for all together. Thread-safe. */
public final class BodyReader {
    /** What a byte of a body takes: as it arrives, as it is handed over, and as what is read out of it. */
    private static final int COST = 3;

    private final int most;
    private final Duration time;
    private final MemoryBudget memory;

    /** How a request is told that its body is not taken. */
    @FunctionalInterface
    public interface Refusal {
        /** Nothing where it has been answered already. */
        void refuse(int status, String message);
    }

    /** A whole body. Who works with it gives its memory back afterwards, once, from any thread. */
    public static final class Read {
        private final byte[] bytes;
        private final MemoryBudget memory;

        private Read(byte[] bytes, MemoryBudget memory) {
            this.bytes = bytes;
            this.memory = memory;
        }

        public byte[] bytes() {
            return bytes;
        }

        public void release() {
            memory.give((long) COST * bytes.length);
        }
    }

    /**
     * @param most   bytes of a body
     * @param time   until it is there
     * @param memory of all bodies together
     */
    public BodyReader(int most, Duration time, MemoryBudget memory) {
        this.most = most;
        this.time = time;
        this.memory = memory;
    }

    /** The same for bodies that are to be smaller. */
    BodyReader atMost(int bytes) {
        return new BodyReader(Math.min(most, bytes), time, memory);
    }

    /** On the request's event loop; {@code whole} runs there too. */
    public void read(HttpServerRequest request, Refusal refusal, Consumer<Read> whole) {
        var body = Buffer.buffer();
        var held = new Held();
        Vertx vertx = Objects.requireNonNull(Vertx.currentContext(), "requests come on event loops")
                .owner();
        long timer = vertx.setTimer(time.toMillis(), _ -> {
            held.release();
            refusal.refuse(408, "The request's body did not arrive within " + time.toSeconds() + " s");
            request.connection().close();
        });
        request.exceptionHandler(_ -> {
            held.release();
            vertx.cancelTimer(timer);
        });
        request.handler(part -> {
            if (held.isOver()) {
                return; // refused: the rest goes by
            }
            if (body.length() + part.length() > most) {
                held.release();
                refusal.refuse(413, "The body is larger than " + most + " bytes");
            } else if (held.take(part.length())) {
                body.appendBuffer(part);
            } else {
                held.release();
                refusal.refuse(503, "Too many bytes of requests and answers are under way; try again later");
            }
        });
        request.endHandler(_ -> {
            vertx.cancelTimer(timer);
            if (held.handOver()) {
                whole.accept(new Read(body.getBytes(), memory));
            }
        });
        request.resume();
    }

    /** The bytes of one body while it arrives. Owned by one event loop. */
    private final class Held {
        private int bytes;
        private boolean over;

        boolean isOver() {
            return over;
        }

        boolean take(int more) {
            if (!memory.take((long) COST * more)) {
                return false;
            }
            bytes += more;
            return true;
        }

        /** From here on, who answers counts them. */
        boolean handOver() {
            boolean whole = !over;
            over = true;
            return whole;
        }

        void release() {
            if (!over) {
                over = true;
                memory.give((long) COST * bytes);
            }
        }
    }
}
