package dev.switchboard.http;

import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What operators are told.
 *
 * @param health  the parts of {@code /readyz} by name, in order: each says in words that give nothing of the inside away what is
 *                the matter with it, if something is
 * @param metrics all of them, in Prometheus' text format; asked for on a virtual thread
 */
public record Operations(Map<String, Supplier<Optional<String>>> health, Supplier<String> metrics) {}
