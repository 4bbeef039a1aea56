package dev.switchboard.callcenter.telephony;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** Each call's commands to the provider that its row names. Thread-safe, as the providers are. */
public final class ProvidersByName implements TelephonyProvider {
    private final Map<String, TelephonyProvider> named;
    private final TelephonyProvider others;

    /** @param others for calls of any other name: those that other programs lead, and the demo's */
    public ProvidersByName(Map<String, TelephonyProvider> named, TelephonyProvider others) {
        this.named = Map.copyOf(named);
        this.others = others;
    }

    @Override
    public void carryOut(Command command) {
        named.getOrDefault(command.provider(), others).carryOut(command);
    }

    @Override
    public List<Existing> living(UUID organization) {
        return named.values().stream()
                .flatMap(provider -> provider.living(organization).stream())
                .toList();
    }

    @Override
    public Optional<Existing> leg(UUID organization, String sid) {
        return named.values().stream()
                .flatMap(provider -> provider.leg(organization, sid).stream())
                .findFirst();
    }

    @Override
    public List<Existing> dialledBy(UUID organization, String sid) {
        return named.values().stream()
                .flatMap(provider -> provider.dialledBy(organization, sid).stream())
                .toList();
    }

    @Override
    public boolean waitsForUs(UUID organization, Existing leg) {
        TelephonyProvider provider = named.get(leg.provider());
        return provider != null && provider.waitsForUs(organization, leg);
    }

    @Override
    public void end(UUID organization, String sid) {
        named.values().forEach(provider -> provider.end(organization, sid));
    }

    @Override
    public Optional<DeviceToken> deviceToken(UUID organization, String identity, Instant now) {
        return named.values().stream()
                .flatMap(provider -> provider.deviceToken(organization, identity, now).stream())
                .findFirst();
    }
}
