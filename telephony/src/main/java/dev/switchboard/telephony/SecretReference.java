package dev.switchboard.telephony;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Where a secret is: {@code env:NAME} or {@code file:/path}. The database names secrets and has none. Thread-safe. */
public final class SecretReference {
    private static final String ENVIRONMENT = "env:";
    private static final String FILE = "file:";
    private static final int MOST_BYTES = 4096;

    private final UnaryOperator<@Nullable String> environment;

    /** @param environment a variable's value by its name; null where there is none */
    public SecretReference(UnaryOperator<@Nullable String> environment) {
        this.environment = environment;
    }

    /** There is no such secret, or the reference is none. */
    public static final class MissingSecretException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        MissingSecretException(String message) {
            super(message);
        }
    }

    /** Whether it is a variable of the process that reads it. */
    public static boolean isOfEnvironment(String reference) {
        return reference.startsWith(ENVIRONMENT);
    }

    /**
     * The secret, without the white space around it.
     *
     * @throws MissingSecretException with what to do about it
     */
    public String read(String reference) {
        if (reference.startsWith(ENVIRONMENT)) {
            String name = reference.substring(ENVIRONMENT.length());
            String value = environment.apply(name);
            if (value == null || value.isBlank()) {
                throw new MissingSecretException(
                        "The environment variable " + name + " is not set where the server runs");
            }
            return value.strip();
        }
        if (reference.startsWith(FILE)) {
            Path path = Path.of(reference.substring(FILE.length()));
            try {
                if (!Files.isRegularFile(path) || Files.size(path) > MOST_BYTES) {
                    throw new MissingSecretException(
                            "The file " + path + " cannot be read by the server: there is no regular file of at most "
                                    + MOST_BYTES + " bytes");
                }
                String value = Files.readString(path).strip();
                if (!value.isEmpty()) {
                    return value;
                }
            } catch (IOException unreadable) {
                throw new MissingSecretException("The file " + path + " cannot be read by the server: " + unreadable);
            }
            throw new MissingSecretException("The file " + path + " is empty");
        }
        throw new MissingSecretException("A secret is named as env:NAME or file:/path, and not as this");
    }
}
