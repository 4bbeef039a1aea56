package dev.switchboard.spring;

import dev.switchboard.engine.postgres.listener.ChangeListener;
import java.util.Optional;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;

/** Whether changes flow: the server's parts, and the listeners. */
final class SwitchboardHealthIndicator implements HealthIndicator {
    private final Optional<SwitchboardServer> server;
    private final Optional<ListenerContainer> listeners;

    SwitchboardHealthIndicator(Optional<SwitchboardServer> server, Optional<ListenerContainer> listeners) {
        this.server = server;
        this.listeners = listeners;
    }

    @Override
    public Health health() {
        Health.Builder health = Health.up();
        server.flatMap(SwitchboardServer::running)
                .ifPresent(running -> running.health().forEach((part, trouble) -> {
                    health.withDetail(part, trouble.orElse("ok"));
                    if (trouble.isPresent()) {
                        health.down();
                    }
                }));
        listeners.ifPresent(container -> container.statuses().forEach((name, status) -> {
            health.withDetail("listener " + name, words(status));
            if (status instanceof ChangeListener.Status.Troubled) {
                health.down();
            }
        }));
        return health.build();
    }

    private static String words(ChangeListener.Status status) {
        return switch (status) {
            case ChangeListener.Status.Starting _ -> "starting";
            case ChangeListener.Status.Listening _ -> "ok";
            case ChangeListener.Status.Waiting _ -> "another instance has its slot; waiting";
            case ChangeListener.Status.Troubled(String why) -> why;
        };
    }
}
