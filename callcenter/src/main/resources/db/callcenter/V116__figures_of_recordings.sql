-- Beside the failed ones of the last 50 calls those of the last 50 recordings (FEATURES F003-54).
create or replace function public.calculate_admin_kpis(organization uuid default null) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  allowed constant uuid[] := app.orgs_with('metrics.read');
  org constant uuid := coalesce(organization, allowed[1]);
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
  select o.timezone into zone from public.organizations o where o.id = org;
  select count(*) into reps from public.user_roles r where r.organization_id = org and r.role = 'agent';
  active := app.signed_in_reps(org, now() - interval '7 days');
  select count(*) filter (where l.state = 'failed'), count(*) into failed, ended
    from (select c.state from public.calls c where c.organization_id = org and c.ended_at is not null
           order by c.ended_at desc limit 50) l;
  select count(*) filter (where l.status = 'failed'), count(*) into failed_recordings, recordings
    from (select r.status from public.recordings r where r.organization_id = org and r.status in ('ready', 'failed')
           order by r.created_at desc limit 50) l;
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
    'failed_recordings', failed_recordings,
    'recording_failure_rate', round(failed_recordings::numeric / nullif(recordings, 0), 4),
    'computed_at', now());
end
$$;
