package dev.switchboard.http;

import java.nio.file.Path;

/**
 * What TLS needs, both in PEM.
 *
 * @param certificate the server's, followed by its chain
 * @param key         the private one, PKCS #8, not encrypted
 */
public record TlsFiles(Path certificate, Path key) {}
