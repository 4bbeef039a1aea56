-- Every figure takes its moment (SPEC V6, U8, L28): by default now, and else what was so then, as far as it is kept. What a figure said at a
-- moment is what it says of that moment later, unless a fact came late.
-- Nobody waits, and no call lives, for longer than a day: of a moment in the past only what began or ended near it is looked at.
create function app.check_moment(at timestamptz) returns void language plpgsql immutable set search_path = '' as $$
begin
  if not isfinite(at) then
    raise exception 'at is %, which is no moment', at using errcode = '22023';
  end if;
end
$$;

drop function public.calculate_admin_kpis(uuid);
drop function app.signed_in_reps(uuid, timestamptz);
create function app.signed_in_reps(organization uuid, since timestamptz, until timestamptz) returns bigint
language sql stable security definer set search_path = ''
begin atomic
  select count(*) from public.user_roles r left join auth.users u on u.id = r.user_id
   where r.organization_id = organization and r.role = 'agent'
     and organization = any ((select app.orgs_with('metrics.read'))::uuid[])
     and (u.last_sign_in_at between since and until
          or exists (select from public.call_segments s where s.organization_id = organization and s.agent_id = r.user_id
                      and s.kind in ('talk', 'hold') and s.from_at between since and until));
end;
comment on function app.signed_in_reps(uuid, timestamptz, timestamptz) is
  'How many agents signed in for the last time, or handled a call, between these moments; 0 to who may not read metrics.';

create function public.calculate_admin_kpis(organization uuid default null, at timestamptz default null) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  allowed constant uuid[] := app.orgs_with('metrics.read');
  org constant uuid := coalesce(organization, allowed[1]);
  moment constant timestamptz := coalesce(at, now());
  midnight timestamptz;
  week timestamptz;
  zone text;
  reps bigint;
  active bigint;
  failed bigint;
  ended bigint;
  failed_recordings bigint;
  recordings bigint;
begin
  if org is null or not org = any (allowed) then
    raise exception 'the figures of organization % are for its supervisors, admins, owners and auditors', coalesce(org::text, '(none)')
      using errcode = '42501';
  end if;
  perform app.check_moment(at);
  select o.timezone into zone from public.organizations o where o.id = org;
  midnight := app.midnight_at(zone, moment);
  week := app.begin_of(zone, date_trunc('day', moment at time zone zone) - interval '6 days');
  select count(*) into reps from public.user_roles r where r.organization_id = org and r.role = 'agent';
  active := app.signed_in_reps(org, moment - interval '7 days', moment);
  select count(*) filter (where l.state = 'failed'), count(*) into failed, ended
    from (select c.state from public.calls c where c.organization_id = org and c.ended_at is not null and (at is null or c.ended_at <= at)
             and c.end_reason is distinct from 'closed'
           order by c.ended_at desc limit 50) l;
  select count(*) filter (where l.status = 'failed'), count(*) into failed_recordings, recordings
    from (select r.status from public.recordings r where r.organization_id = org and r.status in ('ready', 'failed') and (at is null or r.created_at <= at)
           order by r.created_at desc limit 50) l;
  return jsonb_build_object(
    'organization_id', org,
    'timezone', zone,
    'recordings_today', (select count(*) from public.recordings r where r.organization_id = org and r.created_at >= midnight and (at is null or r.created_at <= at)),
    'recordings_week', (select count(*) from public.recordings r where r.organization_id = org and r.created_at >= week and (at is null or r.created_at <= at)),
    'calls_today', (select count(*) from public.calls c where c.organization_id = org and c.started_at >= midnight and (at is null or c.started_at <= at)),
    'calls_week', (select count(*) from public.calls c where c.organization_id = org and c.started_at >= week and (at is null or c.started_at <= at)),
    'active_calls', (select count(*) from public.calls c where c.organization_id = org and c.ended_at is null and (at is null or c.started_at <= at))
                  + (select count(*) from public.calls c where at is not null and c.organization_id = org and c.ended_at > at
                      and c.started_at between at - interval '25 hours' and at),
    'reps', reps,
    'active_reps', active,
    'rep_adoption', round(active::numeric / nullif(reps, 0), 4),
    'failed_calls', failed,
    'failure_rate', round(failed::numeric / nullif(ended, 0), 4),
    'failed_recordings', failed_recordings,
    'recording_failure_rate', round(failed_recordings::numeric / nullif(recordings, 0), 4),
    'computed_at', moment);
end
$$;
comment on function public.calculate_admin_kpis(uuid, timestamptz) is
  'The admin page''s figures of one organization at a moment, by default the first of the caller''s, now; the caller''s policies decide what is counted. How many reps there are, and how recordings ended, is as it is now. A ratio of nothing is null.';

drop function public.board_figures(uuid);
create function public.board_figures(organization uuid, at timestamptz default null) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  moment constant timestamptz := coalesce(at, clock_timestamp());
  midnight timestamptz;
begin
  if organization is null or not organization = any (app.orgs_with('organization.read')) then
    raise exception 'organization % has no such member', coalesce(organization::text, '(none)') using errcode = '42501';
  end if;
  perform app.check_moment(at);
  select app.midnight_at(o.timezone, moment) into midnight from public.organizations o where o.id = organization;
  return (
    with waiting as (
      select v.queue_id, v.entered_at from public.queue_visits v
       where v.organization_id = organization and v.exited_at is null and (at is null or v.entered_at <= at)
      union all
      select v.queue_id, v.entered_at from public.queue_visits v
       where at is not null and v.organization_id = organization and v.exited_at > at and v.exited_at <= at + interval '25 hours' and v.entered_at <= at
    ), of_today as (
      select case when at is null or c.ended_at <= at then c.state else 'live' end as state,
             c.answered_at is not null and (at is null or c.answered_at <= at) as is_answered
        from public.calls c
       where c.organization_id = organization and c.started_at >= midnight and (at is null or c.started_at <= at)
    ), standing as (
      select v.user_id, v.work_state from public.voip_users v where at is null and v.organization_id = organization
      union all
      select l.user_id, l.state from public.agent_state_log l
       where at is not null and l.organization_id = organization and l.during @> at
    )
    select jsonb_build_object(
      'in_queue', (select count(*) from waiting),
      'longest_wait_s', (select floor(extract(epoch from moment - min(w.entered_at))) from waiting w),
      'oldest_entered_at', (select min(w.entered_at) from waiting w),
      'agents', (select jsonb_object_agg(s.state, (select count(*) from standing t where t.work_state = s.state))
                   from unnest('{offline,available,offered,on_call,on_hold,wrap_up,paused,unreachable}'::text[]) as s (state)),
      'active_calls', (select count(*) from public.calls c where c.organization_id = organization and c.ended_at is null and (at is null or c.started_at <= at))
                    + (select count(*) from public.calls c where at is not null and c.organization_id = organization and c.ended_at > at
                        and c.started_at between at - interval '25 hours' and at),
      'today', (select jsonb_build_object(
                  'calls', count(*), 'answered', count(*) filter (where t.is_answered),
                  'abandoned', count(*) filter (where t.state = 'abandoned'), 'missed', count(*) filter (where t.state = 'missed'),
                  'failed', count(*) filter (where t.state = 'failed'), 'completed', count(*) filter (where t.state = 'completed'))
                  from of_today t),
      'queues', (select coalesce(jsonb_agg(jsonb_build_object(
                   'queue_id', q.id, 'name', q.name,
                   'in_queue', (select count(*) from waiting w where w.queue_id = q.id),
                   'longest_wait_s', (select floor(extract(epoch from moment - min(w.entered_at))) from waiting w where w.queue_id = q.id),
                   'staffed', m.staffed, 'available', m.available, 'busy', m.busy) order by q.name), '[]')
                   from public.queues q, lateral (
                     select count(*) filter (where t.work_state <> 'offline') as staffed,
                            count(*) filter (where t.work_state = 'available') as available,
                            count(*) filter (where t.work_state in ('on_call', 'on_hold', 'offered', 'wrap_up')) as busy
                       from public.queue_members qm join standing t on t.user_id = qm.user_id
                      where qm.organization_id = organization and qm.queue_id = q.id) m
                  where q.organization_id = organization),
      'computed_at', moment));
end
$$;
comment on function public.board_figures(uuid, timestamptz) is
  'In queue, longest wait, agents by state, active calls and the counts of the day of one organization, at a moment or now, for any member; no numbers of customers are in it. Who answers in which queue is as it is now.';

drop function public.service_figures(uuid);
create function public.service_figures(organization uuid, at timestamptz default null) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  org public.organizations;
  moment constant timestamptz := coalesce(at, now());
  midnight timestamptz;
begin
  if organization is null or not organization = any (app.orgs_with('organization.read')) then
    raise exception 'organization % has no such member', coalesce(organization::text, '(none)') using errcode = '42501';
  end if;
  perform app.check_moment(at);
  select * into org from public.organizations o where o.id = organization;
  midnight := app.midnight_at(org.timezone, moment);
  return (
    with kept as (
      select v.* from public.queue_visits v where v.organization_id = organization and v.exited_at is null and (at is null or v.entered_at <= at)
      union all
      select v.* from public.queue_visits v
       where v.organization_id = organization and v.exited_at >= least(midnight, moment - interval '1 hour')
         and (at is null or (v.entered_at <= at and v.exited_at <= at + interval '25 hours'))
    ), visits as materialized (
      select v.queue_id, v.exited_at, v.entered_at, v.outcome, coalesce(v.in_time, false) as in_time, coalesce(v.short, false) as short,
             v.exited_at >= midnight and (at is null or v.exited_at <= at) as is_over
        from kept v
    ), sums as (
      select queue_id, grouping(queue_id) = 1 as is_total,
             count(*) filter (where in_time) as in_time,
             count(*) filter (where outcome in ('answered', 'missed') or (outcome = 'abandoned' and not short)) as counted,
             count(*) filter (where outcome = 'abandoned' and not short) as abandoned,
             count(*) filter (where outcome = 'answered' or (outcome = 'abandoned' and not short)) as offered
        from visits where is_over group by grouping sets ((), (queue_id))
    ), busy as (
      select sum(extract(epoch from least(coalesce(s.to_at, moment), moment) - greatest(s.from_at, midnight))) as seconds,
             sum(extract(epoch from least(coalesce(s.to_at, moment), moment) - greatest(s.from_at, midnight)))
               filter (where s.kind <> 'ring') as handling
        from public.call_segments s
       where s.organization_id = organization and s.kind in ('ring', 'talk', 'hold', 'wrap_up') and coalesce(s.to_at, moment) > midnight
         and s.from_at < moment and s.from_at > midnight - interval '1 day'
    ), states as (
      select sum(extract(epoch from least(coalesce(upper(l.during), moment), moment) - greatest(lower(l.during), midnight)))
               filter (where l.state = 'available') as idle,
             sum(extract(epoch from least(coalesce(upper(l.during), moment), moment) - greatest(lower(l.during), midnight)))
               filter (where l.state not in ('offline', 'unreachable')) as signed_in
        from public.agent_state_log l
       where l.organization_id = organization and l.during && tstzrange(midnight, moment)
    ), minutes as (
      select m.at from generate_series(moment - interval '59 minutes', moment, interval '1 minute') as m (at)
    ), calls as materialized (
      select c.started_at, c.ended_at from public.calls c
       where c.organization_id = organization and c.ended_at is null and (at is null or c.started_at <= at)
      union all
      select c.started_at, c.ended_at from public.calls c
       where c.organization_id = organization and c.ended_at >= moment - interval '1 hour'
         and (at is null or c.started_at between at - interval '26 hours' and at)
    ), history as (
      select m.at,
             (select count(*) from visits v where v.entered_at <= m.at and (v.exited_at is null or v.exited_at > m.at)) as in_queue,
             (select coalesce(floor(extract(epoch from m.at - min(v.entered_at))), 0) from visits v
               where v.entered_at <= m.at and (v.exited_at is null or v.exited_at > m.at)) as longest_wait,
             (select count(*) from calls c where c.started_at <= m.at and (c.ended_at is null or c.ended_at > m.at)) as live,
             (select count(*) from public.agent_state_log l where l.organization_id = organization and l.state = 'available'
               and l.during @> m.at) as available,
             (select round(count(*) filter (where v.in_time)::numeric / nullif(count(*) filter (where v.outcome in ('answered', 'missed')
                        or (v.outcome = 'abandoned' and not v.short)), 0), 4)
                from visits v where v.is_over and v.exited_at <= m.at) as service_level,
             (select round(count(*) filter (where v.outcome = 'abandoned' and not v.short)::numeric / nullif(count(*) filter
                        (where v.outcome = 'answered' or (v.outcome = 'abandoned' and not v.short)), 0), 4)
                from visits v where v.is_over and v.exited_at <= m.at) as abandoned
        from minutes m
    )
    select jsonb_build_object(
      'service_level', (select round(s.in_time::numeric / nullif(s.counted, 0), 4) from sums s where s.is_total),
      'service_level_goal', org.sl_target_pct, 'service_level_seconds', org.sl_seconds,
      'abandoned', (select s.abandoned from sums s where s.is_total),
      'offered', (select s.offered from sums s where s.is_total),
      'abandoned_rate', (select round(s.abandoned::numeric / nullif(s.offered, 0), 4) from sums s where s.is_total),
      'occupancy', (select round((b.seconds / nullif(b.seconds + coalesce(s.idle, 0), 0))::numeric, 4) from busy b, states s),
      'utilization', (select round((b.handling / nullif(s.signed_in, 0))::numeric, 4) from busy b, states s),
      'queues', (select coalesce(jsonb_object_agg(s.queue_id, round(s.in_time::numeric / nullif(s.counted, 0), 4)), '{}')
                   from sums s where not s.is_total and s.queue_id is not null),
      'history', (select jsonb_build_object('from', min(h.at), 'in_queue', jsonb_agg(h.in_queue order by h.at),
                    'longest_wait_s', jsonb_agg(h.longest_wait order by h.at), 'live', jsonb_agg(h.live order by h.at),
                    'available', jsonb_agg(h.available order by h.at), 'service_level', jsonb_agg(h.service_level order by h.at),
                    'abandoned_rate', jsonb_agg(h.abandoned order by h.at)) from history h),
      'computed_at', moment));
end
$$;
comment on function public.service_figures(uuid, timestamptz) is
  'Service level, abandonment, occupancy and utilization of the day until a moment or now, and the hour before it minute by minute, of one organization, for any member; no customers in it. Meant to be asked every 30 s at most.';

-- Solved at the first call: nobody called again from that number, about the same where that is known, within so many days.
create function public.first_call_resolution(organization uuid, day date default null, days int default 7, at timestamptz default null) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  moment constant timestamptz := coalesce(at, clock_timestamp());
  zone text;
  local date;
  begins timestamptz;
  ends timestamptz;
begin
  if organization is null or not organization = any (app.orgs_with('organization.read')) then
    raise exception 'organization % has no such member', coalesce(organization::text, '(none)') using errcode = '42501';
  end if;
  if days is null or days not between 1 and 90 then
    raise exception 'days is %, and can be 1 to 90', coalesce(days::text, 'null') using errcode = '22023';
  end if;
  perform app.check_moment(at);
  select o.timezone into zone from public.organizations o where o.id = organization;
  local := coalesce(day, (moment at time zone zone)::date);
  begins := app.begin_of(zone, local::timestamp);
  ends := app.begin_of(zone, local + 1);
  return (
    with later as materialized ( -- one look at all of them: an index by number would cost every change of every call
      select c.id, c.from_number, c.started_at, c.answered_at, c.wrap_up_code from public.calls c
       where c.organization_id = first_call_resolution.organization and c.direction = 'inbound' and c.state <> 'voided'
         and c.from_number ~ '^\+[1-9][0-9]{6,14}$' and c.started_at >= begins and c.started_at <= moment
         and c.started_at < ends + make_interval(days => first_call_resolution.days)
    )
    select jsonb_build_object('day', local, 'answered', count(*), 'resolved', count(*) filter (where not again),
             'first_call_resolution', round(count(*) filter (where not again)::numeric / nullif(count(*), 0), 4),
             'is_provisional', moment < ends + make_interval(days => first_call_resolution.days), 'computed_at', moment)
      from (select c.id, count(n.id) > 0 as again
              from later c left join later n on n.from_number = c.from_number and n.started_at > c.started_at
               and n.started_at <= c.started_at + make_interval(days => first_call_resolution.days)
               and (n.wrap_up_code is null or c.wrap_up_code is null or n.wrap_up_code = c.wrap_up_code)
             where c.started_at < ends and c.answered_at <= moment group by c.id) t);
end
$$;
comment on function public.first_call_resolution(uuid, date, int, timestamptz) is
  'The share of a day''s answered calls, from numbers that were told, after which nobody called again from the number (about the same, where both calls have a code) within so many days; provisional until these are over. For any member; no customers in it.';

revoke execute on function app.check_moment(timestamptz), app.signed_in_reps(uuid, timestamptz, timestamptz), public.calculate_admin_kpis(uuid, timestamptz),
  public.board_figures(uuid, timestamptz), public.service_figures(uuid, timestamptz),
  public.first_call_resolution(uuid, date, int, timestamptz) from public;
drop function app.midnight(text, int);
grant execute on function app.check_moment(timestamptz), app.signed_in_reps(uuid, timestamptz, timestamptz), app.midnight_at(text, timestamptz), app.begin_of(text, timestamp)
  to authenticated, service_role;
grant execute on function public.calculate_admin_kpis(uuid, timestamptz), public.board_figures(uuid, timestamptz),
  public.service_figures(uuid, timestamptz), public.first_call_resolution(uuid, date, int, timestamptz) to authenticated;
