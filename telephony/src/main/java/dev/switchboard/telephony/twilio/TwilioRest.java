package dev.switchboard.telephony.twilio;

import com.twilio.exception.ApiConnectionException;
import com.twilio.exception.ApiException;
import com.twilio.http.TwilioRestClient;
import com.twilio.rest.api.v2010.account.Call;
import dev.switchboard.callcenter.state.ProviderStatus;
import dev.switchboard.callcenter.telephony.TelephonyProvider.Existing;
import dev.switchboard.callcenter.telephony.TelephonyProvider.ProviderException;
import java.net.http.HttpClient;
import java.time.ZonedDateTime;
import java.util.Optional;

/** The API of one account. Thread-safe. */
final class TwilioRest {
    private static final int NOT_FOUND = 404;
    /** "Call is not in-progress. Cannot redirect." */
    private static final int NOT_IN_PROGRESS = 21220;

    private final TwilioAccount account;
    private final TwilioRestClient client;

    TwilioRest(TwilioAccount account, HttpClient http) {
        this.account = account;
        this.client = new TwilioRestClient.Builder(account.sid(), account.token())
                .accountSid(account.sid())
                .httpClient(new PointedHttpClient(http, account.apiBase()))
                .build();
    }

    TwilioAccount account() {
        return account;
    }

    TwilioRestClient client() {
        return client;
    }

    /** Something that is asked of the API. */
    interface Asked<T> {
        T ask();
    }

    /**
     * @return empty where Twilio knows no such leg, or it has ended
     * @throws ProviderException where it may work later
     */
    static <T> Optional<T> ask(Asked<T> asked) {
        try {
            return Optional.of(asked.ask());
        } catch (ApiException refused) {
            boolean gone = Integer.valueOf(NOT_FOUND).equals(refused.getStatusCode())
                    || Integer.valueOf(NOT_IN_PROGRESS).equals(refused.getCode());
            if (gone) {
                return Optional.empty();
            }
            throw new ProviderException(
                    "Twilio refused: " + refused.getMessage() + " (" + refused.getStatusCode() + ")");
        } catch (ApiConnectionException unreachable) {
            throw new ProviderException("Twilio could not be reached: " + unreachable.getMessage());
        }
    }

    /** @return whether there is such a leg; it is over then */
    boolean end(String sid) {
        return ask(() -> Call.updater(account.sid(), sid)
                        .setStatus(Call.UpdateStatus.COMPLETED)
                        .update(client))
                .isPresent();
    }

    /** @return whether there is such a leg in progress; it asks there now */
    boolean move(String sid, String url) {
        return ask(() -> Call.updater(account.sid(), sid).setUrl(url).update(client))
                .isPresent();
    }

    Optional<Existing> leg(String sid) {
        return ask(() -> Call.fetcher(account.sid(), sid).fetch(client)).map(TwilioRest::existing);
    }

    /**
     * Twilio says no-answer of a caller who gave up before anybody answered, and of the devices that a dial rang until then:
     * that is no agent's miss. When nobody answers in time, the end of the dial says so.
     *
     * @param calledIn       whether it is the leg of somebody who called in
     * @param dialledDevice  whether it is a device's, in another leg's dial
     */
    static ProviderStatus meant(ProviderStatus status, boolean calledIn, boolean dialledDevice) {
        boolean unanswered = status == ProviderStatus.NO_ANSWER || status == ProviderStatus.BUSY;
        boolean rangOut = dialledDevice && status == ProviderStatus.NO_ANSWER;
        return (calledIn && unanswered) || rangOut ? ProviderStatus.CANCELED : status;
    }

    static Existing existing(Call call) {
        boolean calledIn = "inbound".equals(call.getDirection());
        boolean dialledDevice =
                call.getParentCallSid() != null && String.valueOf(call.getTo()).startsWith("client:");
        ProviderStatus status =
                ProviderStatus.of(String.valueOf(call.getStatus())).orElse(ProviderStatus.QUEUED);
        return new Existing(
                TwilioAccounts.PROVIDER,
                call.getSid(),
                Optional.ofNullable(call.getParentCallSid()),
                String.valueOf(call.getFrom()),
                String.valueOf(call.getTo()),
                calledIn,
                meant(status, calledIn, dialledDevice),
                Optional.ofNullable(call.getStartTime()).map(ZonedDateTime::toInstant),
                Optional.ofNullable(call.getEndTime()).map(ZonedDateTime::toInstant));
    }
}
