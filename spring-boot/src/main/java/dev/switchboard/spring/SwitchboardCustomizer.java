package dev.switchboard.spring;

import dev.switchboard.server.SwitchboardBuilder;

/** A bean that changes what the properties make of a server, before it starts. */
@FunctionalInterface
public interface SwitchboardCustomizer {
    void customize(SwitchboardBuilder builder);
}
