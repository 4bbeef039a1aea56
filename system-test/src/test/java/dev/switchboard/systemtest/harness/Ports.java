package dev.switchboard.systemtest.harness;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Ports for processes that listen later than their port is chosen. Each JVM that runs tests has a range of its own, whose first
 * port it holds for as long as it lives; and all lie below those that systems give to outgoing connections and to whoever asks
 * for any port: nobody takes one between its choice and its use, or while a restarted server is down.
 */
final class Ports {
    private static final int FIRST_RANGE = 10_000;
    private static final int RANGES = 10;
    private static final int EACH = 1_000;

    private static final ServerSocket RANGE = claim();
    private static final AtomicInteger NEXT = new AtomicInteger();

    private Ports() {}

    private static ServerSocket claim() {
        for (int range = 0; range < RANGES; range++) {
            try {
                return new ServerSocket(FIRST_RANGE + EACH * range);
            } catch (IOException taken) {
                // another JVM's
            }
        }
        throw new IllegalStateException("no range of ports is free from " + FIRST_RANGE + " on");
    }

    static int free() {
        for (int tries = 0; tries < EACH; tries++) {
            int port = RANGE.getLocalPort() + 1 + Math.floorMod(NEXT.getAndIncrement(), EACH - 1);
            try (var socket = new ServerSocket(port)) {
                return socket.getLocalPort();
            } catch (IOException taken) {
                // the next one
            }
        }
        throw new UncheckedIOException(new IOException("no free port from " + RANGE.getLocalPort() + " on"));
    }
}
