package dev.switchboard.spring;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.model.ClaimsGroup;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.listener.ListenerSettings;
import dev.switchboard.engine.postgres.listener.RowChange;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JavaType;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/** A bean's method that takes changes. Thread-safe. */
final class ListenerMethod {
    private static final Duration PAUSE = Duration.ofSeconds(1);

    /** Columns are named as in SQL, and a table may have more of them than a record. */
    private static final JsonMapper ROWS = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .build();

    private final Object bean;
    private final Method method;
    private final ListenerSettings settings;
    private final Form form;

    /** What the method takes. */
    private sealed interface Form {
        record Raw() implements Form {}

        record Changed(JavaType row) implements Form {}

        record RowAlone(JavaType row) implements Form {}
    }

    /** @throws InvalidSettingException if it cannot take changes, or its annotation says something that cannot be */
    ListenerMethod(String beanName, Object bean, Method method, ChangeListener annotation) {
        this.bean = bean;
        this.method = method;
        if (method.getParameterCount() != 1) {
            throw new InvalidSettingException("@ChangeListener " + method + " has " + method.getParameterCount()
                    + " parameters; it takes one: the row's type, a RowChanged of it, or a RowChange");
        }
        form = form(method.getGenericParameterTypes()[0]);
        settings = new ListenerSettings(
                name(beanName, annotation),
                new TableName(annotation.schema(), annotation.table()),
                Optional.of(annotation.filter()).filter(filter -> !filter.isEmpty()),
                Optional.of(annotation.role())
                        .filter(role -> !role.isEmpty())
                        .map(role -> new ClaimsGroup(role, "{\"role\":\"" + role + "\"}")),
                annotation.attempts(),
                PAUSE);
        method.trySetAccessible();
    }

    private String name(String beanName, ChangeListener annotation) {
        if (!annotation.name().isEmpty()) {
            return annotation.name();
        }
        String plain = (beanName + "_" + method.getName()).replaceAll("([a-z0-9])([A-Z])", "$1_$2");
        return plain.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "_");
    }

    private static Form form(Type parameter) {
        if (parameter.equals(RowChange.class)) {
            return new Form.Raw();
        }
        if (parameter instanceof ParameterizedType generic
                && generic.getRawType().equals(RowChanged.class)) {
            return new Form.Changed(ROWS.constructType(generic.getActualTypeArguments()[0]));
        }
        return new Form.RowAlone(ROWS.constructType(parameter));
    }

    ListenerSettings settings() {
        return settings;
    }

    void handle(RowChange change) throws Exception {
        switch (form) {
            case Form.Raw _ -> invoke(change);
            case Form.Changed(JavaType row) ->
                invoke(new RowChanged<>(
                        change.type(),
                        ROWS.<Object>readValue(change.row(), row),
                        change.old().map(old -> ROWS.<Object>readValue(old, row)),
                        change.position().toString(),
                        change.committedAt()));
            case Form.RowAlone(JavaType row) -> {
                if (change.type() != RowChange.Type.DELETE) {
                    invoke(ROWS.<Object>readValue(change.row(), row));
                }
            }
        }
    }

    private void invoke(Object argument) throws Exception {
        try {
            method.invoke(bean, argument);
        } catch (InvocationTargetException thrown) {
            switch (thrown.getCause()) {
                case Exception failed -> throw failed;
                case Error broken -> throw new IllegalStateException(broken.toString(), broken);
                case null, default -> throw thrown;
            }
        }
    }
}
