package dev.switchboard.systemtest.harness;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Ports for processes that listen later than their port is chosen. Each JVM that runs tests has a range of its own, and
 * all lie below those that systems give to outgoing connections and to whoever asks for any port: nobody takes one
 * between its choice and its use, or while a restarted server is down.
 */
final class Ports {
    private static final int EACH = 1_000;
    private static final int FIRST = 10_000 + EACH * Integer.getInteger("switchboard.fork", 0);
    private static final AtomicInteger NEXT = new AtomicInteger();

    private Ports() {}

    static int free() {
        for (int tries = 0; tries < EACH; tries++) {
            int port = FIRST + Math.floorMod(NEXT.getAndIncrement(), EACH);
            try (var socket = new ServerSocket(port)) {
                return socket.getLocalPort();
            } catch (IOException taken) {
                // the next one
            }
        }
        throw new UncheckedIOException(new IOException("no free port from " + FIRST + " on"));
    }
}
