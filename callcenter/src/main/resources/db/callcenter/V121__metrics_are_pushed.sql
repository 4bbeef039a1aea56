-- admin_metrics by itself (SPEC L26): whoever changes calls, visits or agents leaves a mark of the organization, and the server publishes
-- what has become another figure: the first change at once, then every 2 s at most, figures of many rows every 30 s.
create unlogged table app.metrics_due (organization_id uuid not null);
comment on table app.metrics_due is 'Whose figures may be others now: a row per change, so that nobody waits. A crash empties it: the server publishes everything when it begins to look, and when it could not.';

create function app.metrics_are_due() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into app.metrics_due values (coalesce(new.organization_id, old.organization_id));
  return null;
end
$$;
-- By row, and only where a figure can have changed: commands write these tables several times each.
create trigger metrics_insert after insert or delete on public.calls for each row execute function app.metrics_are_due();
create trigger metrics_update after update on public.calls for each row
  when ((old.state, old.started_at, old.answered_at, old.ended_at) is distinct from (new.state, new.started_at, new.answered_at, new.ended_at))
  execute function app.metrics_are_due();
create trigger metrics_insert after insert on public.queue_visits for each row execute function app.metrics_are_due();
create trigger metrics_update after update on public.queue_visits for each row
  when ((old.queue_id, old.exited_at, old.outcome, old.wait_s) is distinct from (new.queue_id, new.exited_at, new.outcome, new.wait_s))
  execute function app.metrics_are_due();
create trigger metrics_insert after insert or delete on public.voip_users for each row execute function app.metrics_are_due();
create trigger metrics_update after update on public.voip_users for each row
  when (old.work_state is distinct from new.work_state) execute function app.metrics_are_due();
create trigger metrics_insert after insert or delete on public.recordings for each row execute function app.metrics_are_due();

create index admin_metrics_by_bucket on public.admin_metrics (organization_id, bucket_start);

-- What is written is what is another value than before: who listens is told of news alone.
create function app.publish_metrics(organization uuid, heavy boolean, at timestamptz) returns int
language plpgsql set search_path = '' as $$
declare
  zone text;
  midnight timestamptz;
  written int;
begin
  select o.timezone into zone from public.organizations o where o.id = organization;
  if zone is null then
    return 0;
  end if;
  midnight := app.midnight_at(zone, at);
  with waiting as materialized (
    select v.queue_id, v.entered_at from public.queue_visits v where v.organization_id = organization and v.exited_at is null
  ), today as materialized (
    select c.state, c.answered_at from public.calls c where c.organization_id = organization and c.started_at >= midnight and c.started_at <= at
  ), sums as materialized (
    select i.queue_id, grouping(i.queue_id) = 1 as is_total, sum((i.sums).answered) as answered, sum((i.sums).in_time) as in_time,
           sum((i.sums).abandoned) as abandoned, sum((i.sums).short) as short, sum((i.sums).missed) as missed,
           sum((i.sums).answered_wait_s) as answered_wait_s, sum((i.sums).handled) as handled,
           sum((i.sums).talk_s + (i.sums).hold_s + (i.sums).wrap_up_s) as handling_s
      from app.interval_sums i where heavy and i.organization_id = organization and i.quarter >= midnight
     group by grouping sets ((), (i.queue_id))
  ), busy as (
    select sum(extract(epoch from least(coalesce(s.to_at, at), at) - greatest(s.from_at, midnight))) as seconds
      from public.call_segments s
     where heavy and s.organization_id = organization and s.kind in ('ring', 'talk', 'hold', 'wrap_up') and coalesce(s.to_at, at) > midnight and s.from_at < at
       and s.from_at > midnight - interval '1 day'
  ), idle as (
    select sum(extract(epoch from least(coalesce(upper(l.during), at), at) - greatest(lower(l.during), midnight))) as seconds
      from public.agent_state_log l
     where heavy and l.organization_id = organization and l.state = 'available' and l.during && tstzrange(midnight, at)
  ), reps as (
    select count(*) as n from public.user_roles r where heavy and r.organization_id = organization and r.role = 'agent'
  ), active as (
    select count(*) as n from public.user_roles r left join auth.users u on u.id = r.user_id
     where heavy and r.organization_id = organization and r.role = 'agent'
       and (u.last_sign_in_at >= at - interval '7 days'
            or exists (select from public.call_segments s where s.organization_id = organization and s.agent_id = r.user_id
                        and s.kind in ('talk', 'hold') and s.from_at >= at - interval '7 days'))
  ), ended as (
    select count(*) filter (where l.state = 'failed') as failed, count(*) as n
      from (select c.state from public.calls c where heavy and c.organization_id = organization and c.ended_at is not null
             order by c.ended_at desc limit 50) l
  ), figures (metric, queue_id, of_day, numerator, denominator, value) as (
    select 'in_queue', null::uuid, false, null::numeric, null::numeric, count(*)::numeric from waiting
    union all select 'in_queue', q.id, false, null, null, (select count(*) from waiting w where w.queue_id = q.id) from public.queues q where q.organization_id = organization
    union all select 'waiting_since', null, false, null, null, round(extract(epoch from min(w.entered_at)), 3) from waiting w
    union all select 'waiting_since', q.id, false, null, null, round(extract(epoch from (select min(w.entered_at) from waiting w where w.queue_id = q.id)), 3)
                from public.queues q where q.organization_id = organization
    union all select 'active_calls', null, false, null, null, count(*) from public.calls c where c.organization_id = organization and c.ended_at is null
    union all select 'agents_' || s.state, null, false, null, null,
                     (select count(*) from public.voip_users v where v.organization_id = organization and v.work_state = s.state)
                from unnest('{offline,available,offered,on_call,on_hold,wrap_up,paused,unreachable}'::text[]) as s (state)
    union all select 'calls', null, true, null, null, count(*) from today
    union all select 'calls_answered', null, true, null, null, count(*) from today t where t.answered_at is not null
    union all select 'calls_' || s.state, null, true, null, null, (select count(*) from today t where t.state = s.state)
                from unnest('{abandoned,missed,failed,completed}'::text[]) as s (state)
    union all select 'recordings', null, true, null, null, count(*) from public.recordings r where r.organization_id = organization and r.created_at >= midnight
    union all select f.metric, s.queue_id, true, f.numerator, f.denominator, round(f.numerator / nullif(f.denominator, 0), 4)
                from sums s, lateral (values
                  ('service_level', s.in_time, s.answered + s.abandoned - s.short + s.missed),
                  ('abandoned_rate', s.abandoned - s.short, s.answered + s.abandoned - s.short),
                  ('asa_s', s.answered_wait_s, s.answered)) as f (metric, numerator, denominator)
               where heavy and (s.is_total or exists (select from public.queues q where q.organization_id = organization and q.id = s.queue_id))
    union all select 'aht_s', null, true, s.handling_s, s.handled, round(s.handling_s / nullif(s.handled, 0), 4) from sums s where heavy and s.is_total
    union all select 'occupancy', null, true, round(b.seconds, 3), round(b.seconds + coalesce(i.seconds, 0), 3),
                     round(b.seconds / nullif(b.seconds + coalesce(i.seconds, 0), 0), 4) from busy b, idle i where heavy
    union all select 'rep_adoption', null, true, a.n, r.n, round(a.n::numeric / nullif(r.n, 0), 4) from active a, reps r where heavy
    union all select 'failure_rate', null, true, e.failed, e.n, round(e.failed::numeric / nullif(e.n, 0), 4) from ended e where heavy
  ), kept as (
    insert into public.admin_metrics as m (organization_id, metric, queue_id, bucket_start, "window", value, numerator, denominator, computed_at)
      select organization, f.metric, f.queue_id, midnight, case when f.of_day then interval '1 day' else interval '0' end,
             f.value, f.numerator, f.denominator, at from figures f
    on conflict (organization_id, metric, queue_id, bucket_start, "window") do update
      set value = excluded.value, numerator = excluded.numerator, denominator = excluded.denominator, computed_at = excluded.computed_at
      where (m.value, m.numerator, m.denominator) is distinct from (excluded.value, excluded.numerator, excluded.denominator)
    returning 1)
  select count(*) into written from kept;
  if heavy then
    delete from public.admin_metrics m where m.organization_id = organization
      and (m.bucket_start < midnight - interval '15 days' or (m.bucket_start <> midnight and m."window" = interval '0'));
  end if;
  return written;
end
$$;
comment on function app.publish_metrics(uuid, boolean, timestamptz) is
  'Writes the organization''s figures of that moment into admin_metrics, where they are others than before; heavy: those of many rows too, and what is older than 15 days goes.';
revoke execute on function app.metrics_are_due(), app.publish_metrics(uuid, boolean, timestamptz) from public;
