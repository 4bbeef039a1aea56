-- What people are told of, by itself: each cause once to each who is to know (FEATURES F003-18 to 25, F004-06 to 08 and 30).
alter table public.notifications
  add severity text not null default 'info' check (severity in ('info', 'warning', 'critical'));

create table app.notification_kinds (
  kind       text primary key,
  source     text not null,
  type       text not null,
  severity   text not null default 'info',
  permission text not null,
  standard   boolean not null default true,
  persistent boolean not null default false,
  life       interval not null,
  title      jsonb not null,
  body       jsonb not null default '{}'
);
comment on table app.notification_kinds is
  'Kinds of notifications: who is told (a permission), of kinds that are not standard only who has chosen them in notification_prefs; for how long; in which words, by language, {fact} for what is to be filled in.';
insert into app.notification_kinds (kind, source, type, severity, permission, standard, persistent, life, title, body) values
  ('new-call', 'call', 'info', 'info', 'calls.read', false, false, '5 minutes',
   '{"en": "New call from {name}", "pt": "Nova call de {name}"}', '{}'),
  ('missed-call', 'call', 'warning', 'warning', 'calls.control', true, false, '1 day',
   '{"en": "Missed call from {name}", "pt": "Chamada perdida de {name}"}', '{"en": "Waited {wait_s} s", "pt": "Esperou {wait_s} s"}'),
  ('high-score', 'call', 'success', 'info', 'scorecards.read', true, false, '7 days',
   '{"en": "Excellent score: {score} ({name})", "pt": "Score excelente: {score} ({name})"}', '{}'),
  ('low-score', 'call', 'warning', 'warning', 'scorecards.read', true, false, '7 days',
   '{"en": "Low score: {score} ({name})", "pt": "Score baixo: {score} ({name})"}', '{}'),
  ('analysis-complete', 'call', 'info', 'info', 'scorecards.read', false, false, '1 day',
   '{"en": "Analysis completed for {name}", "pt": "Análise completada para {name}"}', '{}'),
  ('recording-failed', 'recording', 'error', 'warning', 'recordings.listen', true, true, '7 days',
   '{"en": "Recording failed: {title}", "pt": "Falha na gravação: {title}"}', '{"en": "{error}", "pt": "{error}"}'),
  ('recording-ready', 'recording', 'success', 'info', 'recordings.listen', false, false, '1 day',
   '{"en": "Recording ready: {title}", "pt": "Gravação pronta: {title}"}', '{}'),
  ('failed-login', 'security', 'warning', 'warning', 'users.manage', true, true, '7 days',
   '{"en": "Failed sign-in: {name}", "pt": "Falha no login: {name}"}', '{"en": "{detail}", "pt": "{detail}"}'),
  ('token-reused', 'security', 'error', 'critical', 'users.manage', true, true, '30 days',
   '{"en": "A used token of {name} came again", "pt": "Um token já usado de {name} voltou"}', '{"en": "{detail}", "pt": "{detail}"}'),
  ('critical-event', 'security', 'error', 'critical', 'audit.read', true, true, '30 days',
   '{"en": "Critical event: {action}", "pt": "Evento crítico: {action}"}', '{"en": "{detail}", "pt": "{detail}"}'),
  ('role-changed', 'security', 'warning', 'warning', 'users.manage', true, true, '7 days',
   '{"en": "{name} is {role} now", "pt": "{name} agora é {role}"}', '{"en": "Was {before}", "pt": "Era {before}"}'),
  ('member-joined', 'user_activity', 'info', 'info', 'users.manage', true, false, '7 days',
   '{"en": "{name} joined as {role}", "pt": "{name} entrou como {role}"}', '{}'),
  ('member-left', 'user_activity', 'info', 'info', 'users.manage', true, false, '7 days',
   '{"en": "{name} left", "pt": "{name} saiu"}', '{}'),
  ('account-changed', 'user_activity', 'info', 'info', 'users.manage', true, false, '7 days',
   '{"en": "The account of {name} was changed", "pt": "A conta de {name} foi alterada"}', '{"en": "{action}", "pt": "{action}"}');

-- A value is put in once: braces in it are its own.
create function app.fill_in(texts jsonb, locale text, facts jsonb) returns text
language sql stable set search_path = ''
return (
  select string_agg(case when part.at % 2 = 1 then part.text else coalesce(facts ->> part.text, '') end, '' order by part.at)
    from regexp_split_to_table(coalesce(texts ->> left(locale, 2), texts ->> 'en'), '[{}]') with ordinality as part (text, at));
comment on function app.fill_in(jsonb, text, jsonb) is 'The text of a language (English where there is none), with {facts}.';

-- Members who may know, and those who are named besides; not who did it, and not the one left out; each once for a cause.
create function app.notify(organization uuid, kind text, cause text, facts jsonb, named uuid[] default '{}', but uuid default null) returns void
language sql security definer set search_path = ''
begin atomic
  insert into public.notifications (organization_id, user_id, type, source, kind, severity, title, body, data, persistent, expires_at, dedup_key)
  select o.id, r.user_id, k.type, k.source, k.kind, k.severity, app.fill_in(k.title, coalesce(p.locale, o.locale), notify.facts),
         nullif(app.fill_in(k.body, coalesce(p.locale, o.locale), notify.facts), ''), notify.facts, k.persistent,
         clock_timestamp() + k.life, k.kind || ':' || notify.cause
    from app.notification_kinds k
    join public.organizations o on o.id = notify.organization
    join public.user_roles r on r.organization_id = o.id
    left join public.profiles p on p.id = r.user_id
   where k.kind = notify.kind
     and (r.user_id = any (notify.named)
          or exists (select from app.role_permissions m where m.role = r.role and m.permission = k.permission))
     and (k.standard or exists (select from public.notification_prefs c where c.organization_id = o.id
                                   and c.user_id = r.user_id and c.kind = k.kind))
     and r.user_id is distinct from auth.uid() and r.user_id is distinct from notify.but
  on conflict (organization_id, user_id, dedup_key) do nothing;
end;
revoke execute on function app.fill_in(jsonb, text, jsonb), app.notify(uuid, text, text, jsonb, uuid[], uuid) from public;

create function app.notify_of_call() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  facts constant jsonb := jsonb_build_object('call_id', new.id, 'name', coalesce(new.company_name, case new.direction when 'inbound' then new.from_number else new.to_number end),
                                             'score', new.score, 'wait_s', new.wait_s);
  was_missed boolean := false;
  had_score int;
  was_analyzed boolean := false;
begin
  if tg_op = 'UPDATE' then
    was_missed := old.state = new.state;
    had_score := old.score;
    was_analyzed := coalesce(old.ai_status in ('analyzed', 'completed'), false);
  elsif new.ended_at is null then
    if new.direction = 'inbound' then
      perform app.notify(new.organization_id, 'new-call', new.id::text, facts);
    end if;
  else
    return null;  -- of a call that was over before it came here nobody is told
  end if;
  if not was_missed and (new.state in ('missed', 'abandoned') or (new.state = 'no_answer' and new.direction = 'inbound')) then
    perform app.notify(new.organization_id, 'missed-call', new.id::text, facts);
  end if;
  if new.score >= 90 and coalesce(had_score < 90, true) then
    perform app.notify(new.organization_id, 'high-score', new.id || ':' || new.version, facts, array_remove(array[new.answered_by], null));
  elsif new.score <= 30 and coalesce(had_score > 30, true) then
    perform app.notify(new.organization_id, 'low-score', new.id || ':' || new.version, facts, array_remove(array[new.answered_by], null));
  end if;
  if new.ai_status in ('analyzed', 'completed') and not was_analyzed then
    perform app.notify(new.organization_id, 'analysis-complete', new.id || ':' || new.version, facts);
  end if;
  return null;
end
$$;
create trigger notify_of_new after insert on public.calls for each row execute function app.notify_of_call();
create trigger notify_of_change after update of state, score, ai_status on public.calls for each row
  when ((old.state, old.score, old.ai_status) is distinct from (new.state, new.score, new.ai_status))
  execute function app.notify_of_call();

create function app.notify_of_recording() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' and old.status = new.status then
    return null;
  end if;
  if new.status in ('failed', 'ready') then
    perform app.notify(new.organization_id, 'recording-' || new.status, new.id || ':' || new.updated_at,
      jsonb_build_object('recording_id', new.id, 'call_id', new.call_id, 'title', new.title, 'error', new.error));
  end if;
  return null;
end
$$;
create trigger notify after insert or update of status on public.recordings
  for each row execute function app.notify_of_recording();

-- What one was told under another role goes with that role.
create function app.notify_of_membership() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  one constant public.user_roles := coalesce(new, old);
  facts jsonb;
begin
  if tg_op = 'UPDATE' and old.role = new.role then
    return null;
  end if;
  facts := jsonb_build_object('user_id', one.user_id, 'role', one.role, 'before', case when tg_op = 'UPDATE' then old.role end,
    'name', coalesce((select p.display_name from public.profiles p where p.id = one.user_id), one.user_id::text));
  case tg_op
    when 'INSERT' then
      perform app.notify(one.organization_id, 'member-joined', one.id::text, facts, but => one.user_id);
    when 'UPDATE' then
      delete from public.notifications n using app.notification_kinds k
       where n.organization_id = one.organization_id and n.user_id = one.user_id and k.kind = n.kind and k.kind <> 'role-changed'
         and not exists (select from app.role_permissions m where m.role = new.role and m.permission = k.permission);
      perform app.notify(one.organization_id, 'role-changed', one.id || ':' || clock_timestamp(), facts, array[one.user_id]);
    else
      delete from public.notifications n where n.organization_id = one.organization_id and n.user_id = one.user_id;
      perform app.notify(one.organization_id, 'member-left', one.id::text, facts);
  end case;
  return null;
end
$$;
create trigger notify after insert or update of role or delete on public.user_roles
  for each row execute function app.notify_of_membership();

-- Wrong passwords come in crowds, and one change of an account is several entries: of a user it is told once in ten minutes.
create function app.notify_of_audit() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  kind constant text := case
    when not new.success and (new.action = 'login' or (new.action = 'token_refreshed' and new.after ->> 'detail' = 'banned')) then 'failed-login'
    when not new.success and new.action = 'token_refreshed' then 'token-reused'
    when new.severity = 'critical' then 'critical-event'
    when new.success and new.action in ('user_modified', 'user_deleted', 'user_updated_password', 'sessions_revoked') then 'account-changed' end;
  subject constant uuid := case when new.entity = 'user' and new.entity_id ~ '^[0-9a-f-]{36}$' then new.entity_id::uuid end;
begin
  if kind is not null and new.organization_id is not null then
    perform app.notify(new.organization_id, kind,
      case when kind in ('failed-login', 'account-changed')
             then coalesce(subject::text, new.ip, '') || ':' || floor(extract(epoch from new.created_at) / 600) else new.id::text end,
      jsonb_build_object('audit_id', new.id, 'user_id', subject, 'action', new.action, 'detail', new.after ->> 'detail',
        'name', coalesce((select p.display_name from public.profiles p where p.id = subject), new.entity_id, '?')),
      but => new.actor);
  end if;
  return null;
end
$$;
create trigger notify after insert on public.audit_logs for each row execute function app.notify_of_audit();
revoke execute on function app.notify_of_call(), app.notify_of_recording(), app.notify_of_membership(), app.notify_of_audit() from public;

-- Whoever analyses calls may say 'completed' as well (F004-35).
alter table public.calls drop constraint calls_ai_status_check;
alter table public.calls add constraint calls_ai_status_check
  check (ai_status in ('pending', 'processing', 'analyzed', 'completed', 'failed'));
alter table public.calls alter column status set expression as (
  case when state <> 'completed' then state
       when ai_status = 'processing' then 'processing'
       when ai_status in ('analyzed', 'completed') then 'analyzed'
       else 'completed' end);
create or replace function app.call_changes(before public.calls, after public.calls) returns text[]
language sql immutable set search_path = ''
return array_remove(array[
  'call-changed',
  case when before.status is distinct from after.status then 'call-status-changed' end,
  case when before.transcription is distinct from after.transcription then 'call-transcription-updated' end,
  case when (before.score, before.scorecard) is distinct from (after.score, after.scorecard) then 'call-score-updated' end,
  case when after.ai_status in ('analyzed', 'completed')
        and coalesce(before.ai_status not in ('analyzed', 'completed'), true) then 'call-analysis-completed' end], null);

-- An entry of the audit log is told of, which refers to the organization: the lock that holds two owners apart must let that pass.
create or replace function app.guard_user_roles() returns trigger language plpgsql security definer set search_path = '' as $$
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
  if actor is not null and tg_op = 'INSERT' then
    if not exists (select from public.invitations i where i.organization_id = new.organization_id and i.role = new.role
                      and i.accepted_by = new.user_id and i.accepted_by = actor and i.accepted_at = now()) then
      raise exception 'a user becomes a member by accepting an invitation: insert it into invitations, and they call accept_invitation'
        using errcode = '42501';
    end if;
    return new;
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
    perform from public.organizations where id = old.organization_id for no key update;  -- two owners must not remove each other; who refers to it meanwhile may
    if not exists (select from public.user_roles r where r.organization_id = old.organization_id
                              and r.role = 'owner' and r.id <> old.id) then
      raise exception 'the last owner of an organization stays; make another owner first' using errcode = '23514';
    end if;
  end if;
  return coalesce(new, old);
end
$$;
