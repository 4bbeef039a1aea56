package dev.switchboard.accounts;

import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Entries of {@code public.audit_logs}: what was done to accounts. Never a password or a token. */
final class AuditLog {
    private static final int LONGEST_TEXT = 300;

    private AuditLog() {}

    /** How much it matters. */
    enum Severity {
        INFO,
        WARNING
    }

    /**
     * One entry.
     *
     * @param actor   who did it; empty where nobody is signed in
     * @param subject the user to whom it was done
     * @param detail  what else is to be known; empty if nothing
     */
    record Entry(
            Optional<UUID> actor,
            String action,
            Optional<UUID> subject,
            Severity severity,
            boolean success,
            Optional<String> detail) {
        static Entry done(UUID actor, String action) {
            return new Entry(Optional.of(actor), action, Optional.of(actor), Severity.INFO, true, Optional.empty());
        }

        static Entry byAdministrator(String action, UUID subject) {
            return new Entry(Optional.empty(), action, Optional.of(subject), Severity.INFO, true, Optional.empty());
        }

        static Entry failed(Optional<UUID> subject, String action, String why) {
            return new Entry(Optional.empty(), action, subject, Severity.WARNING, false, Optional.of(why));
        }
    }

    static void write(Handle handle, Entry entry, Origin origin) {
        ObjectNode after = JsonMapper.shared().createObjectNode();
        entry.detail().ifPresent(detail -> after.put("detail", shorten(detail)));
        handle.createUpdate("""
                        insert into public.audit_logs (actor, action, entity, entity_id, ip, user_agent, severity, success, after)
                        values (:actor::uuid, :action, 'user', :subject, :ip, :agent, :severity, :success, nullif(:after::jsonb, '{}'))""")
                .bind("actor", entry.actor().orElse(null))
                .bind("action", entry.action())
                .bind("subject", entry.subject().map(UUID::toString).orElse(null))
                .bind("ip", origin.address())
                .bind("agent", shorten(origin.userAgent()))
                .bind("severity", entry.severity().name().toLowerCase(java.util.Locale.ROOT))
                .bind("success", entry.success())
                .bind("after", after.toString())
                .execute();
    }

    private static String shorten(String text) {
        String printable = text.replaceAll("\\p{Cntrl}", " ");
        return printable.length() <= LONGEST_TEXT ? printable : printable.substring(0, LONGEST_TEXT);
    }
}
