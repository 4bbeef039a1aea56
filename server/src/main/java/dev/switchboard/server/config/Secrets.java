package dev.switchboard.server.config;

import dev.switchboard.engine.InvalidSettingException;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.Properties;

/**
 * The secrets of an installation: generated once, kept in a file of mode 600, never logged.
 *
 * @param jwt           signs and verifies tokens, HS256
 * @param superuser     password of PostgreSQL's user {@code postgres}
 * @param authenticator password of the user that reads rows under the roles of tokens
 * @param webhooks      from which the secrets of webhooks are derived
 * @param createdAt     when they were generated: the API keys are issued as of then, so that they stay the same
 */
public record Secrets(String jwt, String superuser, String authenticator, String webhooks, Instant createdAt) {
    private static final int BYTES = 32;

    /** Reads the file, or generates secrets and writes it. */
    public static Secrets loadOrCreate(Path file, Instant now) {
        try {
            if (!Files.exists(file)) {
                write(file, generate(now));
            }
            Secrets secrets = read(file);
            if (secrets.webhooks().isEmpty()) { // of an installation that is older than they are
                secrets = new Secrets(
                        secrets.jwt(),
                        secrets.superuser(),
                        secrets.authenticator(),
                        token(new SecureRandom()),
                        secrets.createdAt());
                write(file, secrets);
            }
            return secrets;
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot read or write the secrets in " + file, failed);
        }
    }

    private static Secrets generate(Instant now) {
        var random = new SecureRandom();
        return new Secrets(
                token(random), token(random), token(random), token(random), now.truncatedTo(ChronoUnit.SECONDS));
    }

    private static String token(SecureRandom random) {
        byte[] bytes = new byte[BYTES];
        random.nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    private static void write(Path file, Secrets secrets) throws IOException {
        var properties = new Properties();
        properties.setProperty("jwt-secret", secrets.jwt());
        properties.setProperty("postgres-password", secrets.superuser());
        properties.setProperty("authenticator-password", secrets.authenticator());
        properties.setProperty("webhook-secret", secrets.webhooks());
        properties.setProperty("created-at", secrets.createdAt().toString());
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try (Writer writer = Files.newBufferedWriter(fresh, StandardCharsets.UTF_8)) {
            properties.store(
                    writer, "Switchboard: secrets of this installation. Keep them, and keep them to yourself.");
        }
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    }

    private static Secrets read(Path file) throws IOException {
        var properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            properties.load(reader);
        }
        return new Secrets(
                required(properties, "jwt-secret", file),
                required(properties, "postgres-password", file),
                required(properties, "authenticator-password", file),
                properties.getProperty("webhook-secret", ""),
                Instant.parse(required(properties, "created-at", file)));
    }

    private static String required(Properties properties, String key, Path file) {
        String value = properties.getProperty(key, "");
        if (value.isBlank()) {
            throw new InvalidSettingException("'" + key + "' is missing in " + file
                    + "; restore the file, or move it away to have new secrets generated for a new database");
        }
        return value;
    }

    @Override
    public String toString() {
        return "Secrets[hidden]";
    }
}
