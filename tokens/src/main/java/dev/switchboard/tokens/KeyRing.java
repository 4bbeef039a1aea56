package dev.switchboard.tokens;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.ECDSAVerifier;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * The keys that sign access tokens, ES256 (RFC 7518, section 3.4), in a file of mode 600: a JWK set (RFC 7517), the one
 * that signs first. Keys after it only verify, until nothing that they signed can be valid any more. The file may be
 * changed by another process; {@link #reload} takes that over. Thread-safe: readers see one immutable state.
 */
public final class KeyRing {
    /** How long a key that no longer signs still verifies: longer than any access token lives. */
    static final Duration RETIREMENT = Duration.ofDays(8);

    private final Path file;
    private volatile State state;

    /** The key that signs at present. */
    record Signing(String keyId, JWSSigner signer) {}

    private record State(FileTime modified, Signing signing, Map<String, JWSVerifier> verifiers, String publicJson) {}

    private KeyRing(Path file, State state) {
        this.file = file;
        this.state = state;
    }

    /** Reads the file, or generates a key and writes it. */
    public static KeyRing loadOrCreate(Path file, Instant now) {
        try {
            if (!Files.exists(file)) {
                write(file, List.of(generate(now)));
            }
            return new KeyRing(file, read(file));
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot read or write the signing keys in " + file, failed);
        }
    }

    /** What came of a rotation: the new key, and those that still verify. */
    public record Rotation(String signing, List<String> verifying) {}

    /**
     * Has a new key sign from now on; a running server takes it over within seconds.
     *
     * @param revoke drops all former keys at once, and with them every access token that they signed
     */
    public static Rotation rotate(Path file, Instant now, boolean revoke) {
        try {
            var keys = new ArrayList<ECKey>();
            keys.add(generate(now));
            if (Files.exists(file) && !revoke) {
                for (ECKey former : keys(file)) {
                    boolean signedUntilNow = keys.size() == 1;
                    Date retired = signedUntilNow ? Date.from(now) : former.getExpirationTime();
                    if (retired != null && retired.toInstant().plus(RETIREMENT).isAfter(now)) {
                        keys.add(new ECKey.Builder(former)
                                .expirationTime(retired)
                                .build());
                    }
                }
            }
            write(file, keys);
            List<String> ids = keys.stream().map(JWK::getKeyID).toList();
            return new Rotation(ids.getFirst(), ids.subList(1, ids.size()));
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot read or write the signing keys in " + file, failed);
        }
    }

    /** Takes over what another process wrote; keeps the present keys where the file cannot be read. */
    public void reload() {
        try {
            if (!Files.getLastModifiedTime(file).equals(state.modified())) {
                state = read(file);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot read the signing keys in " + file, failed);
        }
    }

    Signing signing() {
        return state.signing();
    }

    Optional<JWSVerifier> verifier(String keyId) {
        return Optional.ofNullable(state.verifiers().get(keyId));
    }

    /** The public halves as a JWK set, which anybody may have. */
    public String publicJson() {
        return state.publicJson();
    }

    private static ECKey generate(Instant now) {
        try {
            return new ECKeyGenerator(Curve.P_256)
                    .keyID(UUID.randomUUID().toString())
                    .keyUse(KeyUse.SIGNATURE)
                    .algorithm(com.nimbusds.jose.JWSAlgorithm.ES256)
                    .issueTime(Date.from(now))
                    .generate();
        } catch (JOSEException impossible) {
            throw new IllegalStateException("every Java platform has P-256", impossible);
        }
    }

    private static void write(Path file, List<ECKey> keys) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(fresh, new JWKSet(List.<JWK>copyOf(keys)).toString(false), StandardCharsets.UTF_8);
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    }

    private static List<ECKey> keys(Path file) throws IOException {
        try {
            return JWKSet.parse(Files.readString(file, StandardCharsets.UTF_8)).getKeys().stream()
                    .map(JWK::toECKey)
                    .toList();
        } catch (ParseException malformed) {
            throw new IOException("it is no JWK set: " + malformed.getMessage(), malformed);
        }
    }

    private static State read(Path file) throws IOException {
        FileTime modified = Files.getLastModifiedTime(file);
        List<ECKey> keys = keys(file);
        if (keys.isEmpty()) {
            throw new IOException("it holds no key");
        }
        try {
            var verifiers = new HashMap<String, JWSVerifier>();
            for (ECKey key : keys) {
                verifiers.put(key.getKeyID(), new ECDSAVerifier(key));
            }
            ECKey first = keys.getFirst();
            return new State(
                    modified,
                    new Signing(first.getKeyID(), new ECDSASigner(first)),
                    Map.copyOf(verifiers),
                    new JWKSet(keys.stream()
                                    .map(ECKey::toPublicJWK)
                                    .map(JWK.class::cast)
                                    .toList())
                            .toString(true));
        } catch (JOSEException malformed) {
            throw new IOException("a key in it cannot be used: " + malformed.getMessage(), malformed);
        }
    }
}
