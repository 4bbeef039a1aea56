-- Accounts: who may sign in, their sessions, and what was done. Nobody but the server reads these tables.
create table auth.users (
  id                   uuid primary key default gen_random_uuid(),
  aud                  text not null default 'authenticated',
  role                 text not null default 'authenticated',
  email                text check (email = lower(email)),
  phone                text,
  encrypted_password   text,
  email_confirmed_at   timestamptz,
  phone_confirmed_at   timestamptz,
  invited_at           timestamptz,
  confirmation_sent_at timestamptz,
  recovery_sent_at     timestamptz,
  email_change         text,
  email_change_sent_at timestamptz,
  last_sign_in_at      timestamptz,
  banned_until         timestamptz,
  deleted_at           timestamptz,
  is_anonymous         boolean not null default false,
  raw_app_meta_data    jsonb not null default '{}' check (jsonb_typeof(raw_app_meta_data) = 'object'),
  raw_user_meta_data   jsonb not null default '{}' check (jsonb_typeof(raw_user_meta_data) = 'object'),
  created_at           timestamptz not null default now(),
  updated_at           timestamptz not null default now()
);
create unique index users_by_email on auth.users (email);
create unique index users_by_phone on auth.users (phone);
create index users_by_age on auth.users (created_at desc, id);

create table auth.identities (
  id              uuid primary key default gen_random_uuid(),
  user_id         uuid not null references auth.users on delete cascade,
  provider        text not null,
  provider_id     text not null,
  identity_data   jsonb not null default '{}',
  last_sign_in_at timestamptz,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (provider, provider_id)
);
create index identities_by_user on auth.identities (user_id);

create table auth.sessions (
  id           uuid primary key default gen_random_uuid(),
  user_id      uuid not null references auth.users on delete cascade,
  aal          text not null default 'aal1',
  amr          jsonb not null,
  ip           text,
  user_agent   text,
  created_at   timestamptz not null default now(),
  refreshed_at timestamptz not null default now()
);
create index sessions_by_user on auth.sessions (user_id);

-- A session's tokens are one family: the first is given at sign-in, each refresh gives the next. Only hashes are kept.
create table auth.refresh_tokens (
  id         bigint generated always as identity primary key,
  token_hash bytea not null unique,
  session_id uuid not null references auth.sessions on delete cascade,
  used_at    timestamptz,
  created_at timestamptz not null default now()
);
create index refresh_tokens_by_session on auth.refresh_tokens (session_id);

-- What an e-mail carries: a link (token) and a number to type (otp); at most one of a kind per user.
create table auth.one_time_tokens (
  user_id               uuid not null references auth.users on delete cascade,
  purpose               text not null check (purpose in ('signup', 'invite', 'magiclink', 'recovery', 'email_change', 'reauthentication')),
  token_hash            text not null unique,
  otp_hash              bytea not null,
  wrong_guesses         int not null default 0,
  email                 text not null,
  encrypted_password    text,  -- of who asked: it is the user's once the link comes back, and not before
  user_meta_data        jsonb,
  code_challenge        text,
  code_challenge_method text,
  created_at            timestamptz not null default now(),
  primary key (user_id, purpose)
);

-- PKCE (RFC 7636): what a link left to be exchanged, once.
create table auth.flow_states (
  code_hash             bytea primary key,
  user_id               uuid not null references auth.users on delete cascade,
  code_challenge        text not null,
  code_challenge_method text not null,
  method                text not null,
  created_at            timestamptz not null default now()
);

create function auth.user_json(u auth.users) returns jsonb language sql stable set search_path = ''
return jsonb_strip_nulls(jsonb_build_object(
         'email_confirmed_at', u.email_confirmed_at, 'phone_confirmed_at', u.phone_confirmed_at,
         'confirmed_at', least(u.email_confirmed_at, u.phone_confirmed_at), 'invited_at', u.invited_at,
         'confirmation_sent_at', u.confirmation_sent_at, 'recovery_sent_at', u.recovery_sent_at,
         'new_email', u.email_change, 'email_change_sent_at', u.email_change_sent_at,
         'last_sign_in_at', u.last_sign_in_at, 'banned_until', u.banned_until, 'deleted_at', u.deleted_at))
    || jsonb_build_object(
         'id', u.id, 'aud', u.aud, 'role', u.role, 'email', coalesce(u.email, ''), 'phone', coalesce(u.phone, ''),
         'app_metadata', u.raw_app_meta_data, 'user_metadata', u.raw_user_meta_data,
         'identities', (select coalesce(jsonb_agg(jsonb_build_object(
               'identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id, 'identity_data', i.identity_data,
               'provider', i.provider, 'last_sign_in_at', i.last_sign_in_at, 'created_at', i.created_at,
               'updated_at', i.updated_at, 'email', i.identity_data ->> 'email') order by i.created_at), '[]')
             from auth.identities i where i.user_id = u.id),
         'created_at', u.created_at, 'updated_at', u.updated_at, 'is_anonymous', u.is_anonymous);
comment on function auth.user_json(auth.users) is 'A user as clients see it.';

-- What was done, by whom; each entry carries a hash of itself and of the entry before, so that a changed or a missing
-- one shows.
create table public.audit_logs (
  id              bigint primary key,
  organization_id uuid,
  actor           uuid,
  action          text not null,
  entity          text,
  entity_id       text,
  ip              text,
  user_agent      text,
  severity        text not null default 'info' check (severity in ('info', 'warning', 'critical')),
  success         boolean not null,
  before          jsonb,
  after           jsonb,
  created_at      timestamptz not null default now(),
  hash            bytea not null
);
create index audit_logs_by_organization on public.audit_logs (organization_id, id);
alter table public.audit_logs enable row level security;
alter table public.audit_logs replica identity full;
revoke all on public.audit_logs from anon, authenticated, service_role;

create function auth.audit_hash(previous bytea, entry public.audit_logs) returns bytea language sql stable set search_path = '' set timezone = 'UTC'
return sha256(coalesce(previous, '') || convert_to(concat_ws(E'\x1f', entry.id, coalesce(entry.organization_id::text, '-'),
    coalesce(entry.actor::text, '-'), entry.action, coalesce(entry.entity, '-'), coalesce(entry.entity_id, '-'),
    coalesce(entry.ip, '-'), coalesce(entry.user_agent, '-'), entry.severity, entry.success,
    coalesce(entry.before::text, '-'), coalesce(entry.after::text, '-'), entry.created_at), 'UTF8'));

create function auth.chain_audit_log() returns trigger language plpgsql set search_path = '' as $$
declare
  last record;
begin
  perform pg_advisory_xact_lock(7234598172635);  -- one writer at a time: each hash needs the one before
  select a.id, a.hash into last from public.audit_logs a order by a.id desc limit 1;
  new.id := coalesce(last.id, 0) + 1;
  new.hash := auth.audit_hash(last.hash, new);
  return new;
end
$$;
create trigger zz_chain before insert on public.audit_logs for each row execute function auth.chain_audit_log();

create function auth.keep_audit_log() returns trigger language plpgsql set search_path = '' as $$
begin
  raise exception 'audit_logs is written once' using errcode = '42501';
end
$$;
create trigger keep before update or delete on public.audit_logs for each row execute function auth.keep_audit_log();
create trigger keep_all before truncate on public.audit_logs for each statement execute function auth.keep_audit_log();

create function auth.broken_audit_log() returns bigint language sql stable set search_path = ''
return (select min(c.id) from (
          select a.id, a.hash, auth.audit_hash(lag(a.hash) over (order by a.id), a) as right_hash,
                 row_number() over (order by a.id) as place
            from public.audit_logs a) c
         where c.hash <> c.right_hash or c.id <> c.place);
comment on function auth.broken_audit_log() is 'The first entry that was changed, or before which one is missing; null if none.';
revoke execute on function auth.user_json(auth.users), auth.audit_hash(bytea, public.audit_logs), auth.broken_audit_log()
  from public;
