package dev.switchboard.systemtest.harness;

import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** Statements on calls that many tests make. */
public final class Calls {
    private Calls() {}

    public static void insert(Handle handle, UUID id, UUID organization) {
        handle.execute(
                "insert into calls (id, organization_id, provider_call_sid, direction, from_number, to_number, state)"
                        + " values (?, ?, ?, 'inbound', '+14155550001', '+18005550100', 'ringing')",
                id,
                organization,
                "CA" + id);
    }

    public static void advance(Handle handle, UUID id, String state) {
        handle.execute(
                "update calls set state = ?, claimed_by = case when ? in ('claimed', 'active', 'held') then coalesce(claimed_by, gen_random_uuid())"
                        + " else claimed_by end where id = ?",
                state,
                state,
                id);
    }

    public static void rename(Handle handle, UUID id, String company) {
        handle.execute("update calls set company_name = ? where id = ?", company, id);
    }

    public static void delete(Handle handle, UUID id) {
        handle.execute("delete from calls where id = ?", id);
    }
}
