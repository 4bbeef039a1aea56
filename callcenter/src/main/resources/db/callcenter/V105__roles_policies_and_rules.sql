-- Who may do what (one map, for policies and API alike), the policies made of it, and the rules that no writer can break.

create table app.role_permissions (
  role       text not null check (role in ('owner', 'admin', 'supervisor', 'agent', 'viewer', 'auditor')),
  permission text not null,
  primary key (role, permission)
);
insert into app.role_permissions (role, permission)
select role, permission from (values
  ('organization.read', '{owner,admin,supervisor,agent,viewer,auditor}'::text[]),  -- boards, queues, teams, streams
  ('calls.read',        '{owner,admin,supervisor,agent,auditor}'),                 -- calls and whatever has numbers
  ('members.read',      '{owner,admin,supervisor,auditor}'),
  ('agents.history',    '{owner,admin,supervisor,auditor}'),
  ('recordings.listen', '{owner,admin,supervisor,auditor}'),
  ('scorecards.read',   '{owner,admin,supervisor,auditor}'),
  ('scans.read',        '{owner,admin,supervisor,auditor}'),
  ('executions.read',   '{owner,admin,supervisor,auditor}'),
  ('metrics.read',      '{owner,admin,supervisor,auditor}'),
  ('alerts.read',       '{owner,admin,supervisor,auditor}'),
  ('audit.read',        '{owner,admin,auditor}'),
  ('calls.handle',      '{owner,admin,supervisor,agent}'),                         -- one's own calls and state
  ('comments.write',    '{owner,admin,supervisor,agent}'),
  ('contacts.write',    '{owner,admin,supervisor,agent}'),
  ('streams.write',     '{owner,admin,supervisor,agent}'),
  ('calls.control',     '{owner,admin,supervisor}'),                               -- everybody's calls: force end, offer
  ('agents.control',    '{owner,admin,supervisor}'),                               -- everybody's state
  ('calls.listen',      '{owner,admin,supervisor}'),                               -- listen, whisper, barge
  ('comments.moderate', '{owner,admin,supervisor}'),
  ('scorecards.write',  '{owner,admin,supervisor}'),
  ('alerts.manage',     '{owner,admin,supervisor}'),
  ('queues.manage',     '{owner,admin,supervisor}'),
  ('streams.manage',    '{owner,admin}'),
  ('users.manage',      '{owner,admin}'),
  ('numbers.manage',    '{owner,admin}'),
  ('providers.manage',  '{owner,admin}'),
  ('webhooks.manage',   '{owner,admin}'),
  ('keys.manage',       '{owner,admin}'),
  ('organization.manage', '{owner,admin}'),
  ('organization.delete', '{owner}')
) as map (permission, roles), unnest(roles) as role;
comment on table app.role_permissions is 'What each role may do: read by policies (app.orgs_with) and by the API (app.may).';

create function app.uid() returns uuid language sql stable set search_path = '' return auth.uid();
comment on function app.uid() is 'The user of the token.';

create function app.orgs_with(permission text) returns uuid[] language sql stable security definer set search_path = ''
begin atomic
  select coalesce(array_agg(r.organization_id), '{}') from public.user_roles r
    join app.role_permissions p on p.role = r.role
   where r.user_id = auth.uid() and p.permission = orgs_with.permission;
end;
comment on function app.orgs_with(text) is 'The organizations in which the token''s user has the permission; one question per statement.';

create function app.may(actor uuid, organization uuid, permission text) returns boolean
language sql stable security definer set search_path = ''
begin atomic
  select exists (select from public.user_roles r join app.role_permissions p on p.role = r.role
                  where r.user_id = actor and r.organization_id = organization and p.permission = may.permission);
end;
comment on function app.may(uuid, uuid, text) is 'Whether somebody has a permission in an organization.';
create function app.colleagues(permission text) returns uuid[] language sql stable security definer set search_path = ''
begin atomic
  select coalesce(array_agg(distinct m.user_id), '{}') from public.user_roles m
   where m.organization_id = any (app.orgs_with(colleagues.permission));
end;
comment on function app.colleagues(text) is 'The users of all organizations in which the token''s user has the permission.';
revoke execute on function app.colleagues(text) from public;
grant execute on function app.colleagues(text) to authenticated, service_role;
revoke execute on function app.uid(), app.orgs_with(text), app.may(uuid, uuid, text) from public;
grant execute on function app.uid(), app.orgs_with(text) to authenticated, service_role;

-- The tables of the call centre; others in public are their owners'.
create temporary table own_tables on commit drop as
select name from unnest('{organizations,user_roles,profiles,voip_users,calls,audit_logs,
  teams,team_members,profile_private,provider_accounts,queues,queue_members,phone_numbers,contacts,call_legs,active_calls,
  parked_calls,ring_events,call_events,provider_events,agent_state_log,queue_visits,call_segments,telephony_commands,
  idempotency_keys,agent_board,calls_enriched,recordings,transcripts,transcript_segments,ai_analyses,scorecard_templates,
  scorecards,scorecard_answers,comments,streams,acquisition_scans,agent_executions,signal_alerts,notifications,
  notification_prefs,alert_rules,alert_states,admin_metrics,saved_views,api_keys,webhook_endpoints,webhook_deliveries}'::text[]) as name;

-- Every table: row level security forced, nobody may do anything yet, whole old images.
do $$
declare
  t record;
begin
  for t in select c.oid, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'public' and c.relname in (select o.name from own_tables o) loop
    execute format('alter table public.%I enable row level security', t.relname);
    execute format('alter table public.%I force row level security', t.relname);
    if t.relname <> 'audit_logs' then
      execute format('revoke all on public.%I from anon, authenticated, service_role', t.relname);
    end if;
    if coalesce(obj_description(t.oid), '') !~ '^Not published:' then
      execute format('alter table public.%I replica identity full', t.relname);
      if not exists (select from pg_catalog.pg_publication_tables
                      where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = t.relname) then
        execute format('alter publication supabase_realtime add table public.%I', t.relname);
      end if;
    end if;
  end loop;
end
$$;

drop policy user_roles_of_admin on public.user_roles;
drop policy voip_users_of_member on public.voip_users;
drop policy calls_of_member on public.calls;
drop policy organizations_of_member on public.organizations;
drop policy profiles_of_member on public.profiles;
drop policy user_roles_own on public.user_roles;
drop policy audit_logs_of_auditor on public.audit_logs;
drop function app.orgs_with_calls();
drop function app.orgs_to_audit();

-- Reading. Immutable columns only: a row must not vanish from a screen by an update (contradiction C28).
do $$
declare
  rule record;
begin
  for rule in select * from (values
      ('teams', 'organization.read'), ('team_members', 'organization.read'), ('phone_numbers', 'organization.read'),
      ('queues', 'organization.read'), ('queue_members', 'organization.read'), ('agent_board', 'organization.read'),
      ('streams', 'organization.read'),
      ('contacts', 'calls.read'), ('voip_users', 'calls.read'), ('calls', 'calls.read'), ('calls_enriched', 'calls.read'),
      ('call_legs', 'calls.read'), ('active_calls', 'calls.read'), ('ring_events', 'calls.read'),
      ('parked_calls', 'calls.read'), ('call_events', 'calls.read'), ('queue_visits', 'calls.read'),
      ('call_segments', 'calls.read'), ('transcripts', 'calls.read'), ('transcript_segments', 'calls.read'),
      ('ai_analyses', 'calls.read'), ('scorecard_templates', 'calls.read'),
      ('recordings', 'recordings.listen'), ('admin_metrics', 'metrics.read'),
      ('alert_rules', 'alerts.read'), ('alert_states', 'alerts.read'), ('audit_logs', 'audit.read'),
      ('provider_accounts', 'providers.manage'), ('provider_events', 'audit.read'), ('api_keys', 'keys.manage'),
      ('webhook_endpoints', 'webhooks.manage'), ('webhook_deliveries', 'webhooks.manage')
    ) as rules (name, permission)
  loop
    execute format('create policy read_by_permission on public.%I for select to authenticated'
                   ' using (organization_id = any ((select app.orgs_with(%L))::uuid[]))', rule.name, rule.permission);
  end loop;

  for rule in select * from (values
      ('signal_alerts', 'user_id'), ('notifications', 'user_id'), ('notification_prefs', 'user_id'), ('saved_views', 'user_id'),
      ('acquisition_scans', 'owner'), ('agent_state_log', 'user_id')
    ) as rules (name, owner)
  loop
    execute format('create policy read_own on public.%I for select to authenticated using (%I = (select auth.uid())'
                   ' and organization_id = any ((select app.orgs_with(''organization.read''))::uuid[]))', rule.name, rule.owner);
  end loop;
end
$$;
create policy read_by_permission on public.organizations for select to authenticated
  using (id = any ((select app.orgs_with('organization.read'))::uuid[]));
create policy read_own on public.user_roles for select to authenticated using (user_id = (select auth.uid()));
create policy read_by_permission on public.user_roles for select to authenticated
  using (organization_id = any ((select app.orgs_with('members.read'))::uuid[]));
create policy read_own on public.profiles for select to authenticated using (id = (select auth.uid()));
create policy read_by_permission on public.profiles for select to authenticated
  using (id = any ((select app.colleagues('organization.read'))::uuid[]));
create policy read_own on public.profile_private for select to authenticated using (id = (select auth.uid()));
create policy read_by_permission on public.profile_private for select to authenticated
  using (id = any ((select app.colleagues('users.manage'))::uuid[]));
create policy read_by_permission on public.agent_state_log for select to authenticated
  using (organization_id = any ((select app.orgs_with('agents.history'))::uuid[]));
create policy read_by_permission on public.acquisition_scans for select to authenticated
  using (organization_id = any ((select app.orgs_with('scans.read'))::uuid[]));
create policy read_by_permission on public.agent_executions for select to authenticated
  using (organization_id = any ((select app.orgs_with('executions.read'))::uuid[]));
create policy read_of_own_stream on public.agent_executions for select to authenticated
  using (exists (select from public.streams s where s.organization_id = agent_executions.organization_id
                  and s.id = agent_executions.stream_id and s.owner = (select auth.uid())));
create policy read_shared on public.saved_views for select to authenticated
  using (shared and organization_id = any ((select app.orgs_with('organization.read'))::uuid[]));
-- An agent sees cards about themselves once they are no draft; nothing becomes a draft again.
create policy read_by_permission on public.scorecards for select to authenticated
  using (organization_id = any ((select app.orgs_with('scorecards.read'))::uuid[]));
create policy read_own on public.scorecards for select to authenticated
  using (agent_id = (select auth.uid()) and status <> 'draft'
         and organization_id = any ((select app.orgs_with('calls.read'))::uuid[]));
create policy read_as_scorecard on public.scorecard_answers for select to authenticated
  using (exists (select from public.scorecards s where s.organization_id = scorecard_answers.organization_id
                  and s.id = scorecard_answers.scorecard_id));
create policy read_as_entity on public.comments for select to authenticated
  using (case entity_type
           when 'call' then organization_id = any ((select app.orgs_with('calls.read'))::uuid[])
           when 'recording' then organization_id = any ((select app.orgs_with('recordings.listen'))::uuid[])
           else exists (select from public.scorecards s where s.organization_id = comments.organization_id and s.id = comments.entity_id)
         end);

-- Writing, where it does not go through commands.
do $$
declare
  rule record;
begin
  for rule in select * from (values
      ('teams', 'users.manage'), ('team_members', 'users.manage'), ('user_roles', 'users.manage'),
      ('phone_numbers', 'numbers.manage'), ('provider_accounts', 'providers.manage'),
      ('queues', 'queues.manage'), ('queue_members', 'queues.manage'), ('alert_rules', 'alerts.manage'),
      ('webhook_endpoints', 'webhooks.manage'), ('contacts', 'contacts.write'),
      ('scorecard_templates', 'scorecards.write'), ('scorecards', 'scorecards.write'), ('scorecard_answers', 'scorecards.write'),
      ('streams', 'streams.manage')
    ) as rules (name, permission)
  loop
    execute format('create policy write_by_permission on public.%I for all to authenticated'
                   ' using (organization_id = any ((select app.orgs_with(%L))::uuid[]))'
                   ' with check (organization_id = any ((select app.orgs_with(%2$L))::uuid[]))', rule.name, rule.permission);
    execute format('grant insert, update, delete on public.%I to authenticated', rule.name);
  end loop;

  for rule in select * from (values
      ('notification_prefs', 'user_id', 'organization.read'), ('saved_views', 'user_id', 'organization.read'),
      ('streams', 'owner', 'streams.write'), ('acquisition_scans', 'owner', 'streams.write'),
      ('comments', 'author', 'comments.write')
    ) as rules (name, owner, permission)
  loop
    execute format('create policy write_own on public.%I for all to authenticated'
                   ' using (%I = (select auth.uid()) and organization_id = any ((select app.orgs_with(%L))::uuid[]))'
                   ' with check (%2$I = (select auth.uid()) and organization_id = any ((select app.orgs_with(%3$L))::uuid[]))',
                   rule.name, rule.owner, rule.permission);
    execute format('grant insert, update, delete on public.%I to authenticated', rule.name);
  end loop;
end
$$;
-- of a comment its words change, and not whose it is or what it is about
revoke update on public.comments from authenticated;
grant update (body, edited_at, deleted_at) on public.comments to authenticated;
create policy delete_by_moderator on public.comments for delete to authenticated
  using (organization_id = any ((select app.orgs_with('comments.moderate'))::uuid[]));
create policy update_by_permission on public.organizations for update to authenticated
  using (id = any ((select app.orgs_with('organization.manage'))::uuid[]));
create policy delete_by_permission on public.organizations for delete to authenticated
  using (id = any ((select app.orgs_with('organization.delete'))::uuid[]));
grant update (name, timezone, locale, settings, sl_target_pct, sl_seconds, short_abandon_s), delete on public.organizations to authenticated;
create policy update_own on public.profiles for update to authenticated using (id = (select auth.uid()));
grant update (display_name, avatar, locale, last_seen_at) on public.profiles to authenticated;
create policy update_own on public.profile_private for update to authenticated using (id = (select auth.uid()));
grant update (phone) on public.profile_private to authenticated;
create policy update_own on public.signal_alerts for update to authenticated using (user_id = (select auth.uid()));
grant update (read_at) on public.signal_alerts to authenticated;
create policy update_own on public.notifications for update to authenticated using (user_id = (select auth.uid()));
grant update (read_at) on public.notifications to authenticated;

do $$
declare
  t record;
begin
  for t in select c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'public' and c.relname in (select o.name from own_tables o)
              and c.relname not in ('telephony_commands', 'idempotency_keys', 'api_keys', 'provider_events', 'audit_logs') loop
    execute format('grant select on public.%I to authenticated', t.relname);
    execute format('grant select, insert, update, delete on public.%I to service_role', t.relname);
  end loop;
end
$$;
revoke insert, update, delete on public.call_events from service_role;
grant select (id, organization_id, name, permissions, expires_at, revoked_at, created_at, updated_at) on public.api_keys to authenticated;
-- auditors see that messages came, not what was in them
grant select (id, organization_id, provider, verified, received_at, applied, result) on public.provider_events to authenticated;

-- Roles: nobody raises their own, owners are made by owners, the last owner stays.
create function app.guard_user_roles() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  actor constant uuid := auth.uid();
  ranks constant text[] := '{viewer,agent,auditor,supervisor,admin,owner}';
begin
  if tg_op = 'DELETE' and not exists (select from public.organizations o where o.id = old.organization_id) then
    return old;  -- it goes with its organization
  end if;
  if tg_op = 'UPDATE' and (new.user_id, new.organization_id) is distinct from (old.user_id, old.organization_id) then
    raise exception 'a role stays with its user and organization; delete it and make another' using errcode = '42501';
  end if;
  if actor is not null then
    if tg_op <> 'DELETE' and new.user_id = actor
       and array_position(ranks, new.role) > coalesce(array_position(ranks, case when tg_op = 'UPDATE' then old.role end), 0) then
      raise exception 'nobody raises their own role' using errcode = '42501';
    end if;
    if ((tg_op <> 'INSERT' and old.role = 'owner') or (tg_op <> 'DELETE' and new.role = 'owner'))
       and not app.may(actor, coalesce(new.organization_id, old.organization_id), 'organization.delete') then
      raise exception 'only an owner makes or removes owners' using errcode = '42501';
    end if;
  end if;
  if tg_op <> 'INSERT' and old.role = 'owner' and (tg_op = 'DELETE' or new.role <> 'owner') then
    perform from public.organizations where id = old.organization_id for update;  -- two owners must not remove each other
    if not exists (select from public.user_roles r where r.organization_id = old.organization_id
                              and r.role = 'owner' and r.id <> old.id) then
      raise exception 'the last owner of an organization stays; make another owner first' using errcode = '23514';
    end if;
  end if;
  return coalesce(new, old);
end
$$;
create trigger guard before insert or update or delete on public.user_roles
  for each row execute function app.guard_user_roles();

create function app.guard_scorecards() returns trigger language plpgsql set search_path = '' as $$
begin
  if new.status = 'draft' and old.status <> 'draft' then
    raise exception 'a score card that was final is no draft again' using errcode = '23514';
  end if;
  return new;
end
$$;
create trigger guard before update on public.scorecards for each row execute function app.guard_scorecards();

-- Accounts: a registration makes the profile; the first user of a new installation becomes its owner.
create function app.after_user() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  organization uuid;
begin
  if tg_op = 'DELETE' then
    delete from public.user_roles where user_id = old.id;  -- which the last owner's is not
    delete from public.profiles where id = old.id;
    return null;
  end if;
  if new.deleted_at is not null then
    delete from public.user_roles where user_id = new.id;
    delete from public.profile_private where id = new.id;
    return null;
  end if;
  insert into public.profiles (id, display_name) values (new.id, coalesce(
      nullif(new.raw_user_meta_data ->> 'display_name', ''), nullif(new.raw_user_meta_data ->> 'name', ''),
      nullif(split_part(new.email, '@', 1), ''), 'Guest')) on conflict do nothing;
  insert into public.profile_private (id, email, phone) values (new.id, new.email, new.phone)
    on conflict (id) do update set email = excluded.email, phone = coalesce(excluded.phone, profile_private.phone)
    where (profile_private.email, profile_private.phone) is distinct from (excluded.email, coalesce(excluded.phone, profile_private.phone));
  if new.email_confirmed_at is not null and not new.is_anonymous and not exists (select from public.organizations) then
    perform pg_advisory_xact_lock(7234598172636);  -- of two first users only one is the first
    if not exists (select from public.organizations) then
      insert into public.organizations (name, slug)
        values (coalesce(nullif(new.raw_user_meta_data ->> 'organization', ''), 'My organization'), 'main') returning id into organization;
      insert into public.user_roles (organization_id, user_id, role) values (organization, new.id, 'owner');
    end if;
  end if;
  return null;
end
$$;
create trigger call_centre after insert or delete or update of email, phone, email_confirmed_at, deleted_at on auth.users
  for each row execute function app.after_user();

create function app.after_user_role() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update public.profiles set organization_id = new.organization_id where id = new.user_id and organization_id is null;
  update public.profile_private set organization_id = new.organization_id where id = new.user_id and organization_id is null;
  return null;
end
$$;
create trigger home after insert on public.user_roles for each row execute function app.after_user_role();

-- Who is no member any more is rung at no more; a call in hand is theirs to end.
create function app.after_membership() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  delete from public.queue_members m where m.organization_id = old.organization_id and m.user_id = old.user_id;
  update public.voip_users v set chosen_state = 'offline', chosen_reason = null, reachable = false,
         work_state = case when v.work_state in ('on_call', 'on_hold') then v.work_state else 'offline' end
   where v.organization_id = old.organization_id and v.user_id = old.user_id;
  return null;
end
$$;
create trigger gone after delete on public.user_roles for each row execute function app.after_membership();

create function app.check_timezone() returns trigger language plpgsql set search_path = '' as $$
begin
  perform now() at time zone new.timezone;  -- raises 22023 where there is no such zone
  return new;
end
$$;
create trigger check_timezone before insert or update of timezone on public.organizations
  for each row execute function app.check_timezone();

-- The ways of a call and of an agent: what commands decide by (CallTransitions, AgentState), held for every writer.
create table app.call_transitions (
  from_state text not null,
  event      text not null,
  to_state   text not null,
  primary key (from_state, to_state, event)
);
insert into app.call_transitions (from_state, event, to_state)
select f, event, t from (values
  ('{new}'::text[],                                    'enqueue',         '{queued}'::text[]),
  ('{queued}',                                         'enqueue',         '{queued}'),
  ('{new,queued,ringing}',                             'offer',           '{ringing}'),
  ('{new}',                                            'wait_timeout',    '{missed}'),
  ('{new}',                                            'dial',            '{claimed}'),
  ('{ringing}',                                        'claim',           '{claimed}'),
  ('{ringing,claimed}',                                'start',           '{active}'),
  ('{ringing}',                                        'decline',         '{ringing,queued,parked,missed,completed}'),
  ('{ringing}',                                        'ring_timeout',    '{queued,parked,missed,completed}'),
  ('{queued}',                                         'wait_timeout',    '{missed,completed}'),
  ('{claimed}',                                        'lease_expired',   '{ringing,queued,parked,missed,no_answer,completed}'),
  ('{active}',                                         'hold',            '{held}'),
  ('{held}',                                           'unhold',          '{active}'),
  ('{active,held}',                                    'park',            '{parked}'),
  ('{parked}',                                         'unpark',          '{claimed}'),
  ('{parked}',                                         'park_timeout',    '{ringing,queued}'),
  ('{active,held}',                                    'transfer',        '{transferring}'),
  ('{transferring}',                                   'transfer_done',   '{active}'),
  ('{transferring}',                                   'transfer_failed', '{active}'),
  ('{active,held}',                                    'requeue',         '{queued}'),
  ('{new,queued,ringing,claimed,parked}',              'hangup',          '{abandoned,completed}'),
  ('{active,held,transferring}',                       'hangup',          '{completed}'),
  ('{new,queued,ringing,claimed,active,held,parked,transferring}', 'end', '{completed,failed,busy,no_answer,canceled}'),
  ('{new,queued,ringing,claimed,active,held,parked,transferring}', 'void', '{voided}')
) as ways (froms, event, tos), unnest(froms) as f, unnest(tos) as t;
comment on table app.call_transitions is 'From which state a call goes where, and by what; a trigger on calls holds it.';

create table app.agent_transitions (
  from_state text not null,
  to_state   text not null,
  primary key (from_state, to_state)
);
insert into app.agent_transitions (from_state, to_state)
select f, t from unnest('{offline,available,offered,on_call,on_hold,wrap_up,paused,unreachable}'::text[]) as f,
            unnest('{offline,available,offered,on_call,on_hold,wrap_up,paused,unreachable}'::text[]) as t
 where f <> t and (f in ('on_call', 'on_hold') or t not in ('on_hold', 'wrap_up'));
comment on table app.agent_transitions is 'From which work state an agent comes into which; a trigger on voip_users holds it.';

create function app.before_call() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if new.state <> old.state and not exists (select from app.call_transitions t where t.from_state = old.state and t.to_state = new.state) then
    raise exception 'call %: there is no way from % to %', old.id, old.state, new.state using errcode = '23514';
  end if;
  new.version := old.version + 1;
  new.updated_at := clock_timestamp();
  return new;
end
$$;
create trigger before_update before update on public.calls for each row execute function app.before_call();

create function app.call_changes(before public.calls, after public.calls) returns text[]
language sql immutable set search_path = ''
return array_remove(array[
  'call-changed',
  case when before.status is distinct from after.status then 'call-status-changed' end,
  case when before.transcription is distinct from after.transcription then 'call-transcription-updated' end,
  case when (before.score, before.scorecard) is distinct from (after.score, after.scorecard) then 'call-score-updated' end,
  case when after.ai_status = 'analyzed' and before.ai_status is distinct from after.ai_status then 'call-analysis-completed' end], null);

create function app.after_call() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  kind text := nullif(current_setting('app.kind', true), '');
  actor uuid := nullif(current_setting('app.actor', true), '')::uuid;
  data jsonb := coalesce(nullif(current_setting('app.data', true), ''), '{}')::jsonb;
  changed text[];
  quiet boolean := false;
begin
  if tg_op = 'DELETE' then
    delete from public.calls_enriched e where e.organization_id = old.organization_id and e.id = old.id;
    if exists (select from public.organizations o where o.id = old.organization_id) then
      insert into public.call_events (organization_id, call_id, seq, kind, from_state, actor, changes, data)
        values (old.organization_id, old.id, old.version + 1, coalesce(kind, 'deleted'), old.state, actor, '{call-deleted}',
                data || jsonb_build_object('callId', old.id));
    end if;
    return null;
  end if;
  if tg_op = 'INSERT' then
    insert into public.call_events (organization_id, call_id, seq, kind, to_state, actor, changes, data)
      values (new.organization_id, new.id, new.version, coalesce(kind, 'created'), new.state, actor, '{call-created}',
              data || jsonb_build_object('callId', new.id));
    insert into public.calls_enriched (id, organization_id, provider_call_sid, direction, from_number, to_number, company_name,
        state, status, queue_id, queue_name, agent_id, agent_name, contact_name, started_at, answered_at, ended_at, end_reason,
        wait_s, talk_s, hold_s, ai_status, sentiment, score, version)
      values (new.id, new.organization_id, new.provider_call_sid, new.direction, new.from_number, new.to_number, new.company_name,
        new.state, new.status, new.queue_id, (select q.name from public.queues q where q.id = new.queue_id),
        coalesce(new.claimed_by, new.answered_by),
        (select p.display_name from public.profiles p where p.id = coalesce(new.claimed_by, new.answered_by)),
        (select c.name from public.contacts c where c.id = new.contact_id), new.started_at, new.answered_at, new.ended_at,
        new.end_reason, new.wait_s, new.talk_s, new.hold_s, new.ai_status, new.sentiment, new.score, new.version);
    return null;
  end if;
  if kind is null then  -- no command: something may have been written that changes nothing
    quiet := (to_jsonb(old) - '{version,updated_at,last_event_at,due_at,provider_event_at}'::text[])
           = (to_jsonb(new) - '{version,updated_at,last_event_at,due_at,provider_event_at}'::text[]);
  end if;
  if not quiet then
    changed := app.call_changes(old, new);
    insert into public.call_events (organization_id, call_id, seq, kind, from_state, to_state, actor, changes, data)
      values (new.organization_id, new.id, new.version, coalesce(kind, 'updated'), old.state, new.state, actor, changed,
              data || jsonb_build_object('callId', new.id)
                || case when 'call-status-changed' = any (changed)
                     then jsonb_build_object('oldStatus', old.status, 'newStatus', new.status) else '{}' end
                || case when 'call-transcription-updated' = any (changed)
                     then jsonb_build_object('transcription', new.transcription) else '{}' end
                || case when 'call-score-updated' = any (changed)
                     then jsonb_build_object('scorecard', new.scorecard, 'score', new.score,
                                             'previous', jsonb_build_object('scorecard', old.scorecard, 'score', old.score)) else '{}' end
                || case when 'call-analysis-completed' = any (changed)
                     then jsonb_build_object('insights', new.insights) else '{}' end);
  end if;
  update public.calls_enriched e set
      organization_id = new.organization_id, company_name = new.company_name, state = new.state, status = new.status,
      queue_id = new.queue_id,
      queue_name = case when new.queue_id is not distinct from e.queue_id then e.queue_name
                        else (select q.name from public.queues q where q.id = new.queue_id) end,
      agent_id = coalesce(new.claimed_by, new.answered_by),
      agent_name = case when coalesce(new.claimed_by, new.answered_by) is not distinct from e.agent_id then e.agent_name
                        else (select p.display_name from public.profiles p where p.id = coalesce(new.claimed_by, new.answered_by)) end,
      contact_name = case when new.contact_id is not distinct from old.contact_id then e.contact_name
                          else (select c.name from public.contacts c where c.id = new.contact_id) end,
      answered_at = new.answered_at, ended_at = new.ended_at, end_reason = new.end_reason, wait_s = new.wait_s,
      talk_s = new.talk_s, hold_s = new.hold_s, ai_status = new.ai_status, sentiment = new.sentiment, score = new.score,
      version = new.version, updated_at = new.updated_at
    where e.id = new.id;
  return null;
end
$$;
create trigger after_change after insert or update or delete on public.calls for each row execute function app.after_call();

create function app.keep_call_events() returns trigger language plpgsql set search_path = '' as $$
begin
  if tg_op = 'DELETE' and not exists (select from public.organizations o where o.id = old.organization_id) then
    return old;  -- it goes with its organization
  end if;
  raise exception 'call_events is written once' using errcode = '42501';
end
$$;
create trigger keep before update or delete on public.call_events for each row execute function app.keep_call_events();

create function app.count_for_call() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  step constant int := case tg_op when 'INSERT' then 1 else -1 end;
  it constant jsonb := to_jsonb(case tg_op when 'INSERT' then new else old end);
begin
  if tg_table_name = 'comments' then
    if it ->> 'entity_type' = 'call' then
      update public.calls_enriched set comments_count = comments_count + step
       where organization_id = (it ->> 'organization_id')::uuid and id = (it ->> 'entity_id')::uuid;
    end if;
  else
    update public.calls_enriched set segments_count = segments_count + step
     where organization_id = (it ->> 'organization_id')::uuid and id = (it ->> 'call_id')::uuid;
  end if;
  return null;
end
$$;
create trigger count_for_call after insert or delete on public.comments for each row execute function app.count_for_call();
create trigger count_for_call after insert or delete on public.transcript_segments for each row execute function app.count_for_call();

create function app.before_agent() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if new.work_state <> old.work_state then
    if not exists (select from app.agent_transitions t where t.from_state = old.work_state and t.to_state = new.work_state) then
      raise exception 'agent %: there is no way from % to %', old.id, old.work_state, new.work_state using errcode = '23514';
    end if;
  end if;
  if (new.work_state, new.state_reason) is distinct from (old.work_state, old.state_reason) and new.state_since = old.state_since then
    new.state_since := clock_timestamp();
  end if;
  if new.state_since < old.state_since then
    new.state_since := old.state_since;  -- time does not run backwards on a clock that was set
  end if;
  new.version := old.version + 1;
  new.updated_at := clock_timestamp();
  return new;
end
$$;
create trigger before_update before update on public.voip_users for each row execute function app.before_agent();

create function app.after_agent() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'INSERT' then
    insert into public.agent_state_log (organization_id, voip_user_id, user_id, state, reason, during)
      values (new.organization_id, new.id, new.user_id, new.work_state, new.state_reason, tstzrange(new.state_since, null));
    insert into public.agent_board (id, organization_id, user_id, display_name, extension, work_state, state_reason, state_since,
                                    reachable, on_call_since)
      values (new.id, new.organization_id, new.user_id,
              coalesce((select p.display_name from public.profiles p where p.id = new.user_id), new.extension),
              new.extension, new.work_state, new.state_reason, new.state_since, new.reachable, new.current_call_answered_at);
    return null;
  end if;
  if (new.work_state, new.state_reason) is distinct from (old.work_state, old.state_reason) then
    update public.agent_state_log l set during = tstzrange(lower(l.during), new.state_since)
     where l.organization_id = new.organization_id and l.voip_user_id = new.id and upper_inf(l.during)
       and lower(l.during) < new.state_since;
    if not found then  -- it lasted no time at all
      delete from public.agent_state_log l
       where l.organization_id = new.organization_id and l.voip_user_id = new.id and upper_inf(l.during);
    end if;
    insert into public.agent_state_log (organization_id, voip_user_id, user_id, state, reason, during)
      values (new.organization_id, new.id, new.user_id, new.work_state, new.state_reason, tstzrange(new.state_since, null));
  end if;
  update public.agent_board b set extension = new.extension, work_state = new.work_state, state_reason = new.state_reason,
         state_since = new.state_since, reachable = new.reachable, on_call_since = new.current_call_answered_at, updated_at = new.updated_at
   where b.id = new.id
     and (b.extension, b.work_state, b.state_reason, b.state_since, b.reachable, b.on_call_since) is distinct from
         (new.extension, new.work_state, new.state_reason, new.state_since, new.reachable, new.current_call_answered_at);
  return null;
end
$$;
create trigger after_change after insert or update on public.voip_users for each row execute function app.after_agent();

create function app.after_name() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_table_name = 'profiles' then
    -- first calls, then agents, as commands do; calls that are over keep the name that they had
    update public.calls_enriched e set agent_name = new.display_name from public.user_roles r, public.calls c
     where r.user_id = new.id and c.organization_id = r.organization_id and c.ended_at is null
       and e.id = c.id and e.agent_id = new.id;
    update public.agent_board b set display_name = new.display_name, updated_at = clock_timestamp() from public.user_roles r
     where r.user_id = new.id and b.organization_id = r.organization_id and b.user_id = new.id;
  else
    update public.calls_enriched e set queue_name = new.name from public.calls c
     where c.organization_id = new.organization_id and c.ended_at is null and c.queue_id = new.id and e.id = c.id;
  end if;
  return null;
end
$$;
create trigger after_name after update of display_name on public.profiles for each row
  when (old.display_name is distinct from new.display_name) execute function app.after_name();
create trigger after_name after update of name on public.queues for each row
  when (old.name is distinct from new.name) execute function app.after_name();

create function app.touch() returns trigger language plpgsql set search_path = '' as $$
begin
  new.updated_at := clock_timestamp();
  return new;
end
$$;
do $$
declare
  t record;
begin
  for t in select c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
             join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'updated_at'
            where n.nspname = 'public' and c.relname in (select o.name from own_tables o)
              and c.relname not in ('calls', 'voip_users', 'calls_enriched', 'agent_board') loop
    execute format('create trigger zz_touch before update on public.%I for each row execute function app.touch()', t.relname);
  end loop;
end
$$;
revoke execute on all functions in schema app from public;

-- what an earlier version left open
insert into public.agent_state_log (organization_id, voip_user_id, user_id, state, reason, during)
  select v.organization_id, v.id, v.user_id, v.work_state, v.state_reason, tstzrange(v.state_since, null) from public.voip_users v;
insert into public.agent_board (id, organization_id, user_id, display_name, extension, work_state, state_reason, state_since, reachable, on_call_since)
  select v.id, v.organization_id, v.user_id, coalesce(p.display_name, v.extension), v.extension, v.work_state, v.state_reason,
         v.state_since, v.reachable, v.current_call_answered_at
    from public.voip_users v left join public.profiles p on p.id = v.user_id;
update public.voip_users set chosen_state = case when work_state in ('offline', 'paused') then work_state else 'available' end;
insert into public.calls_enriched (id, organization_id, provider_call_sid, direction, from_number, to_number, company_name, state, status,
    agent_id, agent_name, started_at, answered_at, ended_at, end_reason, wait_s, talk_s, hold_s, ai_status, sentiment, score, version)
  select c.id, c.organization_id, c.provider_call_sid, c.direction, c.from_number, c.to_number, c.company_name, c.state, c.status,
         coalesce(c.claimed_by, c.answered_by), p.display_name, c.started_at, c.answered_at, c.ended_at, c.end_reason, c.wait_s,
         c.talk_s, c.hold_s, c.ai_status, c.sentiment, c.score, c.version
    from public.calls c left join public.profiles p on p.id = coalesce(c.claimed_by, c.answered_by);
insert into public.profile_private (id, organization_id, email, phone)
  select p.id, p.organization_id, u.email, u.phone from public.profiles p join auth.users u on u.id = p.id;
