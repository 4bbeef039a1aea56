package dev.switchboard.http;

import io.vertx.core.net.KeyCertOptions;
import io.vertx.core.net.PemKeyCertOptions;
import java.nio.file.Path;
import javax.net.ssl.X509KeyManager;

/** By what the server shows who it is: its certificate, the chain to it, and its private key. */
public sealed interface TlsIdentity {
    /**
     * Files in PEM, which are read again when they change.
     *
     * @param certificate the server's, followed by its chain
     * @param key         the private one, PKCS #8, not encrypted
     */
    record Files(Path certificate, Path key) implements TlsIdentity {}

    /** What the process around has already: whoever made it says when there is another. */
    record Managed(X509KeyManager keys) implements TlsIdentity {}

    /** As Vert.x takes it. */
    default KeyCertOptions options() {
        return switch (this) {
            case Files(Path certificate, Path key) ->
                new PemKeyCertOptions().setCertPath(certificate.toString()).setKeyPath(key.toString());
            case Managed(X509KeyManager keys) -> KeyCertOptions.wrap(keys);
        };
    }
}
