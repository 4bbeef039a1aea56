package dev.switchboard.telephony.twilio;

import com.twilio.exception.ApiConnectionException;
import com.twilio.http.Request;
import com.twilio.http.Response;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;

/** The library's requests over the JDK's client, sent where the settings say; each once, since commands are tried again by the outbox. */
final class PointedHttpClient extends com.twilio.http.HttpClient {
    private static final Duration PATIENCE =
            Duration.ofSeconds(5); // a command is a few of them, and less than its lease

    private final HttpClient client;
    private final Optional<String> base;

    /** @param base in place of {@code https://api.twilio.com} */
    PointedHttpClient(HttpClient client, Optional<String> base) {
        this.client = client;
        this.base = base.map(url -> url.replaceAll("/+$", ""));
    }

    @Override
    public Response reliableRequest(Request request, int[] retryCodes, int retries, long delayMillis) {
        return makeRequest(request);
    }

    @Override
    public Response makeRequest(Request request) {
        URI uri = URI.create(request.constructURL().toString());
        if (base.isPresent()) {
            String query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
            uri = URI.create(base.get() + uri.getRawPath() + query);
        }
        String body = request.encodeFormBody();
        HttpRequest.Builder sent = HttpRequest.newBuilder(uri)
                .timeout(PATIENCE)
                .header("Authorization", request.getAuthString())
                .header("Accept", "application/json")
                .header("User-Agent", "switchboard");
        if (!body.isEmpty()) {
            sent.header("Content-Type", "application/x-www-form-urlencoded");
        }
        for (var header : request.getHeaderParams().entrySet()) {
            for (String value : header.getValue()) {
                sent.setHeader(header.getKey(), value);
            }
        }
        sent.method(
                request.getMethod().toString(),
                body.isEmpty() ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
        try {
            HttpResponse<String> answer = client.send(sent.build(), HttpResponse.BodyHandlers.ofString());
            return new Response(answer.body(), answer.statusCode());
        } catch (IOException failed) {
            throw new ApiConnectionException(request.getMethod() + " " + uri.getPath() + ": " + failed);
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
            throw new ApiConnectionException("interrupted");
        }
    }
}
