package dev.switchboard.accounts;

import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The endpoints of who administers: {@code /admin} and {@code /invite}. */
final class AdministrationRoutes {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final int DEFAULT_PAGE = 50;

    private final Administration administration;

    AdministrationRoutes(Administration administration) {
        this.administration = administration;
    }

    /**
     * Answers a request whose token was looked at.
     *
     * @param parts of the path below the prefix
     */
    Response answer(Request request, List<String> parts, Origin origin) {
        Optional<String> redirect = request.parameter("redirect_to");
        boolean one = parts.size() == 3 && parts.get(1).equals("users");
        return switch (request.method() + " " + (one ? "admin/users/ID" : String.join("/", parts))) {
            case "POST invite" ->
                AccountRoutes.ok(administration.invite(BodyForm.INVITE.read(request.body()), redirect, origin));
            case "POST admin/generate_link" -> {
                JsonNode body = BodyForm.ADMIN_LINK.read(request.body());
                yield AccountRoutes.ok(administration.generateLink(
                        body, redirect.or(() -> Administration.text(body, "redirect_to")), origin));
            }
            case "POST admin/users" ->
                AccountRoutes.ok(administration.create(BodyForm.ADMIN_USER.read(request.body()), origin));
            case "GET admin/users" ->
                page(administration.users(number(request, "page", 1), number(request, "per_page", DEFAULT_PAGE)));
            case "GET admin/users/ID" -> AccountRoutes.ok(administration.user(id(parts)));
            case "PUT admin/users/ID" ->
                AccountRoutes.ok(administration.update(id(parts), BodyForm.ADMIN_USER.read(request.body()), origin));
            case "DELETE admin/users/ID" -> {
                boolean softly = request.body().length > 0
                        && BodyForm.ADMIN_DELETE
                                .read(request.body())
                                .path("should_soft_delete")
                                .asBoolean(false);
                administration.delete(id(parts), softly, origin);
                yield AccountRoutes.ok(JSON.createObjectNode());
            }
            default -> throw AccountRoutes.notFound(request);
        };
    }

    private static UUID id(List<String> parts) {
        return Administration.uuid(Request.decode(parts.get(2)));
    }

    private static int number(Request request, String parameter, int otherwise) {
        String text = request.parameter(parameter).orElse("");
        if (text.isEmpty()) {
            return otherwise;
        }
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException malformed) {
            throw Accounts.invalid(parameter + " is not a number: '" + text + "'");
        }
    }

    private static Response page(Administration.Page page) {
        ObjectNode body = JSON.createObjectNode();
        page.users().forEach(body.putArray("users")::add);
        body.put("aud", "authenticated");
        long last = Math.max(1, (page.total() + page.size() - 1) / page.size());
        var links = new ArrayList<String>();
        if (page.number() < last) {
            links.add(link(page.number() + 1L, page.size(), "next"));
        }
        links.add(link(last, page.size(), "last"));
        return AccountRoutes.ok(body)
                .with("X-Total-Count", Long.toString(page.total()))
                .with("Link", String.join(", ", links));
    }

    private static String link(long page, int size, String relation) {
        return "</admin/users?page=" + page + "&per_page=" + size + ">; rel=\"" + relation + "\"";
    }
}
