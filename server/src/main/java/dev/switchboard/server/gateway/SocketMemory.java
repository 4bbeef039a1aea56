package dev.switchboard.server.gateway;

import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;

/**
 * The memory outside the heap that waits to be sent, of all connections together: frames are shared by their receivers, so
 * it is looked at as a whole, and not added up per connection. The JVM bounds it by the heap's size; beyond half of that it
 * is short, and who does not read is given up for it. Thread-safe.
 */
final class SocketMemory {
    private final BufferPoolMXBean buffers = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
            .filter(pool -> pool.getName().equals("direct"))
            .findFirst()
            .orElseThrow();

    private final long most = Runtime.getRuntime().maxMemory() / 2;

    boolean isShort() {
        return buffers.getMemoryUsed() > most;
    }
}
