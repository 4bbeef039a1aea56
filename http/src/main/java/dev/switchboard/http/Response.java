package dev.switchboard.http;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A whole HTTP response as a value. */
public record Response(int status, List<Header> headers, byte[] body) {
    /** One header field. */
    public record Header(String name, String value) {}

    public Response {
        headers = List.copyOf(headers);
    }

    public static Response empty(int status) {
        return new Response(status, List.of(), new byte[0]);
    }

    public static Response json(int status, String json) {
        return of(status, "application/json; charset=utf-8", json);
    }

    public static Response of(int status, String contentType, String text) {
        return new Response(
                status, List.of(new Header("Content-Type", contentType)), text.getBytes(StandardCharsets.UTF_8));
    }

    /** With that header in place of those of its name; cookies stand beside each other. */
    public Response replacing(Header header) {
        List<Header> others = headers.stream()
                .filter(one -> !one.name().equalsIgnoreCase(header.name())
                        || header.name().equalsIgnoreCase("Set-Cookie"))
                .toList();
        return new Response(status, others, body).with(header.name(), header.value());
    }

    public Response with(String name, String value) {
        var all = new ArrayList<>(headers);
        all.add(new Header(name, value));
        return new Response(status, all, body);
    }
}
