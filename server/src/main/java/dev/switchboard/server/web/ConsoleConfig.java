package dev.switchboard.server.web;

import dev.switchboard.http.Handler;
import dev.switchboard.http.Request;
import dev.switchboard.http.Response;
import java.util.List;
import java.util.function.BooleanSupplier;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** {@code /config.json}: what the console must know before anybody has signed in. Public, so nothing in it is secret. */
public final class ConsoleConfig implements Handler {
    public static final String PATH = "/config.json";

    private final String anonKey;
    private final boolean hasCallCentre;
    private final boolean allowsSignUp;
    private final BooleanSupplier isFirstRun;
    private volatile List<DemoUser> demo = List.of();

    /** Somebody whom everybody may sign in as. */
    public record DemoUser(String role, String name, String email, String password, String organization) {}

    /**
     * @param anonKey      the public API key
     * @param isFirstRun   whether nobody owns this installation yet: the first who signs up will
     * @param allowsSignUp whether people may sign themselves up
     */
    public ConsoleConfig(String anonKey, boolean hasCallCentre, boolean allowsSignUp, BooleanSupplier isFirstRun) {
        this.anonKey = anonKey;
        this.hasCallCentre = hasCallCentre;
        this.allowsSignUp = allowsSignUp;
        this.isFirstRun = isFirstRun;
    }

    /** Offers these users on the page where one signs in. */
    public void offer(List<DemoUser> users) {
        demo = List.copyOf(users);
    }

    @Override
    public Response handle(Request request, Client client) {
        ObjectNode config = JsonMapper.shared()
                .createObjectNode()
                .put("anonKey", anonKey)
                .put("callCentre", hasCallCentre)
                .put("signUp", allowsSignUp)
                .put("firstRun", hasCallCentre && isFirstRun.getAsBoolean());
        var users = config.putArray("demo");
        for (DemoUser user : demo) {
            users.addObject()
                    .put("role", user.role())
                    .put("name", user.name())
                    .put("email", user.email())
                    .put("password", user.password())
                    .put("organization", user.organization());
        }
        return Response.json(200, config.toString()).with("Cache-Control", "no-store");
    }
}
