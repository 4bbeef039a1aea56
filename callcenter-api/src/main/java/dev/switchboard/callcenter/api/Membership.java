package dev.switchboard.callcenter.api;

import dev.switchboard.callcenter.Organizations;
import dev.switchboard.callcenter.command.Refusal;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** For which organization a user asks. */
final class Membership {
    private Membership() {}

    /**
     * The one that the request names, else the only one in which the user may do it; a program with the service key names
     * it.
     */
    static UUID organization(Organizations organizations, Exchange exchange, String permission) {
        Optional<UUID> named = exchange.organizationParameter();
        Optional<UUID> user = exchange.actor().user();
        if (user.isEmpty()) {
            return named.orElseThrow(
                    () -> new Problem(Refusal.INVALID_REQUEST, "name the organization: ?organization_id=..."));
        }
        List<UUID> allowed = organizations.allowing(user.get(), permission);
        if (named.isPresent()) {
            if (!allowed.contains(named.get())) {
                throw new Problem(
                        Refusal.NOT_PERMITTED, "Your role in organization " + named.get() + " does not allow this");
            }
            return named.get();
        }
        if (allowed.isEmpty()) {
            throw new Problem(Refusal.NOT_PERMITTED, "You have no role that allows this");
        }
        if (allowed.size() > 1) {
            throw new Problem(
                    Refusal.INVALID_REQUEST,
                    "You are in several organizations; name one: ?organization_id=" + allowed.getFirst());
        }
        return allowed.getFirst();
    }
}
