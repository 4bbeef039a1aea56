-- The figures of boards and of the admin page (DOMAIN: cheap ones). Days begin at midnight of the organization's time zone.
create function app.midnight(zone text, days_ago int default 0) returns timestamptz language sql stable set search_path = ''
return (date_trunc('day', now() at time zone zone) - make_interval(days => days_ago)) at time zone zone;

create function app.signed_in_reps(organization uuid, since timestamptz) returns bigint
language sql stable security definer set search_path = ''
begin atomic
  select count(*) from public.user_roles r left join auth.users u on u.id = r.user_id
   where r.organization_id = organization and r.role = 'agent'
     and organization = any ((select app.orgs_with('metrics.read'))::uuid[])
     and (u.last_sign_in_at >= since
          or exists (select from public.call_segments s where s.organization_id = organization and s.agent_id = r.user_id
                      and s.kind in ('talk', 'hold') and s.from_at >= since));
end;
comment on function app.signed_in_reps(uuid, timestamptz) is 'How many agents signed in or handled a call since then; 0 to who may not read metrics.';

create function public.calculate_admin_kpis(organization uuid default null) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  allowed constant uuid[] := app.orgs_with('metrics.read');
  org constant uuid := coalesce(organization, allowed[1]);
  zone text;
  reps bigint;
  active bigint;
  failed bigint;
  ended bigint;
begin
  if org is null or not org = any (allowed) then
    raise exception 'the figures of organization % are for its supervisors, admins, owners and auditors', coalesce(org::text, '(none)')
      using errcode = '42501';
  end if;
  select o.timezone into zone from public.organizations o where o.id = org;
  select count(*) into reps from public.user_roles r where r.organization_id = org and r.role = 'agent';
  active := app.signed_in_reps(org, now() - interval '7 days');
  select count(*) filter (where l.state = 'failed'), count(*) into failed, ended
    from (select c.state from public.calls c where c.organization_id = org and c.ended_at is not null
           order by c.ended_at desc limit 50) l;
  return jsonb_build_object(
    'organization_id', org,
    'timezone', zone,
    'recordings_today', (select count(*) from public.recordings r where r.organization_id = org and r.created_at >= app.midnight(zone)),
    'recordings_week', (select count(*) from public.recordings r where r.organization_id = org and r.created_at >= app.midnight(zone, 6)),
    'calls_today', (select count(*) from public.calls c where c.organization_id = org and c.started_at >= app.midnight(zone)),
    'calls_week', (select count(*) from public.calls c where c.organization_id = org and c.started_at >= app.midnight(zone, 6)),
    'active_calls', (select count(*) from public.calls c where c.organization_id = org and c.ended_at is null),
    'reps', reps,
    'active_reps', active,
    'rep_adoption', round(active::numeric / nullif(reps, 0), 4),
    'failed_calls', failed,
    'failure_rate', round(failed::numeric / nullif(ended, 0), 4),
    'computed_at', now());
end
$$;
comment on function public.calculate_admin_kpis(uuid) is
  'The admin page''s figures of one organization, by default the first of the caller''s; the caller''s policies decide what is counted. A ratio of nothing is null.';

-- Of whole organizations, without numbers or names of customers: viewers, who see no calls, see these figures too.
create function public.board_figures(organization uuid) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  zone text;
begin
  if organization is null or not organization = any (app.orgs_with('organization.read')) then
    raise exception 'organization % has no such member', coalesce(organization::text, '(none)') using errcode = '42501';
  end if;
  select o.timezone into zone from public.organizations o where o.id = organization;
  return (
    with waiting as (
      select v.queue_id, v.entered_at from public.queue_visits v where v.organization_id = organization and v.exited_at is null
    ), of_today as (
      select c.state, c.answered_at from public.calls c
       where c.organization_id = organization and c.started_at >= app.midnight(zone)
    )
    select jsonb_build_object(
      'in_queue', (select count(*) from waiting),
      'longest_wait_s', (select floor(extract(epoch from clock_timestamp() - min(w.entered_at))) from waiting w),
      'oldest_entered_at', (select min(w.entered_at) from waiting w),
      'agents', (select jsonb_object_agg(s.state, (select count(*) from public.voip_users v
                                                   where v.organization_id = organization and v.work_state = s.state))
                   from unnest('{offline,available,offered,on_call,on_hold,wrap_up,paused,unreachable}'::text[]) as s (state)),
      'active_calls', (select count(*) from public.calls c where c.organization_id = organization and c.ended_at is null),
      'today', (select jsonb_build_object(
                  'calls', count(*), 'answered', count(*) filter (where t.answered_at is not null),
                  'abandoned', count(*) filter (where t.state = 'abandoned'), 'missed', count(*) filter (where t.state = 'missed'),
                  'failed', count(*) filter (where t.state = 'failed'), 'completed', count(*) filter (where t.state = 'completed'))
                  from of_today t),
      'queues', (select coalesce(jsonb_agg(jsonb_build_object(
                   'queue_id', q.id, 'name', q.name,
                   'in_queue', (select count(*) from waiting w where w.queue_id = q.id),
                   'longest_wait_s', (select floor(extract(epoch from clock_timestamp() - min(w.entered_at))) from waiting w where w.queue_id = q.id),
                   'staffed', m.staffed, 'available', m.available, 'busy', m.busy) order by q.name), '[]')
                   from public.queues q, lateral (
                     select count(*) filter (where v.work_state <> 'offline') as staffed,
                            count(*) filter (where v.work_state = 'available') as available,
                            count(*) filter (where v.work_state in ('on_call', 'on_hold', 'offered', 'wrap_up')) as busy
                       from public.queue_members qm join public.voip_users v
                         on v.organization_id = qm.organization_id and v.user_id = qm.user_id
                      where qm.organization_id = organization and qm.queue_id = q.id) m
                  where q.organization_id = organization),
      'computed_at', clock_timestamp()));
end
$$;
comment on function public.board_figures(uuid) is
  'In queue, longest wait, agents by state, active calls and the counts of the day of one organization, for any member; no numbers of customers are in it.';

-- What /api/calls/health-check answers; called by the server after it has looked who asks.
create function app.call_health(organization uuid, at timestamptz, since timestamptz) returns jsonb
language sql stable set search_path = ''
return (
  with ended as (
    select c.state, c.end_reason from public.calls c where c.organization_id = organization and c.ended_at >= since
  ), silent as (
    select c.id from public.calls c
     where c.organization_id = organization and c.ended_at is null and c.provider_event_at is null
       and c.started_at <= at - interval '30 s'
  ), unconfirmed as (
    select distinct t.call_id from public.telephony_commands t
     where t.organization_id = organization and t.done_at is null and t.created_at <= at - interval '30 s'
  )
  select jsonb_build_object(
    'activeCalls', (select count(*) from public.calls c where c.organization_id = organization and c.ended_at is null),
    'recentTimeouts', (select count(*) from ended e where e.state = 'missed' and e.end_reason = 'timeout'),
    'staleCalls', (select coalesce(jsonb_agg(s.id order by s.id), '[]') from silent s),
    'unconfirmedCommands', (select coalesce(jsonb_agg(u.call_id order by u.call_id), '[]') from unconfirmed u),
    'failedCalls', (select count(*) from ended e where e.state = 'failed'),
    'totalCalls', (select count(*) from ended e),
    'failureRate', (select round(count(*) filter (where e.state = 'failed')::numeric / nullif(count(*), 0), 4) from ended e)));
revoke execute on function app.midnight(text, int), app.signed_in_reps(uuid, timestamptz), app.call_health(uuid, timestamptz, timestamptz),
  public.calculate_admin_kpis(uuid), public.board_figures(uuid) from public;
grant execute on function app.midnight(text, int), app.signed_in_reps(uuid, timestamptz) to authenticated, service_role;
grant execute on function public.calculate_admin_kpis(uuid), public.board_figures(uuid) to authenticated;
