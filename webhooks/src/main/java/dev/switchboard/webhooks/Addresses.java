package dev.switchboard.webhooks;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * Where messages may go: to addresses that everybody can reach, so that nobody makes the server speak to what only the server
 * can reach (RFC 6890; the registries of special-purpose addresses). Stateless.
 */
final class Addresses {
    private Addresses() {}

    /** A host that may not be spoken to, or that there is none of. */
    static final class RefusedAddressException extends Exception {
        private static final long serialVersionUID = 1L;

        RefusedAddressException(String message) {
            super(message);
        }
    }

    /**
     * The address to connect to. It is this one that is connected to, so that a name cannot mean another one a moment later.
     *
     * @param any whether private ones are fine too
     */
    static InetAddress resolve(String host, boolean any) throws RefusedAddressException {
        InetAddress[] all;
        try {
            all = InetAddress.getAllByName(host);
        } catch (UnknownHostException unknown) {
            throw new RefusedAddressException("there is no host " + host);
        }
        for (InetAddress address : all) {
            if (!any && !isPublic(address)) {
                throw new RefusedAddressException(host + " is at " + address.getHostAddress()
                        + ", which is no public address; --webhooks-to-private-addresses allows that");
            }
        }
        return all[0];
    }

    static boolean isPublic(InetAddress address) {
        if (address.isAnyLocalAddress()
                || address.isLoopbackAddress()
                || address.isLinkLocalAddress()
                || address.isSiteLocalAddress()
                || address.isMulticastAddress()) {
            return false;
        }
        byte[] bytes = address.getAddress();
        return switch (address) {
            case Inet4Address _ -> isPublic4(bytes, 0);
            case Inet6Address _ -> isPublic6(bytes);
            default -> false;
        };
    }

    private static boolean isPublic4(byte[] bytes, int at) {
        int a = bytes[at] & 0xff;
        int b = bytes[at + 1] & 0xff;
        int c = bytes[at + 2] & 0xff;
        boolean local = a == 0 || a == 10 || a == 127 || a >= 224;
        boolean carriers = a == 100 && b >= 64 && b < 128;
        boolean linkLocal = a == 169 && b == 254;
        boolean privateUse = (a == 172 && b >= 16 && b < 32) || (a == 192 && b == 168);
        boolean protocols = (a == 192 && b == 0 && c == 0) || (a == 192 && b == 88 && c == 99);
        boolean benchmarks = a == 198 && (b == 18 || b == 19);
        boolean documentation =
                (a == 192 && b == 0 && c == 2) || (a == 198 && b == 51 && c == 100) || (a == 203 && b == 0 && c == 113);
        return !(local || carriers || linkLocal || privateUse || protocols || benchmarks || documentation);
    }

    /** Global unicast alone, and of what carries an address of version 4 within, what is public there. */
    private static boolean isPublic6(byte[] bytes) {
        int first = group(bytes, 0);
        int second = group(bytes, 2);
        if (first == 0x64 && second == 0xff9b) { // translated (RFC 6052); not within a network (RFC 8215)
            boolean global =
                    group(bytes, 4) == 0 && group(bytes, 6) == 0 && group(bytes, 8) == 0 && group(bytes, 10) == 0;
            return global && isPublic4(bytes, 12);
        }
        if (first == 0x2002) { // 6to4
            return isPublic4(bytes, 2);
        }
        boolean reserved = first == 0x2001 && (second < 0x200 || second == 0xdb8);
        boolean documentation = first == 0x3fff && second < 0x1000;
        return first >= 0x2000 && first < 0x4000 && !reserved && !documentation;
    }

    private static int group(byte[] bytes, int at) {
        return ((bytes[at] & 0xff) << 8) | (bytes[at + 1] & 0xff);
    }
}
