package dev.switchboard.spring;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.SystemTime;
import dev.switchboard.engine.postgres.listener.ChangeHandler;
import dev.switchboard.engine.postgres.listener.ChangeListener;
import dev.switchboard.engine.postgres.listener.DeadLetters;
import dev.switchboard.engine.postgres.listener.RowChange;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.context.SmartLifecycle;
import org.springframework.core.MethodIntrospector;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.util.ReflectionUtils;

/** Finds the methods that take changes, and lets them hear while the context runs. Used by the context's threads. */
public final class ListenerContainer implements BeanPostProcessor, SmartLifecycle {
    private static final Logger LOG = LoggerFactory.getLogger(ListenerContainer.class);
    /** After the beans that handlers use, and before web servers stop. */
    private static final int PHASE = 100;

    private static final Class<dev.switchboard.spring.ChangeListener> WANTED =
            dev.switchboard.spring.ChangeListener.class;

    private final Surroundings around;
    private final Map<String, ListenerMethod> methods = new LinkedHashMap<>();
    private final List<ChangeListener> running = new ArrayList<>();

    /** What is asked for when the context has it: the container is made before other beans. */
    interface Surroundings {
        Database database();

        DeadLetters deadLetters();

        GapListener gaps();
    }

    ListenerContainer(Surroundings around) {
        this.around = around;
    }

    @Override
    public Object postProcessAfterInitialization(Object bean, String beanName) {
        for (Method method : listening(AopUtils.getTargetClass(bean))) {
            Optional.ofNullable(AnnotatedElementUtils.findMergedAnnotation(method, WANTED))
                    .ifPresent(annotation -> add(beanName, bean, method, annotation));
        }
        return bean;
    }

    /** Whether beans of a class take changes. */
    static boolean listens(Class<?> type) {
        return !listening(type).isEmpty();
    }

    private static Set<Method> listening(Class<?> type) {
        return MethodIntrospector.selectMethods(
                type, (ReflectionUtils.MethodFilter) method -> AnnotatedElementUtils.hasAnnotation(method, WANTED));
    }

    private void add(String beanName, Object bean, Method method, dev.switchboard.spring.ChangeListener annotation) {
        var listener =
                new ListenerMethod(beanName, bean, AopUtils.selectInvocableMethod(method, bean.getClass()), annotation);
        String name = listener.settings().name();
        if (methods.put(name, listener) != null) {
            throw new InvalidSettingException(
                    "two listeners are called " + name + "; give one of them another name in @ChangeListener");
        }
    }

    /** How the listeners are, by their names. */
    public Map<String, ChangeListener.Status> statuses() {
        var statuses = new LinkedHashMap<String, ChangeListener.Status>();
        synchronized (running) {
            running.forEach(listener -> statuses.put(listener.name(), listener.status()));
        }
        return statuses;
    }

    @Override
    public void start() {
        if (methods.isEmpty()) {
            return;
        }
        GapListener gaps = around.gaps();
        DeadLetters deadLetters = around.deadLetters();
        Database database = around.database();
        synchronized (running) {
            methods.forEach((name, method) -> running.add(ChangeListener.start(
                    database,
                    method.settings(),
                    handler(name, method, gaps),
                    deadLetters,
                    new SystemTime(),
                    (what, cause) -> LOG.warn("{}: {}", what, cause.toString()))));
        }
    }

    private static ChangeHandler handler(String name, ListenerMethod method, GapListener gaps) {
        return new ChangeHandler() {
            @Override
            public void handle(RowChange change) throws Exception {
                method.handle(change);
            }

            @Override
            public void onGap(String why) {
                gaps.onGap(name, why);
            }
        };
    }

    @Override
    public void stop() {
        synchronized (running) {
            running.forEach(ChangeListener::close);
            running.clear();
        }
    }

    @Override
    public boolean isRunning() {
        synchronized (running) {
            return !running.isEmpty();
        }
    }

    @Override
    public int getPhase() {
        return PHASE;
    }
}
