package dev.switchboard.server.config;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.Database;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Reads {@code postgresql://user:password@host:port/database?sslmode=require}, as libpq writes it. Pure. */
public final class DatabaseUrl {
    private static final int DEFAULT_PORT = 5432;

    private DatabaseUrl() {}

    /**
     * The database that a URL names.
     *
     * @param otherwise the password where the URL has none, PGPASSWORD say
     * @throws InvalidSettingException naming what is missing; the password is not repeated
     */
    public static Database parse(String url, Optional<String> otherwise) {
        URI uri;
        try {
            uri = new URI(url);
        } catch (URISyntaxException malformed) {
            throw invalid("it is no URL (" + malformed.getReason() + "); percent-encode special characters");
        }
        if (!"postgresql".equals(uri.getScheme()) && !"postgres".equals(uri.getScheme())) {
            throw invalid("it has to begin with postgresql://");
        }
        if (uri.getHost() == null) {
            throw invalid("it names no host");
        }
        String[] credentials =
                Optional.ofNullable(uri.getRawUserInfo()).orElse("").split(":", 2);
        if (credentials[0].isEmpty()) {
            throw invalid("it names no user");
        }
        String name = Optional.ofNullable(uri.getRawPath()).orElse("").replaceFirst("^/", "");
        int port = uri.getPort() < 0 ? DEFAULT_PORT : uri.getPort();
        String query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
        String password = credentials.length == 2 ? decode(credentials[1]) : otherwise.orElse("");
        return new Database(
                "jdbc:postgresql://" + uri.getHost() + ":" + port + "/" + (name.isEmpty() ? credentials[0] : name)
                        + query,
                decode(credentials[0]),
                password);
    }

    private static String decode(String part) {
        return URLDecoder.decode(part.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    private static InvalidSettingException invalid(String why) {
        return new InvalidSettingException("Invalid value for option '--database-url': " + why
                + ". Expected postgresql://user:password@host:5432/database");
    }
}
