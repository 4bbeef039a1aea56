package dev.switchboard.telephony.twilio;

import com.twilio.base.ResourceSet;
import com.twilio.exception.ApiConnectionException;
import com.twilio.exception.ApiException;
import com.twilio.http.TwilioRestClient;
import com.twilio.jwt.accesstoken.AccessToken;
import com.twilio.jwt.accesstoken.VoiceGrant;
import com.twilio.rest.api.v2010.account.Call;
import com.twilio.rest.api.v2010.account.call.Recording;
import com.twilio.rest.api.v2010.account.call.Transcription;
import com.twilio.type.Client;
import dev.switchboard.callcenter.state.CallState;
import dev.switchboard.callcenter.state.ProviderStatus;
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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jdbi.v3.core.Jdbi;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Leads calls at Twilio. What a leg does follows from the call's state when it asks ({@link Documents}), so a command here is
 * mostly "ask again": which legs, and in which order. A leg that is in another's dial is moved first, because moving the
 * dialling one ends it. Thread-safe.
 */
public final class TwilioProvider implements TelephonyProvider {
    private static final Duration CONNECT = Duration.ofSeconds(3);
    private static final Duration TOKEN_LIFE = Duration.ofHours(1);
    private static final int RING_SECONDS = 30;
    private static final int MOST_LISTED = 10_000;
    private static final int NOT_FOUND = 404;
    /** "Call is not in-progress. Cannot redirect." */
    private static final int NOT_IN_PROGRESS = 21220;

    private static final List<String> EVENTS = List.of("initiated", "ringing", "answered", "completed");

    private final Jdbi jdbi;
    private final TwilioAccounts accounts;
    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(CONNECT).build();
    private final Map<TwilioAccount, TwilioRestClient> clients = new ConcurrentHashMap<>();

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
        new Carrying(account, line, command).carryOut();
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

    private TwilioRestClient client(TwilioAccount account) {
        return clients.computeIfAbsent(
                account,
                _ -> new TwilioRestClient.Builder(account.sid(), account.token())
                        .accountSid(account.sid())
                        .httpClient(new PointedHttpClient(http, account.apiBase()))
                        .build());
    }

    private interface Asked<T> {
        T ask();
    }

    /** @return empty where Twilio knows no such leg, or it has ended */
    private static <T> Optional<T> ask(Asked<T> asked) {
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

    @Override
    public List<Existing> living(UUID organization) {
        var living = new ArrayList<Existing>();
        for (TwilioAccount account : accountsOf(organization)) {
            for (Call.Status status : List.of(Call.Status.IN_PROGRESS, Call.Status.RINGING, Call.Status.QUEUED)) {
                ask(() -> {
                    ResourceSet<Call> calls = Call.reader(account.sid())
                            .setStatus(status)
                            .limit(MOST_LISTED)
                            .read(client(account));
                    calls.forEach(call -> living.add(existing(call)));
                    return living;
                });
            }
        }
        return living;
    }

    @Override
    public Optional<Existing> leg(UUID organization, String sid) {
        for (TwilioAccount account : accountsOf(organization)) {
            Optional<Call> call = ask(() -> Call.fetcher(account.sid(), sid).fetch(client(account)));
            if (call.isPresent()) {
                return call.map(TwilioProvider::existing);
            }
        }
        return Optional.empty();
    }

    @Override
    public List<Existing> dialledBy(UUID organization, String sid) {
        var dialled = new ArrayList<Existing>();
        for (TwilioAccount account : accountsOf(organization)) {
            ask(() -> {
                Call.reader(account.sid())
                        .setParentCallSid(sid)
                        .limit(MOST_LISTED)
                        .read(client(account))
                        .forEach(call -> dialled.add(existing(call)));
                return dialled;
            });
        }
        dialled.sort(Comparator.comparing(leg -> leg.endedAt().orElse(Instant.MAX)));
        return dialled;
    }

    @Override
    public void end(UUID organization, String sid) {
        for (TwilioAccount account : accountsOf(organization)) {
            if (end(account, sid)) {
                return;
            }
        }
    }

    private boolean end(TwilioAccount account, String sid) {
        return ask(() -> Call.updater(account.sid(), sid)
                        .setStatus(Call.UpdateStatus.COMPLETED)
                        .update(client(account)))
                .isPresent();
    }

    private static Existing existing(Call call) {
        return new Existing(
                TwilioAccounts.PROVIDER,
                call.getSid(),
                Optional.ofNullable(call.getParentCallSid()),
                String.valueOf(call.getFrom()),
                String.valueOf(call.getTo()),
                "inbound".equals(call.getDirection()),
                ProviderStatus.of(String.valueOf(call.getStatus())).orElse(ProviderStatus.QUEUED),
                Optional.ofNullable(call.getEndTime()).map(java.time.ZonedDateTime::toInstant));
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

    /** One command. */
    private final class Carrying {
        private final TwilioAccount account;
        private final TwilioUrls urls;
        private final Line line;
        private final String step;
        private final String instruction;
        private final JsonNode details;

        Carrying(TwilioAccount account, Line line, Command command) {
            this.account = account;
            this.urls = account.urls();
            this.line = line;
            this.step = command.id().toString();
            this.instruction = command.instruction();
            this.details = JsonMapper.shared().readTree(command.payload());
        }

        void carryOut() {
            if (line.isOver()) {
                endAll();
                return;
            }
            switch (instruction) {
                case "enqueue", "park" -> {
                    if (line.callback().isEmpty()) {
                        moveCustomer();
                    }
                    endStrangers();
                }
                case "ring" -> ring();
                case "stop_ringing" -> stopRinging();
                case "connect" -> connect();
                case "hold", "mute", "unmute" -> intoRoom(true);
                case "unhold" -> moveCustomer();
                case "transfer" -> {
                    if (line.attended() && line.state() == CallState.Live.TRANSFERRING) {
                        intoRoom(true);
                    }
                }
                case "dial" -> device(agent(), urls.dial(line.call(), agent()));
                case "monitor" -> monitor();
                case "record" -> record();
                case "transcribe" -> transcribe();
                case "hang_up" -> endAll(); // the call lives on: nothing of it is to be ended
                default -> throw new ProviderException("Twilio is told nothing by " + instruction);
            }
        }

        private UUID agent() {
            return UUID.fromString(details.path("agent").asString());
        }

        private List<UUID> agents() {
            return List.of(details.path("agents").asString().split(",", -1)).stream()
                    .filter(id -> !id.isEmpty())
                    .map(UUID::fromString)
                    .toList();
        }

        /** By their dial where nobody rings yet; else one more device each, so that those who ring are not disturbed. */
        private void ring() {
            List<Line.Party> wanted = agents().stream()
                    .flatMap(agent -> line.party(agent).stream())
                    .filter(party -> line.legOf(party.agent()).isEmpty())
                    .toList();
            if (wanted.isEmpty()) {
                return;
            }
            if (line.callback().isPresent()) { // there is no customer's leg to dial from
                wanted.forEach(party -> device(party.agent(), urls.dial(line.call(), party.agent())));
                return;
            }
            boolean ringing = line.legs().stream()
                    .anyMatch(leg -> leg.agent().flatMap(line::party).isPresent());
            if (ringing || line.state() == CallState.Live.TRANSFERRING) {
                lookForCustomer();
                wanted.forEach(party -> device(party.agent(), urls.join(line.call(), party.agent(), step)));
            } else if (line.state() == CallState.Live.RINGING) {
                moveCustomer();
            }
        }

        private void stopRinging() {
            endStrangers();
            boolean talksAgain = line.state() == CallState.Live.ACTIVE
                    && line.owner()
                            .flatMap(owner -> line.legOf(owner.agent()))
                            .filter(Line.Leg::inRoom)
                            .isPresent();
            if (talksAgain) { // from an attended transfer that came to nothing
                moveCustomer();
            }
        }

        private void connect() {
            Optional<Line.Leg> leg = line.owner().flatMap(owner -> line.legOf(owner.agent()));
            if (line.state() == CallState.Live.CLAIMED) {
                if (leg.isEmpty() && line.callback().isEmpty()) {
                    moveCustomer();
                }
            } else if (line.state() == CallState.Live.ACTIVE && leg.isPresent()) {
                if (leg.get().inRoom()) {
                    moveCustomer();
                }
                endStrangers();
            }
        }

        /** Both into the room, whoever dialled the other first; what they hear there follows from the state. */
        private void intoRoom(boolean everybody) {
            Optional<Line.Leg> agents = line.owner().flatMap(owner -> line.legOf(owner.agent()));
            if (agents.isEmpty()) {
                return;
            }
            Line.Leg leg = agents.get();
            String there = urls.join(line.call(), leg.agent().orElseThrow(), step);
            boolean customerMoves =
                    !leg.inRoom() || (everybody && (instruction.equals("hold") || instruction.equals("transfer")));
            mark(leg);
            if (line.outbound() && customerMoves) { // the agent's leg dialled the customer's
                moveCustomer();
            }
            if (!leg.inRoom() || instruction.endsWith("mute")) {
                move(leg.sid(), there);
            }
            if (!line.outbound() && customerMoves) {
                moveCustomer();
            }
        }

        private void mark(Line.Leg agents) {
            var moved = new ArrayList<String>(List.of(agents.sid()));
            line.customerLeg().ifPresent(leg -> moved.add(leg.sid()));
            try {
                jdbi.useHandle(handle -> Lines.moveIntoRoom(handle.getConnection(), line.call(), moved));
            } catch (SQLException failed) {
                throw new ProviderException("the legs could not be written down: " + failed.getMessage());
            }
        }

        private void moveCustomer() {
            if (!move(customer(), urls.flow(line.call(), step))) {
                lookForCustomer();
            }
        }

        private String customer() {
            return line.customerLeg().map(Line.Leg::sid).orElse(line.sid());
        }

        /** Who is not in progress may still be on the way there, in the dial of an answer. */
        private void lookForCustomer() {
            boolean there = leg(line.organization(), customer())
                    .filter(leg -> leg.status().ends().isEmpty())
                    .isPresent();
            if (!there) {
                throw new CustomerGoneException("its customer is gone, of which Twilio did not tell");
            }
        }

        /** @return whether there is such a leg, and in progress */
        private boolean move(String leg, String url) {
            return ask(() -> Call.updater(account.sid(), leg).setUrl(url).update(client(account)))
                    .isPresent();
        }

        /** Legs of agents who have nothing to do with the call any more. */
        private void endStrangers() {
            for (Line.Leg leg : line.legs()) {
                if (leg.role() == Line.Role.AGENT
                        && leg.agent().flatMap(line::party).isEmpty()) {
                    end(account, leg.sid());
                }
            }
        }

        private void endAll() {
            if (!line.isOver()) {
                return;
            }
            if (!line.outbound()) {
                end(account, line.sid());
            }
            line.legs().forEach(leg -> end(account, leg.sid()));
        }

        private void monitor() {
            String mode = details.path("mode").asString();
            intoRoom(false);
            device(agent(), urls.monitor(line.call(), agent(), mode));
        }

        /** Rings one device by itself; not again where that was done, though it was not heard that it was. */
        private void device(UUID user, String url) {
            String identity = identity(user);
            if (line.legOf(user).isPresent() || rings(identity)) {
                return;
            }
            String status = instruction.equals("monitor")
                    ? urls.supervisorStatus(line.call(), user)
                    : urls.agentStatus(line.call(), user);
            ask(() -> Call.creator(
                            account.sid(),
                            new Client("client:" + identity),
                            new com.twilio.type.PhoneNumber(line.ours()),
                            java.net.URI.create(url))
                    .setTimeout(RING_SECONDS)
                    .setStatusCallback(status)
                    .setStatusCallbackEvent(EVENTS)
                    .create(client(account)));
        }

        private boolean rings(String identity) {
            return ask(() -> {
                        for (Call.Status status : List.of(Call.Status.QUEUED, Call.Status.RINGING)) {
                            boolean found = Call.reader(account.sid())
                                    .setTo("client:" + identity)
                                    .setStatus(status)
                                    .limit(1)
                                    .read(client(account))
                                    .iterator()
                                    .hasNext();
                            if (found) {
                                return true;
                            }
                        }
                        return false;
                    })
                    .orElse(false);
        }

        private String identity(UUID user) {
            return jdbi.withHandle(handle -> handle.createQuery(
                            "select client_identity from public.voip_users where organization_id = ? and user_id = ?")
                    .bind(0, line.organization())
                    .bind(1, user)
                    .mapTo(String.class)
                    .one());
        }

        private void record() {
            ask(() -> Recording.creator(account.sid(), customer())
                    .setRecordingChannels("dual")
                    .setRecordingStatusCallback(urls.recording(line.call()))
                    .setRecordingStatusCallbackEvent(List.of("in-progress", "completed", "absent"))
                    .create(client(account)));
        }

        private void transcribe() {
            ask(() -> Transcription.creator(account.sid(), customer())
                    .setTrack(Transcription.Track.BOTH_TRACKS)
                    .setPartialResults(true)
                    .setStatusCallbackUrl(urls.transcription(line.call()))
                    .create(client(account)));
        }
    }
}
