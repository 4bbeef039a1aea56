package dev.switchboard.simulation;

import dev.switchboard.callcenter.Answer;
import dev.switchboard.callcenter.CallCentre;
import dev.switchboard.callcenter.command.Actor;
import dev.switchboard.callcenter.command.CallCommand;
import dev.switchboard.telephony.fake.FakeTwilio;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;

/**
 * Telephones at a provider in this process: the books hear of them by its signed messages, and ring them by its API. What
 * agents do on their screens are commands, as from a screen.
 */
final class ProviderPhones implements Phones {
    private static final Set<String> OVER = Set.of("completed", "busy", "no-answer", "failed", "canceled");

    private final FakeTwilio provider;
    private final CallCentre calls;
    private final Jdbi jdbi;

    ProviderPhones(FakeTwilio provider, CallCentre calls, Jdbi jdbi) {
        this.provider = provider;
        this.calls = calls;
        this.jdbi = jdbi;
    }

    /** From now on these people hear their telephones. */
    void register(Centre centre, People people, Agenda agenda) {
        identities(centre)
                .forEach((agent, identity) -> provider.register(
                        identity,
                        (leg, parameters) -> agenda.at(agenda.now(), () -> rings(people, agent, leg, parameters))));
    }

    private Map<UUID, String> identities(Centre centre) {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select user_id, client_identity from public.voip_users where organization_id = ?")
                .bind(0, centre.organization())
                .reduceRows(new HashMap<>(), (all, row) -> {
                    all.put(row.getColumn("user_id", UUID.class), row.getColumn("client_identity", String.class));
                    return all;
                }));
    }

    /** A leg without a call is the agent's own, which is put through: nobody lets it ring. */
    private void rings(People people, UUID agent, String leg, Map<String, String> parameters) {
        Optional<UUID> call = Optional.ofNullable(parameters.get("callId")).map(UUID::fromString);
        Optional<String> customer = call.flatMap(this::customer);
        if (call.isPresent() && customer.isPresent()) {
            people.rings(new Ring(agent, call.get(), customer.get(), Optional.of(leg)));
        } else {
            provider.answer(leg);
        }
    }

    private Optional<String> customer(UUID call) {
        return jdbi.withHandle(handle -> handle.createQuery("select provider_call_sid from public.calls where id = ?")
                .bind(0, call)
                .mapTo(String.class)
                .findOne());
    }

    @Override
    public String call(String from, String to) {
        return provider.call(from, to);
    }

    @Override
    public void hangUp(String customer) {
        provider.hangUp(customer);
    }

    @Override
    public boolean answer(Ring ring) {
        String leg = ring.leg().orElseThrow();
        boolean rings = provider.status(leg).filter("ringing"::equals).isPresent();
        if (rings) {
            provider.answer(leg);
        }
        return rings;
    }

    @Override
    public boolean command(UUID agent, UUID call, CallCommand command) {
        return !(calls.execute(new Actor.User(agent, Set.of()), call, command) instanceof Answer.Refused);
    }

    @Override
    public boolean isOnTheLine(String customer) {
        return provider.status(customer)
                .filter(status -> !OVER.contains(status))
                .isPresent();
    }
}
