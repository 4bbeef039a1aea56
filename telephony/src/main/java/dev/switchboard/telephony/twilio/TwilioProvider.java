package dev.switchboard.telephony.twilio;

import com.twilio.base.ResourceSet;
import com.twilio.jwt.accesstoken.AccessToken;
import com.twilio.jwt.accesstoken.VoiceGrant;
import com.twilio.rest.api.v2010.account.Call;
import com.twilio.rest.api.v2010.account.IncomingPhoneNumber;
import dev.switchboard.callcenter.telephony.Line;
import dev.switchboard.callcenter.telephony.Lines;
import dev.switchboard.callcenter.telephony.TelephonyProvider;
import dev.switchboard.telephony.SecretReference.MissingSecretException;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jdbi.v3.core.Jdbi;

/**
 * Leads calls at Twilio ({@link Carrying}), and says what there is. Thread-safe.
 */
public final class TwilioProvider implements TelephonyProvider {
    private static final Duration CONNECT = Duration.ofSeconds(3);
    private static final Duration TOKEN_LIFE = Duration.ofHours(1);
    private static final int MOST_LISTED = 10_000;

    private final Jdbi jdbi;
    private final TwilioAccounts accounts;
    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(CONNECT).build();
    private final Map<TwilioAccount, TwilioRest> clients = new ConcurrentHashMap<>();

    public TwilioProvider(Jdbi jdbi, TwilioAccounts accounts) {
        this.jdbi = jdbi;
        this.accounts = accounts;
    }

    @Override
    public void carryOut(Command command) {
        Line line = read(command.call());
        TwilioAccount account = line.account()
                .flatMap(this::account)
                .orElseThrow(() -> new ProviderException("no account carries the number " + line.ours()));
        new Carrying(jdbi, rest(account), line, command).carryOut();
    }

    private Line read(UUID call) {
        try {
            return jdbi.withHandle(handle -> Lines.read(handle.getConnection(), call))
                    .orElseThrow(() -> new ProviderException("there is no call " + call));
        } catch (SQLException failed) {
            throw new ProviderException("the call could not be read: " + failed.getMessage());
        }
    }

    private Optional<TwilioAccount> account(UUID id) {
        try {
            return accounts.byId(id);
        } catch (MissingSecretException missing) {
            throw new ProviderException(String.valueOf(missing.getMessage()));
        }
    }

    private List<TwilioAccount> accountsOf(UUID organization) {
        try {
            return accounts.ofOrganization(organization);
        } catch (MissingSecretException missing) {
            throw new ProviderException(String.valueOf(missing.getMessage()));
        }
    }

    private TwilioRest rest(TwilioAccount account) {
        return clients.computeIfAbsent(account, known -> new TwilioRest(known, http));
    }

    @Override
    public List<Existing> living(UUID organization) {
        var living = new ArrayList<Existing>();
        for (TwilioAccount account : accountsOf(organization)) {
            for (Call.Status status : List.of(Call.Status.IN_PROGRESS, Call.Status.RINGING, Call.Status.QUEUED)) {
                TwilioRest.ask(() -> {
                    ResourceSet<Call> calls = Call.reader(account.sid())
                            .setStatus(status)
                            .limit(MOST_LISTED)
                            .read(rest(account).client());
                    calls.forEach(call -> living.add(TwilioRest.existing(call)));
                    return living;
                });
            }
        }
        return living;
    }

    @Override
    public Optional<Existing> leg(UUID organization, String sid) {
        for (TwilioAccount account : accountsOf(organization)) {
            Optional<Existing> leg = rest(account).leg(sid);
            if (leg.isPresent()) {
                return leg;
            }
        }
        return Optional.empty();
    }

    @Override
    public List<Existing> dialledBy(UUID organization, String sid) {
        var dialled = new ArrayList<Existing>();
        for (TwilioAccount account : accountsOf(organization)) {
            TwilioRest.ask(() -> {
                Call.reader(account.sid())
                        .setParentCallSid(sid)
                        .limit(MOST_LISTED)
                        .read(rest(account).client())
                        .forEach(call -> dialled.add(TwilioRest.existing(call)));
                return dialled;
            });
        }
        dialled.sort(Comparator.comparing(leg -> leg.endedAt().orElse(Instant.MAX)));
        return dialled;
    }

    @Override
    public boolean waitsForUs(UUID organization, Existing leg) {
        if (!dialledBy(organization, leg.sid()).isEmpty()) {
            return false; // they talk, or ring, by somebody else's hand
        }
        for (TwilioAccount account : accountsOf(organization)) {
            boolean leadsHere = TwilioRest.ask(() -> IncomingPhoneNumber.reader(account.sid())
                            .setPhoneNumber(new com.twilio.type.PhoneNumber(leg.to()))
                            .limit(1)
                            .read(rest(account).client())
                            .iterator())
                    .filter(Iterator::hasNext)
                    .map(Iterator::next)
                    .filter(number -> account.urls().voice().equals(String.valueOf(number.getVoiceUrl())))
                    .isPresent();
            if (leadsHere) {
                return true;
            }
        }
        return false;
    }

    @Override
    public void end(UUID organization, String sid) {
        for (TwilioAccount account : accountsOf(organization)) {
            if (rest(account).end(sid)) {
                return;
            }
        }
    }

    @Override
    public Optional<DeviceToken> deviceToken(UUID organization, String identity, Instant now) {
        for (TwilioAccount account : accountsOf(organization)) {
            if (account.key().isPresent()) {
                TwilioAccount.Key key = account.key().get();
                var grant = new VoiceGrant();
                grant.setIncomingAllow(true);
                String token = signed(account, key, identity, grant);
                return Optional.of(new DeviceToken(TwilioAccounts.PROVIDER, identity, token, now.plus(TOKEN_LIFE)));
            }
        }
        return Optional.empty();
    }

    private static String signed(TwilioAccount account, TwilioAccount.Key key, String identity, VoiceGrant grant) {
        try {
            return new AccessToken.Builder(
                            account.sid(), key.sid(), key.secret().getBytes(StandardCharsets.UTF_8))
                    .identity(identity)
                    .grant(grant)
                    .ttl((int) TOKEN_LIFE.toSeconds())
                    .build()
                    .toJwt();
        } catch (RuntimeException unfit) { // of the library's library: a key that is too short
            throw new ProviderException("The secret of API key " + key.sid() + " signs nothing: " + unfit.getMessage());
        }
    }
}
