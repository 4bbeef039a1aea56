package dev.switchboard.client;

import java.io.ByteArrayOutputStream;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One socket. Puts messages together and hands them to the loop, at most {@link #WINDOW} before it has taken them; sends
 * one after the other, as {@link WebSocket} demands. JDK 25 does not always report the end of a socket (it stays in
 * CLOSE_WAIT): then the next heartbeat goes unanswered, and the loop gives the link up.
 */
final class Link implements WebSocket.Listener {
    /** Messages that may be read before the loop has taken them. */
    private static final int WINDOW = 64;

    private final Loop loop;
    private final StringBuilder text = new StringBuilder();
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private CompletableFuture<?> sending = CompletableFuture.completedFuture(null);
    private @Nullable WebSocket socket;

    Link(Loop loop) {
        this.loop = loop;
    }

    void opened(WebSocket opened) {
        socket = opened;
    }

    void send(String message) {
        WebSocket open = socket;
        if (open != null) {
            sending = sending.thenCompose(_ -> open.sendText(message, true)).exceptionally(failed -> {
                loop.run(() -> loop.ended(this, "cannot send: " + failed.getMessage()));
                return open;
            });
        }
    }

    void giveUp(String why) {
        if (socket != null) {
            socket.abort();
        }
        loop.ended(this, why);
    }

    void close() {
        if (socket != null) {
            socket.sendClose(WebSocket.NORMAL_CLOSURE, "").orTimeout(2, TimeUnit.SECONDS);
        }
    }

    @Override
    public void onOpen(WebSocket from) {
        from.request(WINDOW);
    }

    /** Whatever becomes of one message, the next is asked for; what cannot be read ends the connection. */
    private void taken(WebSocket from, Runnable message) {
        try {
            message.run();
        } catch (RuntimeException unreadable) {
            giveUp("the server said what cannot be read: " + unreadable);
        } finally {
            from.request(1);
        }
    }

    @Override
    public @Nullable CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
        text.append(part);
        if (!last) {
            from.request(1);
            return null;
        }
        String message = text.toString();
        text.setLength(0);
        loop.run(() -> taken(from, () -> loop.receive(this, message)));
        return null;
    }

    @Override
    public @Nullable CompletionStage<?> onBinary(WebSocket from, ByteBuffer part, boolean last) {
        byte[] copy = new byte[part.remaining()];
        part.get(copy);
        bytes.writeBytes(copy);
        if (!last) {
            from.request(1);
            return null;
        }
        byte[] message = bytes.toByteArray();
        bytes.reset();
        loop.run(() -> taken(from, () -> loop.receiveBytes(this, message)));
        return null;
    }

    @Override
    public @Nullable CompletionStage<?> onClose(WebSocket from, int code, String reason) {
        loop.run(() -> loop.ended(this, "the server closed the connection: " + code + " " + reason));
        return null;
    }

    @Override
    public void onError(WebSocket from, Throwable error) {
        loop.run(() -> loop.ended(this, "the connection broke: " + error));
    }
}
