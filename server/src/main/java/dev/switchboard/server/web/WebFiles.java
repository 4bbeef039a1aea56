package dev.switchboard.server.web;

import dev.switchboard.http.Handler;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * The console at {@code /} and the packages at {@code /sdk/}, as the build left them among the resources: read and
 * compressed once. A page of the console is any path that a browser asks for as HTML; the console knows which there are.
 * Immutable.
 */
public final class WebFiles implements Handler {
    private static final String ROOT = "/web/";
    private static final String INDEX = "console/index.html";
    private static final String POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline';"
            + " connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
    private static final Map<String, String> TYPES = Map.of(
            "html", "text/html; charset=utf-8",
            "js", "text/javascript; charset=utf-8",
            "css", "text/css; charset=utf-8",
            "svg", "image/svg+xml",
            "json", "application/json; charset=utf-8",
            "woff2", "font/woff2",
            "txt", "text/plain; charset=utf-8",
            "tgz", "application/gzip");
    private static final String NO_CONSOLE = "This Switchboard was built where there was no Node, so its console is not"
            + " in it. Everything else works: /auth/v1, /rest/v1, /realtime/v1, /api. For the console install Node 20.19"
            + " or newer and build again: ./switchboard start\n";

    private final Map<String, File> files;

    /** @param isImmutable whether its name carries its hash, so that it never changes */
    private record File(String type, byte[] body, byte[] compressed, String tag, boolean isImmutable) {}

    private WebFiles(Map<String, File> files) {
        this.files = Map.copyOf(files);
    }

    /** Reads what the build listed; nothing, where it was built without Node. */
    public static WebFiles load() {
        var files = new HashMap<String, File>();
        read("files.txt")
                .ifPresent(list -> new String(list, StandardCharsets.UTF_8)
                        .lines()
                        .forEach(path -> read(path).ifPresent(body -> files.put(path, file(path, body)))));
        return new WebFiles(files);
    }

    @Override
    public Response handle(Request request, Client client) {
        if (!request.method().equals("GET") && !request.method().equals("HEAD")) {
            return notFound(request);
        }
        String path = request.path().substring(1);
        File file = files.get(path.startsWith("sdk/") ? path : "console/" + path);
        if (file == null && (path.isEmpty() || isPage(request))) {
            file = files.get(INDEX);
            if (file == null) {
                return path.isEmpty() ? Response.of(200, "text/plain; charset=utf-8", NO_CONSOLE) : notFound(request);
            }
        }
        return file == null ? notFound(request) : answer(request, file);
    }

    private static boolean isPage(Request request) {
        return request.header("accept")
                .filter(accept -> accept.contains("text/html"))
                .isPresent();
    }

    private static Response answer(Request request, File file) {
        boolean compressed =
                request.header("accept-encoding").orElse("").contains("gzip") && file.compressed().length > 0;
        String tag = compressed ? file.tag().replace("\"", "").transform(hash -> "\"" + hash + "-gz\"") : file.tag();
        boolean known = request.header("if-none-match").filter(tag::equals).isPresent();
        Response response = known
                ? Response.empty(304)
                : new Response(200, List.of(), compressed ? file.compressed() : file.body())
                        .with("Content-Type", file.type());
        response = response.with("ETag", tag)
                .with("Vary", "Accept-Encoding")
                .with("Cache-Control", file.isImmutable() ? "public, max-age=31536000, immutable" : "no-cache")
                .with("Content-Security-Policy", POLICY);
        return compressed && !known ? response.with("Content-Encoding", "gzip") : response;
    }

    private static Response notFound(Request request) {
        return Response.json(404, "{\"error\":\"no such path: " + request.path().replaceAll("[\"\\\\]", "") + "\"}");
    }

    private static File file(String path, byte[] body) {
        String type = TYPES.getOrDefault(path.substring(path.lastIndexOf('.') + 1), "application/octet-stream");
        boolean text = !type.startsWith("font/") && !type.equals("application/gzip");
        return new File(type, body, text ? gzip(body) : new byte[0], tag(body), path.startsWith("console/assets/"));
    }

    private static Optional<byte[]> read(String path) {
        try (@Nullable InputStream in = WebFiles.class.getResourceAsStream(ROOT + path)) {
            return in == null ? Optional.empty() : Optional.of(in.readAllBytes());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static byte[] gzip(byte[] body) {
        var out = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(out)) {
            gzip.write(body);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        return out.toByteArray();
    }

    private static String tag(byte[] body) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(body);
            return "\"" + HexFormat.of().formatHex(hash, 0, 8) + "\"";
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
