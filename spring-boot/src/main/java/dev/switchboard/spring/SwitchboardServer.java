package dev.switchboard.spring;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.http.TlsIdentity;
import dev.switchboard.server.Switchboard;
import java.util.Optional;
import java.util.function.Supplier;
import org.springframework.context.SmartLifecycle;

/** A server that starts and stops with its context, after the beans that it may need and before they end. Thread-safe. */
public final class SwitchboardServer implements SmartLifecycle {
    /** Before web servers, so that a page that is served finds it. */
    private static final int PHASE = 0;

    private final Supplier<Switchboard> start;
    private volatile Optional<Switchboard> running = Optional.empty();
    /** The newest certificate, if it was renewed; guarded by this. */
    private Optional<TlsIdentity> renewed = Optional.empty();

    /**
     * @param start makes and starts a server
     * @param tls   whose certificate it shows, and the next one when that is renewed
     */
    SwitchboardServer(Supplier<Switchboard> start, Optional<ServerBundle> tls) {
        this.start = start;
        tls.ifPresent(bundle -> bundle.onUpdate(this::renew));
    }

    /** One that comes while the server starts is shown as soon as it runs. */
    private synchronized void renew(TlsIdentity identity) {
        renewed = Optional.of(identity);
        running.ifPresent(server -> server.renewTls(identity));
    }

    /** The server, between start and stop of the context. */
    public Optional<Switchboard> running() {
        return running;
    }

    /** The server's URL as its users see it. */
    public String url() {
        return running.map(Switchboard::url)
                .orElseThrow(() -> new IllegalStateException("the server runs between start and stop of its context"));
    }

    /** @throws InvalidSettingException if a setting cannot be, or the database lacks something; the message says what to do */
    @Override
    public void start() {
        if (running.isEmpty()) {
            Switchboard started = start.get();
            synchronized (this) {
                running = Optional.of(started);
                renewed.ifPresent(started::renewTls);
            }
        }
    }

    @Override
    public void stop() {
        running.ifPresent(Switchboard::close);
        running = Optional.empty();
    }

    @Override
    public boolean isRunning() {
        return running.isPresent();
    }

    @Override
    public int getPhase() {
        return PHASE;
    }
}
