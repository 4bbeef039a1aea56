package dev.switchboard.telephony.twilio;

import com.twilio.exception.ApiConnectionException;
import com.twilio.exception.ApiException;
import com.twilio.http.TwilioRestClient;
import com.twilio.rest.api.v2010.account.IncomingPhoneNumber;
import dev.switchboard.telephony.SecretReference;
import dev.switchboard.telephony.SecretReference.MissingSecretException;
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;

/** Connects an organization's numbers with an account, and looks whether they are. */
public final class TwilioSetup {
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final int UNAUTHORIZED = 401;

    private final Jdbi jdbi;
    private final TwilioAccounts accounts;
    private final SecretReference secrets;

    public TwilioSetup(Jdbi jdbi, SecretReference secrets) {
        this.jdbi = jdbi;
        this.secrets = secrets;
        this.accounts = new TwilioAccounts(jdbi, secrets);
    }

    /** It cannot be; the message says why and what to do. */
    public static final class NotConnectedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NotConnectedException(String message) {
            super(message);
        }
    }

    /**
     * A line that is wished for.
     *
     * @param token     where the account's token is, env:NAME or file:/path
     * @param publicUrl where Twilio reaches the server
     * @param apiUrl    where its API is, if not where its library says
     * @param key       of device tokens: the key's sid and where its secret is
     */
    public record Wish(
            UUID organization,
            String accountSid,
            String token,
            String publicUrl,
            Optional<String> apiUrl,
            Optional<Key> key,
            String number,
            Optional<UUID> queue) {
        /** An API key, and where its secret is. */
        public record Key(String sid, String secret) {}
    }

    /** What a number is to be set to at Twilio. */
    public record Addresses(String voice, String status) {}

    /** How a number is at Twilio. */
    public record Found(String number, Optional<Addresses> addresses, boolean leadsHere) {}

    /**
     * Writes account and number down.
     *
     * @throws NotConnectedException if they are somebody else's, or a secret is not there
     */
    public Addresses connect(Wish wish) {
        look(wish.token());
        wish.key().ifPresent(key -> look(key.secret()));
        jdbi.useTransaction(handle -> {
            Optional<UUID> account = handle.createQuery(
                            "insert into public.provider_accounts as a (organization_id, provider, account_sid, secret_ref, public_base_url,"
                                    + " api_base_url, api_key_sid, api_key_secret_ref)"
                                    + " values (:organization, 'twilio', :sid, :token, :url, :api, :key, :secret)"
                                    + " on conflict (account_sid) do update set secret_ref = excluded.secret_ref,"
                                    + "   public_base_url = excluded.public_base_url, api_base_url = excluded.api_base_url,"
                                    + "   api_key_sid = coalesce(excluded.api_key_sid, a.api_key_sid),"
                                    + "   api_key_secret_ref = coalesce(excluded.api_key_secret_ref, a.api_key_secret_ref)"
                                    + " where a.organization_id = excluded.organization_id returning id")
                    .bind("organization", wish.organization())
                    .bind("sid", wish.accountSid())
                    .bind("token", wish.token())
                    .bind("url", wish.publicUrl().replaceAll("/+$", ""))
                    .bind("api", wish.apiUrl().orElse(null))
                    .bind("key", wish.key().map(Wish.Key::sid).orElse(null))
                    .bind("secret", wish.key().map(Wish.Key::secret).orElse(null))
                    .mapTo(UUID.class)
                    .findOne();
            if (account.isEmpty()) {
                throw new NotConnectedException("account " + wish.accountSid() + " is another organization's");
            }
            int numbers = handle.createUpdate(
                            "insert into public.phone_numbers as n (organization_id, e164, provider_account_id, queue_id)"
                                    + " values (:organization, :number, :account, :queue)"
                                    + " on conflict (e164) do update set provider_account_id = excluded.provider_account_id,"
                                    + "   queue_id = coalesce(excluded.queue_id, n.queue_id) where n.organization_id = excluded.organization_id")
                    .bind("organization", wish.organization())
                    .bind("number", wish.number())
                    .bind("account", account.get())
                    .bind("queue", wish.queue().orElse(null))
                    .execute();
            if (numbers == 0) {
                throw new NotConnectedException("number " + wish.number() + " is another organization's");
            }
        });
        var urls = new TwilioUrls(wish.publicUrl().replaceAll("/+$", ""));
        return new Addresses(urls.voice(), urls.status());
    }

    /** The environment is the server's, which this program need not have. */
    private void look(String reference) {
        if (!SecretReference.isOfEnvironment(reference)) {
            try {
                secrets.read(reference);
            } catch (MissingSecretException missing) {
                throw new NotConnectedException(String.valueOf(missing.getMessage()));
            }
        }
    }

    /**
     * Sets the number at Twilio.
     *
     * @throws NotConnectedException if Twilio does not take it
     */
    public void apply(Wish wish) {
        TwilioAccount account;
        try {
            account = accounts.bySid(wish.accountSid()).orElseThrow();
        } catch (MissingSecretException missing) {
            throw new NotConnectedException(String.valueOf(missing.getMessage()));
        }
        TwilioRestClient client = client(account);
        asked(() -> {
            IncomingPhoneNumber number = at(account, client, wish.number())
                    .orElseThrow(() -> new NotConnectedException(
                            "account " + account.sid() + " has no number " + wish.number() + "; buy it there first"));
            return IncomingPhoneNumber.updater(account.sid(), number.getSid())
                    .setVoiceUrl(account.urls().voice())
                    .setStatusCallback(account.urls().status())
                    .update(client);
        });
    }

    /** Each number of an organization that an account carries, as Twilio has it. */
    public List<Found> check(UUID organization) {
        var found = new ArrayList<Found>();
        try {
            for (TwilioAccount account : accounts.ofOrganization(organization)) {
                TwilioRestClient client = client(account);
                for (String number : numbers(account)) {
                    found.add(asked(() -> found(account, number, at(account, client, number))));
                }
            }
        } catch (MissingSecretException missing) {
            throw new NotConnectedException(String.valueOf(missing.getMessage()));
        }
        return found;
    }

    private static Found found(TwilioAccount account, String number, Optional<IncomingPhoneNumber> there) {
        Optional<Addresses> addresses = there.map(
                one -> new Addresses(String.valueOf(one.getVoiceUrl()), String.valueOf(one.getStatusCallback())));
        var ours = new Addresses(account.urls().voice(), account.urls().status());
        return new Found(number, addresses, addresses.filter(ours::equals).isPresent());
    }

    private List<String> numbers(TwilioAccount account) {
        return jdbi.withHandle(handle -> handle.createQuery(
                        "select e164 from public.phone_numbers where organization_id = ? and provider_account_id = ? order by e164")
                .bind(0, account.organization())
                .bind(1, account.id())
                .mapTo(String.class)
                .list());
    }

    private static Optional<IncomingPhoneNumber> at(TwilioAccount account, TwilioRestClient client, String number) {
        var found = IncomingPhoneNumber.reader(account.sid())
                .setPhoneNumber(new com.twilio.type.PhoneNumber(number))
                .limit(1)
                .read(client)
                .iterator();
        return found.hasNext() ? Optional.of(found.next()) : Optional.empty();
    }

    private static TwilioRestClient client(TwilioAccount account) {
        return new TwilioRestClient.Builder(account.sid(), account.token())
                .accountSid(account.sid())
                .httpClient(new PointedHttpClient(
                        HttpClient.newBuilder().connectTimeout(CONNECT).build(), account.apiBase()))
                .build();
    }

    private interface Asked<T> {
        T ask();
    }

    private static <T> T asked(Asked<T> question) {
        try {
            return question.ask();
        } catch (ApiException refused) {
            boolean token = Integer.valueOf(UNAUTHORIZED).equals(refused.getStatusCode());
            throw new NotConnectedException(
                    token
                            ? "Twilio does not know this account with this token; check both in its console"
                            : "Twilio refused: " + refused.getMessage());
        } catch (ApiConnectionException unreachable) {
            throw new NotConnectedException("Twilio could not be reached: " + unreachable.getMessage());
        }
    }
}
