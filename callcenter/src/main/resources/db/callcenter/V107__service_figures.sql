-- The figures that are computed less often: service level, abandonment, occupancy (DOMAIN 2.4), and the last hour in minutes.
-- Sums are divided once, at the end; a ratio of nothing is null.
create function public.service_figures(organization uuid) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  org public.organizations;
  midnight timestamptz;
begin
  if organization is null or not organization = any (app.orgs_with('organization.read')) then
    raise exception 'organization % has no such member', coalesce(organization::text, '(none)') using errcode = '42501';
  end if;
  select * into org from public.organizations o where o.id = organization;
  midnight := app.midnight(org.timezone);
  return (
    with visits as (
      select v.queue_id, v.exited_at, v.entered_at, v.wait_s, v.outcome,
             v.outcome = 'answered' and v.wait_s <= coalesce(q.sl_seconds, org.sl_seconds) as in_time,
             v.outcome = 'abandoned' and v.wait_s < org.short_abandon_s as short
        from public.queue_visits v left join public.queues q on q.organization_id = organization and q.id = v.queue_id
       where v.organization_id = organization and (v.exited_at is null or v.exited_at >= midnight)
    ), sums as (
      select queue_id, grouping(queue_id) = 1 as is_total,
             count(*) filter (where in_time) as in_time,
             count(*) filter (where outcome in ('answered', 'missed') or (outcome = 'abandoned' and not short)) as counted,
             count(*) filter (where outcome = 'abandoned' and not short) as abandoned,
             count(*) filter (where outcome = 'answered' or (outcome = 'abandoned' and not short)) as offered
        from visits where exited_at is not null group by grouping sets ((), (queue_id))
    ), busy as (
      select sum(extract(epoch from least(coalesce(s.to_at, now()), now()) - greatest(s.from_at, midnight))) as seconds
        from public.call_segments s
       where s.organization_id = organization and s.kind in ('ring', 'talk', 'hold', 'wrap_up') and coalesce(s.to_at, now()) > midnight
    ), idle as (
      select sum(extract(epoch from least(coalesce(upper(l.during), now()), now()) - greatest(lower(l.during), midnight))) as seconds
        from public.agent_state_log l
       where l.organization_id = organization and l.state = 'available' and l.during && tstzrange(midnight, now())
    ), minutes as (
      select m.at from generate_series(now() - interval '59 minutes', now(), interval '1 minute') as m (at)
    ), calls as (
      select c.started_at, c.ended_at from public.calls c
       where c.organization_id = organization and (c.ended_at is null or c.ended_at >= now() - interval '1 hour')
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
                from visits v where v.exited_at <= m.at) as service_level,
             (select round(count(*) filter (where v.outcome = 'abandoned' and not v.short)::numeric / nullif(count(*) filter
                        (where v.outcome = 'answered' or (v.outcome = 'abandoned' and not v.short)), 0), 4)
                from visits v where v.exited_at <= m.at) as abandoned
        from minutes m
    )
    select jsonb_build_object(
      'service_level', (select round(s.in_time::numeric / nullif(s.counted, 0), 4) from sums s where s.is_total),
      'service_level_goal', org.sl_target_pct, 'service_level_seconds', org.sl_seconds,
      'abandoned', (select s.abandoned from sums s where s.is_total),
      'offered', (select s.offered from sums s where s.is_total),
      'abandoned_rate', (select round(s.abandoned::numeric / nullif(s.offered, 0), 4) from sums s where s.is_total),
      'occupancy', (select round((b.seconds / nullif(b.seconds + coalesce(i.seconds, 0), 0))::numeric, 4) from busy b, idle i),
      'queues', (select coalesce(jsonb_object_agg(s.queue_id, round(s.in_time::numeric / nullif(s.counted, 0), 4)), '{}')
                   from sums s where not s.is_total and s.queue_id is not null),
      'history', (select jsonb_build_object('from', min(h.at), 'in_queue', jsonb_agg(h.in_queue order by h.at),
                    'longest_wait_s', jsonb_agg(h.longest_wait order by h.at), 'live', jsonb_agg(h.live order by h.at),
                    'available', jsonb_agg(h.available order by h.at), 'service_level', jsonb_agg(h.service_level order by h.at),
                    'abandoned_rate', jsonb_agg(h.abandoned order by h.at)) from history h),
      'computed_at', clock_timestamp()));
end
$$;
comment on function public.service_figures(uuid) is
  'Service level, abandonment and occupancy of the day and the last hour minute by minute, of one organization, for any member; no customers in it. Meant to be asked every 30 s at most.';
revoke execute on function public.service_figures(uuid) from public;
grant execute on function public.service_figures(uuid) to authenticated;
