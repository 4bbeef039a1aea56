package dev.switchboard.gateway;

import io.netty.util.internal.PlatformDependent;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;

/**
 * The memory outside the heap that waits to be sent, of all connections together: frames are shared by their receivers, so
 * it is looked at as a whole, and not added up per connection. The JVM bounds it by the heap's size; beyond half of that it
 * is short, and who does not read is given up for it. The JVM's count lacks what Netty takes by itself where it may not use
 * the JVM's own buffers, which depends on how the JVM was started; Netty's count has it then. Thread-safe.
 */
final class SocketMemory {
    private final BufferPoolMXBean buffers = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
            .filter(pool -> pool.getName().equals("direct"))
            .findFirst()
            .orElseThrow();

    private final long most = Runtime.getRuntime().maxMemory() / 2;

    boolean isShort() {
        return Math.max(buffers.getMemoryUsed(), PlatformDependent.usedDirectMemory()) > most;
    }
}
