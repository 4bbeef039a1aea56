package dev.switchboard.gateway;

import io.vertx.core.MultiMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Headers of a request that an application may have made up, and policies of private rooms may read. */
final class OwnHeaders {
    private static final String PREFIX = "x-";
    private static final String API_KEY = "x-api-key";

    /** What proxies add: another value for every connection, under which no answer could be shared. */
    private static final List<String> OF_PROXIES = List.of(
            "x-forwarded-", "x-real-ip", "x-request-", "x-correlation-", "x-amzn-", "x-envoy-", "x-cloud-trace-");

    /** Characters that are kept in all: they are part of what is remembered of every question. */
    private static final int MOST = 4_096;

    private OwnHeaders() {}

    /** Those that begin with {@code x-}, but for the key, by their names in lower case; none where they are too long. */
    static Map<String, String> of(MultiMap headers) {
        var own = new TreeMap<String, String>();
        int length = 0;
        for (Map.Entry<String, String> header : headers) {
            String name = header.getKey().toLowerCase(Locale.ROOT);
            boolean ofProxy = OF_PROXIES.stream().anyMatch(name::startsWith);
            if (name.startsWith(PREFIX) && !name.equals(API_KEY) && !ofProxy) {
                own.put(name, header.getValue());
                length += name.length() + header.getValue().length();
            }
        }
        return length > MOST ? Map.of() : own;
    }
}
