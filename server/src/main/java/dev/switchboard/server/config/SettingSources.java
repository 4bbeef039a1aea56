package dev.switchboard.server.config;

import dev.switchboard.engine.InvalidSettingException;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Where an option's value comes from when no flag gives it: the environment, {@code SWITCHBOARD_MAX_CONNECTIONS} for
 * {@code --max-connections}, then the file, {@code max-connections = ...}. Immutable.
 */
public final class SettingSources implements IDefaultValueProvider {
    private static final String DEFAULT_FILE = "switchboard.properties";
    private static final String PREFIX = "SWITCHBOARD_";

    private final Map<String, String> environment;
    private final Optional<Path> file;
    private final Properties properties;

    SettingSources(Map<String, String> environment, Optional<Path> file, Properties properties) {
        this.environment = Map.copyOf(environment);
        this.file = file;
        this.properties = properties;
    }

    /**
     * Of a command line; the file is {@code --config FILE}, or {@code switchboard.properties} where there is one.
     *
     * @throws InvalidSettingException if the file cannot be read
     */
    public static SettingSources of(Map<String, String> environment, String... arguments) {
        Optional<Path> named = named(List.of(arguments));
        Optional<Path> file = named.or(() -> Optional.of(Path.of(DEFAULT_FILE)).filter(Files::exists));
        return new SettingSources(
                environment, file, file.map(SettingSources::read).orElseGet(Properties::new));
    }

    private static Optional<Path> named(List<String> arguments) {
        for (int i = 0; i < arguments.size(); i++) {
            if (arguments.get(i).startsWith("--config=")) {
                return Optional.of(Path.of(arguments.get(i).substring("--config=".length())));
            }
            if (arguments.get(i).equals("--config") && i + 1 < arguments.size()) {
                return Optional.of(Path.of(arguments.get(i + 1)));
            }
        }
        return Optional.empty();
    }

    private static Properties read(Path file) {
        var properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            properties.load(reader);
            return properties;
        } catch (IOException failed) {
            throw new InvalidSettingException(
                    "cannot read the configuration file " + file + ": " + failed.getMessage());
        }
    }

    @Override
    public @Nullable String defaultValue(ArgSpec argument) {
        if (!(argument instanceof OptionSpec option)) {
            return argument.defaultValue();
        }
        String name = name(option);
        String fromEnvironment = environment.get(variable(name));
        return fromEnvironment != null ? fromEnvironment : properties.getProperty(name, argument.defaultValue());
    }

    /** What gave an option its value, for an error message; empty where it was the flag itself or the default. */
    public Optional<String> origin(@Nullable ArgSpec argument) {
        if (!(argument instanceof OptionSpec option)) {
            return Optional.empty();
        }
        String name = name(option);
        if (environment.containsKey(variable(name))) {
            return Optional.of("the environment variable " + variable(name) + ", unless the flag was given");
        }
        return properties.containsKey(name)
                ? Optional.of("the key " + name + " in "
                        + file.map(Path::toString).orElse(DEFAULT_FILE) + ", unless the flag was given")
                : Optional.empty();
    }

    /** Keys of the file that no option has: misspelt, so nothing would come of them. */
    public Optional<String> unknownKey(List<OptionSpec> options) {
        List<String> known = options.stream().map(SettingSources::name).toList();
        return properties.stringPropertyNames().stream()
                .filter(key -> !known.contains(key))
                .findFirst()
                .map(key -> "unknown key '" + key + "' in "
                        + file.map(Path::toString).orElse(DEFAULT_FILE) + "; known are "
                        + String.join(", ", known.stream().sorted().toList()));
    }

    private static String name(OptionSpec option) {
        return option.longestName().replaceFirst("^--", "");
    }

    private static String variable(String name) {
        return PREFIX + name.replace('-', '_').toUpperCase(Locale.ROOT);
    }
}
