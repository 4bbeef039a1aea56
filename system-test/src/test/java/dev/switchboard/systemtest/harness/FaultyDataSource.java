package dev.switchboard.systemtest.harness;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;

/** Connections that break now and then: before a statement, before the commit, or after it, when nobody can know. */
public final class FaultyDataSource {
    private FaultyDataSource() {}

    /**
     * @param everyth on average one fault in so many operations
     * @param faults  counts them
     */
    public static DataSource wrap(DataSource real, Random random, int everyth, AtomicInteger faults) {
        return (DataSource) Proxy.newProxyInstance(
                FaultyDataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (_, method, arguments) -> {
                    Object result = invoke(real, method, arguments);
                    return method.getName().equals("getConnection")
                            ? connection((Connection) result, random, everyth, faults)
                            : result;
                });
    }

    private static Connection connection(Connection real, Random random, int everyth, AtomicInteger faults) {
        return (Connection) Proxy.newProxyInstance(
                FaultyDataSource.class.getClassLoader(), new Class<?>[] {Connection.class}, (_, method, arguments) -> {
                    boolean risky = method.getName().equals("prepareStatement")
                            || method.getName().equals("commit");
                    boolean fault = risky && random.nextInt(everyth) == 0;
                    boolean after = method.getName().equals("commit") && random.nextBoolean();
                    if (fault) {
                        faults.incrementAndGet();
                    }
                    if (fault && !after) {
                        throw new SQLException("the connection broke (made so by the test)", "08006");
                    }
                    Object result = invoke(real, method, arguments);
                    if (fault) {
                        throw new SQLException("the connection broke after the commit (made so by the test)", "08006");
                    }
                    return result;
                });
    }

    private static Object invoke(Object target, java.lang.reflect.Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException failed) {
            throw failed.getCause();
        }
    }
}
