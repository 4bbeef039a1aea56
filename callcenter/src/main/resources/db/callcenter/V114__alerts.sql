-- Rules that are looked at all the time, and what they have found (DOMAIN 2.6, FEATURES F003-14, 15 and 45).
alter table public.alert_rules
  add schedule jsonb,
  add constraint numbers_are_finite check (threshold between -1e15 and 1e15 and hysteresis <= 1e15);
create index calls_by_queue_end on public.calls (organization_id, queue_id, ended_at) where ended_at is not null;
create index queue_visits_by_end on public.queue_visits (organization_id, exited_at);
comment on column public.alert_rules.schedule is
  'When it counts, in the organization''s time zone; null: always. {"days": [1, ..., 7 for Sunday], "from": "08:00", "to": "18:00"}; days may be left out, and a time that ends before it begins goes past midnight.';

create table public.alerts (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  alert_rule_id   uuid,
  queue_id        uuid,
  name            text not null,
  metric          text not null,
  severity        text not null check (severity in ('info', 'warning', 'critical')),
  threshold       numeric not null,
  value           numeric not null,
  why             jsonb not null default '{}',
  started_at      timestamptz not null,
  ended_at        timestamptz,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  foreign key (organization_id, alert_rule_id) references public.alert_rules (organization_id, id) on delete set null (alert_rule_id)
);
comment on table public.alerts is 'What rules have found: the figure when it was found, why (calls, agents, sums behind it), and when it was over. Stays for 90 days, also without its rule.';
create index alerts_by_start on public.alerts (organization_id, started_at);
create unique index alerts_one_open on public.alerts (organization_id, alert_rule_id) where ended_at is null;
alter table public.alerts enable row level security;
alter table public.alerts force row level security;
alter table public.alerts replica identity full;
alter publication supabase_realtime add table public.alerts;
revoke all on public.alerts from anon, authenticated, service_role;
create policy read_by_permission on public.alerts for select to authenticated
  using (organization_id = any ((select app.orgs_with('alerts.read'))::uuid[]));
grant select on public.alerts to authenticated;
grant select, insert, update, delete on public.alerts to service_role;
create trigger zz_touch before update on public.alerts for each row execute function app.touch();

create function app.is_scheduled(schedule jsonb, zone text, at timestamptz) returns boolean
language sql immutable set search_path = ''
return (
  select schedule is null or (
    (not schedule ? 'days' or schedule -> 'days' @> to_jsonb(extract(isodow from case when t.goes_past and t.local::time < t.until then t.local - interval '1 day' else t.local end)::int))
    and case when t.goes_past then t.local::time >= t.begins or t.local::time < t.until
             else t.local::time >= t.begins and t.local::time < t.until end)
  from (select at at time zone zone as local, (schedule ->> 'from')::time as begins, (schedule ->> 'to')::time as until,
               (schedule ->> 'to')::time <= (schedule ->> 'from')::time as goes_past) t);
comment on function app.is_scheduled(jsonb, text, timestamptz) is 'Whether a rule counts at that moment.';

create function app.first_of(ids uuid[]) returns jsonb language sql immutable set search_path = ''
return coalesce(to_jsonb(ids[1:20]), '[]');
comment on function app.first_of(uuid[]) is 'The first twenty.';

-- The figure of a rule at a moment, of a queue or of the whole organization, and why. Nothing to measure is null.
create function app.alert_figure(organization uuid, queue uuid, metric text, at timestamptz, out value numeric, out why jsonb)
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
             where v.organization_id = organization and v.exited_at is null and (queue is null or v.queue_id = queue)
               and not exists (select from public.voip_users u
                                where u.organization_id = organization and u.work_state in ('available', 'offered')
                                  and (v.queue_id is null or exists (select from public.queue_members m
                                        where m.organization_id = organization and m.queue_id = v.queue_id and m.user_id = u.user_id)))
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
               and c.state <> 'voided' and (queue is null or c.queue_id = queue) order by c.ended_at desc limit 50) c;
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
comment on function app.alert_figure(uuid, uuid, text, timestamptz) is 'A figure that rules are made of, and what is behind it.';
create function app.midnight_at(zone text, at timestamptz) returns timestamptz language sql immutable set search_path = ''
return date_trunc('day', at at time zone zone) at time zone zone;

create function app.alert_metrics() returns text[] language sql immutable set search_path = ''
return '{in_queue,longest_wait_s,waiting_without_agents,available_agents,active_calls,longest_call_s,longest_hold_s,longest_parked_s,longest_wrap_up_s,longest_pause_s,service_level_pct,abandoned_pct,failed_pct,silent_calls,server_storage_pct,server_errors_pct,server_lag_s}'::text[];
comment on function app.alert_metrics() is 'The figures of which rules can be made.';
create function app.check_alert_rule() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if not new.metric = any (app.alert_metrics()) then
    raise exception 'there is no figure %', new.metric using errcode = '23514',
      hint = 'one of: ' || array_to_string(app.alert_metrics(), ', ');
  end if;
  if new.schedule is not null and (app.is_scheduled(new.schedule, 'UTC', now()) is null
       or exists (select from jsonb_array_elements(coalesce(new.schedule -> 'days', '[]')) d where not d <@ '[1, 2, 3, 4, 5, 6, 7]')) then
    raise exception 'schedule % says no times', new.schedule using errcode = '23514',
      hint = 'such as {"days": [1, 2, 3, 4, 5], "from": "08:00", "to": "18:00"}; 1 is Monday';
  end if;
  return new;
end
$$;
-- What a rule has found stays, and is over with it.
create function app.after_alert_rule() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update public.alerts a set ended_at = clock_timestamp()
   where a.organization_id = old.organization_id and a.alert_rule_id = old.id and a.ended_at is null;
  return old;
end
$$;
create trigger end_alerts before delete on public.alert_rules for each row execute function app.after_alert_rule();
create trigger check_rule before insert or update of metric, schedule on public.alert_rules
  for each row execute function app.check_alert_rule();
revoke execute on function app.alert_figure(uuid, uuid, text, timestamptz), app.is_scheduled(jsonb, text, timestamptz),
  app.midnight_at(text, timestamptz), app.check_alert_rule(), app.first_of(uuid[]), app.after_alert_rule() from public;

-- The rules that an organization begins with.
create function app.give_alert_rules(organization uuid) returns void language sql security definer set search_path = ''
begin atomic
  insert into public.alert_rules (organization_id, name, metric, comparator, threshold, for_s, hysteresis, severity, created_at, updated_at)
  select o.id, r.name, r.metric, r.comparator, r.threshold, r.for_s, r.hysteresis, r.severity, o.created_at, o.created_at
    from public.organizations o, (values
    ('Long wait', 'longest_wait_s', '>', 60, 0, 20, 'warning'),
    ('Very long wait', 'longest_wait_s', '>', 120, 0, 30, 'critical'),
    ('Service level below goal', 'service_level_pct', '<', 80, 0, 2, 'warning'),
    ('Service level far below goal', 'service_level_pct', '<', 70, 0, 2, 'critical'),
    ('Callers wait and nobody is available', 'waiting_without_agents', '>', 0, 15, 0, 'warning'),
    ('Long call', 'longest_call_s', '>', 900, 0, 0, 'info'),
    ('Long hold', 'longest_hold_s', '>', 120, 0, 0, 'warning'),
    ('Long wrap-up', 'longest_wrap_up_s', '>', 180, 0, 0, 'info'),
    ('Parked for long', 'longest_parked_s', '>', 180, 0, 0, 'warning'),
    ('Failed calls', 'failed_pct', '>', 5, 0, 1, 'critical'),
    ('Nothing heard of calls', 'silent_calls', '>', 0, 0, 0, 'warning'),
    ('Storage is nearly full', 'server_storage_pct', '>', 90, 0, 2, 'critical'),
    ('Requests fail', 'server_errors_pct', '>', 5, 0, 2, 'warning'),
    ('Screens are behind', 'server_lag_s', '>', 5, 10, 3, 'warning')
  ) as r (name, metric, comparator, threshold, for_s, hysteresis, severity)
   where o.id = give_alert_rules.organization
  on conflict (organization_id, name) do nothing;
end;
create function app.after_organization() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform app.give_alert_rules(new.id);
  return null;
end
$$;
create trigger rules after insert on public.organizations for each row execute function app.after_organization();
revoke execute on function app.give_alert_rules(uuid), app.after_organization(), app.alert_metrics() from public;
grant execute on function app.alert_metrics() to authenticated, service_role;
select app.give_alert_rules(o.id) from public.organizations o;

insert into app.notification_kinds (kind, source, type, severity, permission, standard, persistent, life, title, body) values
  ('alert-info', 'performance', 'info', 'info', 'alerts.read', true, false, '1 day',
   '{"en": "{rule}", "pt": "{rule}"}', '{"en": "{value} (limit {threshold}){where}", "pt": "{value} (limite {threshold}){where}"}'),
  ('alert', 'performance', 'warning', 'warning', 'alerts.read', true, false, '1 day',
   '{"en": "{rule}", "pt": "{rule}"}', '{"en": "{value} (limit {threshold}){where}", "pt": "{value} (limite {threshold}){where}"}'),
  ('alert-critical', 'performance', 'error', 'critical', 'alerts.read', true, true, '1 day',
   '{"en": "{rule}", "pt": "{rule}"}', '{"en": "{value} (limit {threshold}){where}", "pt": "{value} (limite {threshold}){where}"}');

insert into app.notification_kinds (kind, source, type, severity, permission, standard, persistent, life, title, body)
  select 'system-' || kind, 'system', type, severity, permission, standard, persistent, life, title, body
    from app.notification_kinds where kind in ('alert-info', 'alert', 'alert-critical');

-- An alert is a row, a notification, and when it is over both say so.
create function app.notify_of_alert() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  told constant text := case when new.metric like 'server\_%' then 'system-' else '' end || case new.severity when 'warning' then 'alert' else 'alert-' || new.severity end;
  unit constant text := case when new.metric like '%\_s' then ' s' when new.metric like '%\_pct' then ' %' else '' end;
begin
  if tg_op = 'INSERT' then
    perform app.notify(new.organization_id, told, new.id::text, jsonb_build_object('alert_id', new.id, 'rule', new.name,
      'metric', new.metric, 'value', trim_scale(round(new.value, 1)) || unit, 'threshold', trim_scale(new.threshold) || unit,
      'where', coalesce((select ', ' || q.name from public.queues q where q.organization_id = new.organization_id and q.id = new.queue_id), '')));
  elsif new.ended_at is not null and old.ended_at is null then
    update public.notifications n set persistent = false, expires_at = least(n.expires_at, new.ended_at + interval '1 hour'),
           data = n.data || jsonb_build_object('ended_at', new.ended_at)
     where n.organization_id = new.organization_id and n.dedup_key = told || ':' || new.id;
  end if;
  return null;
end
$$;
create trigger notify after insert or update of ended_at on public.alerts for each row execute function app.notify_of_alert();
revoke execute on function app.notify_of_alert() from public;

-- What an organization begins with, and what arises by itself, is nothing that it holds.
create or replace function app.holds_something(organization uuid, member uuid) returns boolean language plpgsql stable set search_path = '' as $$
declare
  t record;
  found_one boolean;
begin
  if exists (select from public.user_roles r where r.organization_id = organization and r.user_id <> member)
     or exists (select from public.alert_rules r join public.organizations o on o.id = r.organization_id
                 where o.id = organization and (r.created_at <> o.created_at or r.updated_at <> r.created_at)) then
    return true;
  end if;
  for t in select c.relname from pg_catalog.pg_class c
            join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
              and c.relname not in ('user_roles', 'profiles', 'profile_private', 'audit_logs', 'notifications', 'alert_rules', 'alert_states', 'alerts') loop
    execute format('select exists (select from public.%I where organization_id = $1)', t.relname) into found_one using organization;
    if found_one then
      return true;
    end if;
  end loop;
  return false;
end
$$;
