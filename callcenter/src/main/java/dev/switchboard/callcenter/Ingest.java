package dev.switchboard.callcenter;

import dev.switchboard.callcenter.command.Refusal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.UUID;
import javax.sql.DataSource;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * What other programs produce, written with the service key: one statement each, from a JSON object whose fields are named
 * as the columns. Sent again, each of them changes nothing more. Thread-safe.
 */
public final class Ingest {
    private final DataSource connections;

    public Ingest(DataSource connections) {
        this.connections = connections;
    }

    /** What is written; each statement takes the body, then the id (of what the path names), then the path's last part. */
    public enum Kind {
        /** Progress of a stream: completed of total. */
        STREAM_PROGRESS("""
                update public.streams s set
                  goal_status = coalesce(x.goal_status, s.goal_status),
                  current_progress = jsonb_build_object('completed', x.completed, 'total', x.total, 'percentage',
                    coalesce(x.percentage, case when x.total > 0 then round(100.0 * x.completed / x.total, 2) else 0 end))
                from b, jsonb_to_record(b.body) as x (percentage numeric, completed int, total int, goal_status text)
                where s.id = b.id returning to_jsonb(s)"""),
        /** A scan, new or known. */
        SCAN("""
                insert into public.acquisition_scans as s
                  (id, organization_id, owner, status, current_step, progress_percentage, targets_analyzed, targets_identified)
                select b.id, x.organization_id, x.owner, coalesce(x.status, 'queued'), x.current_step,
                       coalesce(x.progress_percentage, 0), coalesce(x.targets_analyzed, 0), coalesce(x.targets_identified, 0)
                  from b, jsonb_to_record(b.body) as x (organization_id uuid, owner uuid, status text, current_step text,
                       progress_percentage numeric, targets_analyzed int, targets_identified int)
                on conflict (id) do update set
                  status = coalesce((select b.body ->> 'status' from b), s.status),
                  current_step = coalesce(excluded.current_step, s.current_step),
                  progress_percentage = case when (select b.body ? 'progress_percentage' from b) then excluded.progress_percentage else s.progress_percentage end,
                  targets_analyzed = case when (select b.body ? 'targets_analyzed' from b) then excluded.targets_analyzed else s.targets_analyzed end,
                  targets_identified = case when (select b.body ? 'targets_identified' from b) then excluded.targets_identified else s.targets_identified end
                where s.organization_id = excluded.organization_id
                returning to_jsonb(s)"""),
        /** An execution of an AI agent, new or known; one that ended stays ended. */
        EXECUTION("""
                insert into public.agent_executions as e
                  (id, organization_id, stream_id, agent_id, status, started_at, ended_at, tokens, error, call_id)
                select b.id, x.organization_id, x.stream_id, x.agent_id, coalesce(x.status, 'queued'),
                       coalesce(x.started_at, case when x.status <> 'queued' then now() end),
                       case when x.status in ('succeeded', 'failed', 'cancelled') then coalesce(x.ended_at, now()) end,
                       x.tokens, x.error, x.call_id
                  from b, jsonb_to_record(b.body) as x (organization_id uuid, stream_id uuid, agent_id text, status text,
                       started_at timestamptz, ended_at timestamptz, tokens bigint, error text, call_id uuid)
                on conflict (id) do update set
                  status = case when e.ended_at is null then excluded.status else e.status end,
                  started_at = coalesce(e.started_at, excluded.started_at), ended_at = coalesce(e.ended_at, excluded.ended_at),
                  tokens = coalesce(excluded.tokens, e.tokens), error = coalesce(excluded.error, e.error),
                  call_id = coalesce(excluded.call_id, e.call_id)
                where e.organization_id = excluded.organization_id
                returning to_jsonb(e)"""),
        /** A signal for one user. */
        SIGNAL("""
                insert into public.signal_alerts as s (id, organization_id, user_id, business_name, signal_type, priority, data)
                select b.id, x.organization_id, x.user_id, x.business_name, x.signal_type, coalesce(x.priority, 'medium'), coalesce(x.data, '{}')
                  from b, jsonb_to_record(b.body) as x (organization_id uuid, user_id uuid, business_name text, signal_type text, priority text, data jsonb)
                on conflict (id) do update set priority = excluded.priority where s.organization_id = excluded.organization_id
                returning to_jsonb(s)"""),
        /** A piece of a transcript; a final one replaces its partial, never the other way round. */
        SEGMENT("""
                with s as (
                  insert into public.transcript_segments as s (organization_id, call_id, track, seq, text, final, confidence, start_ms)
                  select c.organization_id, c.id, x.track, x.seq, x.text, coalesce(x.final, false), x.confidence, x.start_ms
                    from b join public.calls c on c.id = b.id,
                         jsonb_to_record(b.body) as x (track text, seq int, text text, final boolean, confidence numeric, start_ms int)
                  on conflict (organization_id, call_id, track, seq) do update
                    set text = excluded.text, final = excluded.final, confidence = excluded.confidence, start_ms = excluded.start_ms
                    where not s.final
                  returning s.*),
                whole as (
                  update public.calls c set transcription = (select string_agg(t.text, E'\\n' order by t.start_ms nulls last, t.seq, t.track)
                      from (select o.text, o.start_ms, o.seq, o.track from public.transcript_segments o
                             where o.organization_id = s.organization_id and o.call_id = s.call_id and o.final
                               and (o.track, o.seq) <> (s.track, s.seq)
                            union all select s.text, s.start_ms, s.seq, s.track) t)
                   from s where s.final and c.id = s.call_id)
                select coalesce((select to_jsonb(s) from s), (select to_jsonb(k) from b, public.transcript_segments k
                  where k.call_id = b.id and k.track = b.body ->> 'track' and k.seq = (b.body ->> 'seq')::int))"""),
        /** A step of a call's analysis. */
        ANALYSIS_STEP("""
                insert into public.ai_analyses as a (organization_id, call_id, step, status, result)
                select c.organization_id, c.id, b.part, coalesce(x.status, 'pending'), x.result
                  from b join public.calls c on c.id = b.id, jsonb_to_record(b.body) as x (status text, result jsonb)
                on conflict (organization_id, call_id, step) do update
                  set status = excluded.status, result = coalesce(excluded.result, a.result)
                returning to_jsonb(a)"""),
        /** What an analysis says of a whole call. */
        ANALYSIS("""
                update public.calls c set
                  ai_status = coalesce(x.ai_status, c.ai_status), insights = coalesce(x.insights, c.insights),
                  sentiment = coalesce(x.sentiment, c.sentiment), scorecard = coalesce(x.scorecard, c.scorecard),
                  score = coalesce(x.score, c.score)
                  from b, jsonb_to_record(b.body) as x (ai_status text, insights jsonb, sentiment numeric, scorecard jsonb, score int)
                 where c.id = b.id returning to_jsonb(c)"""),
        /** A recording, new or known; what is ready or deleted does not go back. */
        RECORDING("""
                insert into public.recordings as r
                  (id, organization_id, call_id, provider_sid, title, status, url_key, duration_s, channels, bytes, error)
                select b.id, c.organization_id, x.call_id, x.provider_sid, coalesce(x.title, 'Call with ' || coalesce(c.company_name, c.from_number)),
                       coalesce(x.status, 'queued'), x.url_key, x.duration_s, x.channels, x.bytes, x.error
                  from b, jsonb_to_record(b.body) as x (call_id uuid, provider_sid text, title text, status text, url_key text,
                       duration_s int, channels int, bytes bigint, error text) join public.calls c on c.id = x.call_id
                on conflict (id) do update set
                  status = case when r.status = 'deleted' or (r.status = 'ready' and excluded.status <> 'deleted') then r.status else excluded.status end,
                  title = coalesce((select b.body ->> 'title' from b), r.title), url_key = coalesce(excluded.url_key, r.url_key),
                  duration_s = coalesce(excluded.duration_s, r.duration_s), channels = coalesce(excluded.channels, r.channels),
                  bytes = coalesce(excluded.bytes, r.bytes), error = coalesce(excluded.error, r.error)
                where r.call_id = excluded.call_id
                returning to_jsonb(r)""");

        private final String sql;

        Kind(String sql) {
            // a JSON operator is no parameter
            String body = sql.replace("? '", "?? '");
            String first = "b as (select ?::jsonb as body, ?::uuid as id, ?::text as part)";
            this.sql = body.startsWith("with ")
                    ? "with " + first + ", " + body.substring("with ".length())
                    : "with " + first + " " + body;
        }
    }

    /**
     * Writes it.
     *
     * @param part the last part of the path, where the kind has one
     * @param body a JSON object
     */
    public Answer write(Kind kind, UUID id, String part, String body) {
        try {
            return Transactions.run(connections, connection -> write(connection, kind, id, part, body), _ -> true);
        } catch (SQLException failed) {
            return refused(failed);
        }
    }

    static Answer write(Connection connection, Kind kind, UUID id, String part, String body) throws SQLException {
        if (kind == Kind.SEGMENT) { // before the statement that puts the segments of a call together looks at them
            try (PreparedStatement lock =
                    connection.prepareStatement("select 1 from public.calls where id = ? for update")) {
                lock.setObject(1, id);
                lock.execute();
            }
        }
        try (PreparedStatement statement = connection.prepareStatement(kind.sql)) {
            statement.setString(1, body);
            statement.setObject(2, id);
            statement.setString(3, part);
            try (ResultSet row = statement.executeQuery()) {
                return row.next() && row.getString(1) != null
                        ? new Answer.Done(row.getString(1))
                        : Answer.refused(Refusal.NOT_FOUND, "There is no such row: " + id);
            }
        }
    }

    private static Answer refused(SQLException failed) {
        String state = String.valueOf(failed.getSQLState());
        if (!state.startsWith("22") && !state.startsWith("23")) {
            throw new CallCentreException("what was sent could not be written: " + failed.getMessage(), failed);
        }
        ServerErrorMessage message = failed instanceof PSQLException raised ? raised.getServerErrorMessage() : null;
        String text = String.valueOf(message == null ? failed.getMessage() : message.getMessage());
        return Answer.refused(state.equals("23505") ? Refusal.ALREADY_THERE : Refusal.INVALID_REQUEST, text);
    }
}
