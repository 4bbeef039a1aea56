package dev.switchboard.engine.history;

import dev.switchboard.engine.model.Claims;
import dev.switchboard.engine.model.Fence;
import dev.switchboard.engine.model.Lsn;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.model.StartingPoint;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Makes fences into text that only their user can come back with, and reads it again: {@code floor.wal.next.xid-xid.sight.seal}, and, added by the
 * client, {@code @} with the position up to which it was told everything. Nothing from before the fence can be asked for so. The seal is the first half
 * of an HMAC-SHA-256 (RFC 2104, 5), of the text, of where positions are the same, and of the user: the role and the subject, or where a token has none all of its claims.
 * Immutable.
 */
public final class FenceSeal {
    private static final String ALGORITHM = "HmacSHA256";
    private static final int SEAL_BYTES = 16;
    /** With some ten thousand transactions under way; PostgreSQL has fewer connections. */
    private static final int LONGEST = 100_000;

    private static final int PARTS = 6;

    private final SecretKeySpec key;

    private FenceSeal(byte[] key) {
        this.key = new SecretKeySpec(key, ALGORITHM);
    }

    /** @param secret for this alone, at least as long as the hash; the same after a restart, and on every node */
    public static FenceSeal of(String secret) {
        return new FenceSeal(secret.getBytes(StandardCharsets.UTF_8));
    }

    /** @param origin where positions are the same, {@link History#origin} */
    public String seal(Fence fence, Claims user, String origin) {
        StartingPoint start = fence.start();
        String text = String.join(
                ".",
                Long.toHexString(fence.floor().value()),
                Long.toHexString(start.position().value()),
                Integer.toHexString(start.next()),
                start.underWay().stream().sorted().map(Integer::toHexString).collect(Collectors.joining("-")),
                fence.sight());
        return text + "." + sealOf(text, user, origin);
    }

    /**
     * What a client comes back with.
     *
     * @return empty if it is no such text, or another user's, or of somewhere else
     */
    public Optional<Fence> open(String since, Claims user, String origin) {
        if (since.length() > LONGEST) {
            return Optional.empty();
        }
        int at = since.indexOf('@');
        String sealed = at < 0 ? since : since.substring(0, at);
        String[] parts = sealed.split("\\.", -1);
        if (parts.length != PARTS) {
            return Optional.empty();
        }
        String text = String.join(".", Arrays.asList(parts).subList(0, PARTS - 1));
        boolean genuine = MessageDigest.isEqual(
                sealOf(text, user, origin).getBytes(StandardCharsets.UTF_8),
                parts[PARTS - 1].getBytes(StandardCharsets.UTF_8));
        if (!genuine) {
            return Optional.empty();
        }
        var start = new StartingPoint(
                Integer.parseUnsignedInt(parts[2], 16),
                parts[3].isEmpty()
                        ? Set.of()
                        : Arrays.stream(parts[3].split("-"))
                                .map(xid -> Integer.parseUnsignedInt(xid, 16))
                                .collect(Collectors.toSet()),
                new Lsn(Long.parseUnsignedLong(parts[1], 16)));
        var fence = new Fence(start, new Lsn(Long.parseUnsignedLong(parts[0], 16)), parts[4]);
        return at < 0 ? Optional.of(fence) : after(fence, since.substring(at + 1));
    }

    /** The position is the client's own word: it may leave out what it has, and ask for nothing from before the fence. */
    private static Optional<Fence> after(Fence fence, String position) {
        try {
            Position told = Position.parse(position);
            return told.compareTo(fence.from()) < 0 ? Optional.of(fence) : Optional.of(fence.after(told));
        } catch (IllegalArgumentException another) {
            return Optional.empty();
        }
    }

    private String sealOf(String text, Claims user, String origin) {
        try {
            var mac = Mac.getInstance(ALGORITHM);
            mac.init(key);
            for (String part : new String[] {
                text,
                origin,
                user.group().role(),
                user.subject().orElse(""),
                user.subject().isPresent() ? "" : user.group().json()
            }) {
                mac.update(part.getBytes(StandardCharsets.UTF_8));
                mac.update((byte) 0);
            }
            return Base64.getUrlEncoder().withoutPadding().encodeToString(Arrays.copyOf(mac.doFinal(), SEAL_BYTES));
        } catch (GeneralSecurityException impossible) { // every Java has it
            throw new IllegalStateException(impossible);
        }
    }
}
