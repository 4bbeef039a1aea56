-- What is said of a queue knows what its callers need, and a caller whom nobody was to serve is no call that went well (SPEC L31, L32).
create function app.may_take(member public.queue_members, skill text, since timestamptz, at timestamptz) returns boolean
language sql stable set search_path = ''
return skill is null or skill = any ((member).skills)
  or exists (select from public.queues q where q.organization_id = (member).organization_id and q.id = (member).queue_id
              and since <= at - make_interval(secs => q.skill_wait_s))
  or not exists (select from public.queue_members k where k.organization_id = (member).organization_id
                  and k.queue_id = (member).queue_id and skill = any (k.skills));
comment on function app.may_take(public.queue_members, text, timestamptz, timestamptz) is
  'Whether a member of a queue is offered a call that needs this and waits there since then: as the router does.';

create or replace function app.place_in_queue(call uuid, at timestamptz) returns table (place int, wait_s int)
language sql stable set search_path = '' as $$
  with c as (select * from public.calls k where k.id = call),
  ahead as (select count(*)::int as n, count(*) filter (where c.skill is null or o.skill is null or o.skill = c.skill) as for_the_same
              from c join public.calls o on o.organization_id = c.organization_id and o.queue_id = c.queue_id
             where o.ended_at is null and o.state in ('queued', 'ringing') and (o.queued_at, o.id) <= (c.queued_at, c.id)),
  handled as (select avg(extract(epoch from s.to_at - s.from_at)) as seconds from c join public.call_segments s on s.organization_id = c.organization_id
                join public.calls o on o.organization_id = s.organization_id and o.id = s.call_id and o.queue_id = c.queue_id
               where s.kind in ('talk', 'hold', 'wrap_up') and s.to_at > at - interval '1 hour'),
  staffed as (select count(*) as n from c join public.queue_members m on m.organization_id = c.organization_id and m.queue_id = c.queue_id
                join public.voip_users v on v.organization_id = m.organization_id and v.user_id = m.user_id
               where v.work_state not in ('offline', 'paused', 'unreachable') and app.may_take(m, c.skill, c.queued_at, at))
  select ahead.n, least(7200, round(ahead.for_the_same * coalesce(handled.seconds, 180) / greatest(1, staffed.n)))::int
    from ahead, handled, staffed
$$;
comment on function app.place_in_queue is
  'An estimate, and told as one: those ahead who need the same agents x mean handling time of the last hour (180 s without any) / agents who are there and may take the call, at most two hours (DOMAIN 2.4, EWT).';

create or replace function app.alert_figure(organization uuid, queue uuid, metric text, at timestamptz, out value numeric, out why jsonb)
language plpgsql stable security definer set search_path = '' as $$
declare
  zone constant text := (select o.timezone from public.organizations o where o.id = organization);
begin
  case metric
  when 'in_queue', 'longest_wait_s' then
    select case when metric = 'in_queue' then count(*) else coalesce(extract(epoch from at - min(v.entered_at)), 0) end,
           jsonb_build_object('calls', app.first_of(array_agg(v.call_id order by v.entered_at)), 'count', count(*))
      into value, why
      from public.queue_visits v
     where v.organization_id = organization and v.exited_at is null and (queue is null or v.queue_id = queue);
  when 'waiting_without_agents' then
    select coalesce(sum(w.waiting), 0), jsonb_build_object('queues', app.first_of(array_agg(w.queue_id)), 'count', count(*))
      into value, why
      from (select v.queue_id, count(*) as waiting from public.queue_visits v
              join public.calls c on c.organization_id = v.organization_id and c.id = v.call_id
             where v.organization_id = organization and v.exited_at is null and (queue is null or v.queue_id = queue)
               and not exists (select from public.voip_users u
                                where u.organization_id = organization and u.work_state in ('available', 'offered')
                                  and (v.queue_id is null or exists (select from public.queue_members m
                                        where m.organization_id = organization and m.queue_id = v.queue_id and m.user_id = u.user_id
                                          and app.may_take(m, c.skill, c.queued_at, at))))
             group by v.queue_id) w;
  when 'available_agents' then
    select count(*), jsonb_build_object('agents', app.first_of(array_agg(u.user_id order by u.state_since)), 'count', count(*)) into value, why
      from public.voip_users u
     where u.organization_id = organization and u.work_state = 'available'
       and (queue is null or exists (select from public.queue_members m where m.organization_id = organization
                                        and m.queue_id = alert_figure.queue and m.user_id = u.user_id));
  when 'active_calls' then
    select count(*), '{}' into value, why from public.calls c
     where c.organization_id = organization and c.ended_at is null and (queue is null or c.queue_id = queue);
  when 'longest_call_s' then
    select coalesce(extract(epoch from at - min(c.answered_at)), 0),
           jsonb_build_object('calls', app.first_of(array_agg(c.id order by c.answered_at)), 'count', count(*))
      into value, why from public.calls c
     where c.organization_id = organization and c.ended_at is null and c.answered_at is not null and (queue is null or c.queue_id = queue);
  when 'longest_hold_s', 'longest_parked_s' then
    select coalesce(extract(epoch from at - min(c.state_since)), 0),
           jsonb_build_object('calls', app.first_of(array_agg(c.id order by c.state_since)), 'count', count(*))
      into value, why from public.calls c
     where c.organization_id = organization and c.ended_at is null and (queue is null or c.queue_id = queue)
       and c.state = case metric when 'longest_hold_s' then 'held' else 'parked' end;
  when 'longest_wrap_up_s', 'longest_pause_s' then
    select coalesce(extract(epoch from at - min(u.state_since)), 0),
           jsonb_build_object('agents', app.first_of(array_agg(u.user_id order by u.state_since)), 'count', count(*))
      into value, why from public.voip_users u
     where u.organization_id = organization
       and u.work_state = case metric when 'longest_wrap_up_s' then 'wrap_up' else 'paused' end
       and (queue is null or exists (select from public.queue_members m where m.organization_id = organization
                                        and m.queue_id = alert_figure.queue and m.user_id = u.user_id));
  when 'service_level_pct', 'abandoned_pct' then
    select round(100.0 * s.share / nullif(s.counted, 0), 2), jsonb_build_object('of', s.counted, 'are', s.share)
      into value, why
      from (select count(*) filter (where case metric when 'service_level_pct' then v.outcome = 'answered'
                                                        and v.wait_s <= coalesce(q.sl_seconds, o.sl_seconds)
                                                      else v.outcome = 'abandoned' and v.wait_s >= o.short_abandon_s end) as share,
                   count(*) filter (where v.outcome = 'answered' or (v.outcome = 'abandoned' and v.wait_s >= o.short_abandon_s)
                                       or (metric = 'service_level_pct' and v.outcome = 'missed')) as counted
              from public.queue_visits v join public.organizations o on o.id = v.organization_id
              left join public.queues q on q.organization_id = v.organization_id and q.id = v.queue_id
             where v.organization_id = organization and v.exited_at >= app.midnight_at(zone, at) and v.exited_at <= at
               and (alert_figure.queue is null or v.queue_id = alert_figure.queue)) s;
    if (why ->> 'of')::int < 10 then
      value := null;  -- of so few nothing can be said
    end if;
  when 'failed_pct' then
    select round(100.0 * count(*) filter (where c.state = 'failed') / nullif(count(*), 0), 2),
           jsonb_build_object('of', count(*), 'calls', app.first_of(array_agg(c.id order by c.ended_at desc) filter (where c.state = 'failed')))
      into value, why
      from (select c.id, c.state, c.ended_at from public.calls c where c.organization_id = organization and c.ended_at <= at
               and c.state <> 'voided' and c.end_reason is distinct from 'closed' and (queue is null or c.queue_id = queue) order by c.ended_at desc limit 50) c;
    if (why ->> 'of')::int < 20 then
      value := null;
    end if;
  when 'silent_calls' then
    select count(*), jsonb_build_object('calls', app.first_of(array_agg(c.id order by c.started_at)), 'count', count(*)) into value, why from public.calls c
     where c.organization_id = organization and c.ended_at is null and c.provider_event_at is null and c.started_at <= at - interval '30 s'
       and (queue is null or c.queue_id = queue);
  else
    value := null;  -- what the server measures of itself it says itself
    why := '{}';
  end case;
end
$$;

create or replace function app.publish_metrics(organization uuid, heavy boolean, at timestamptz) returns int
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
               and c.end_reason is distinct from 'closed' order by c.ended_at desc limit 50) l
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

revoke execute on function app.may_take(public.queue_members, text, timestamptz, timestamptz) from public;
