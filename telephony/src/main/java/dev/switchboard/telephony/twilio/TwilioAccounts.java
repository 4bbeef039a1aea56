package dev.switchboard.telephony.twilio;

import dev.switchboard.telephony.SecretReference;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;

/** The accounts, as the database names them, with the secrets that it does not have. Thread-safe. */
public final class TwilioAccounts {
    /** As {@code provider_accounts.provider} and {@code calls.provider} name it. */
    public static final String PROVIDER = "twilio";

    private static final String SELECT =
            "select a.id, a.organization_id, a.account_sid, a.secret_ref, a.public_base_url, a.api_base_url, a.api_key_sid,"
                    + " a.api_key_secret_ref from public.provider_accounts a where a.provider = '" + PROVIDER
                    + "' and ";

    private final Jdbi jdbi;
    private final SecretReference secrets;

    public TwilioAccounts(Jdbi jdbi, SecretReference secrets) {
        this.jdbi = jdbi;
        this.secrets = secrets;
    }

    Optional<TwilioAccount> bySid(String sid) {
        return find("a.account_sid = ?", sid).stream().findFirst();
    }

    Optional<TwilioAccount> byId(UUID id) {
        return find("a.id = ?", id).stream().findFirst();
    }

    List<TwilioAccount> ofOrganization(UUID organization) {
        return find("a.organization_id = ? order by a.created_at, a.id", organization);
    }

    private List<TwilioAccount> find(String where, Object value) {
        return jdbi.withHandle(handle -> handle.createQuery(SELECT + where)
                .bind(0, value)
                .map((row, _) -> account(row))
                .list());
    }

    private TwilioAccount account(ResultSet row) throws SQLException {
        Optional<String> keySid = Optional.ofNullable(row.getString("api_key_sid"));
        Optional<String> keySecret = Optional.ofNullable(row.getString("api_key_secret_ref"));
        return new TwilioAccount(
                row.getObject("id", UUID.class),
                row.getObject("organization_id", UUID.class),
                row.getString("account_sid"),
                secrets.read(row.getString("secret_ref")),
                row.getString("public_base_url").replaceAll("/+$", ""),
                Optional.ofNullable(row.getString("api_base_url")),
                keySid.flatMap(sid -> keySecret.map(secret -> new TwilioAccount.Key(sid, secrets.read(secret)))));
    }
}
