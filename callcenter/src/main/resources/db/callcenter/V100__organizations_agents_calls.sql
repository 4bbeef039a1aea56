-- The call centre: organizations, their people, and calls. Every table of a tenant has organization_id, row level
-- security enabled and forced, REPLICA IDENTITY FULL (old images decide DELETE), and is published.
create schema app;
grant usage on schema app to authenticated, service_role;

create table public.organizations (
  id              uuid primary key default uuidv7(),
  name            text not null,
  slug            text not null unique check (slug ~ '^[a-z0-9-]{1,63}$'),
  timezone        text not null default 'UTC',
  locale          text not null default 'en',
  settings        jsonb not null default '{}',
  sl_target_pct   numeric(5, 2) not null default 80 check (sl_target_pct between 0 and 100),
  sl_seconds      int not null default 20 check (sl_seconds > 0),
  short_abandon_s int not null default 5 check (short_abandon_s >= 0),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now()
);

create table public.user_roles (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  user_id         uuid not null,
  role            text not null check (role in ('owner', 'admin', 'supervisor', 'agent', 'viewer', 'auditor')),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, user_id)
);
create index user_roles_by_user on public.user_roles (user_id, organization_id);

create table public.profiles (
  id              uuid primary key,
  organization_id uuid not null references public.organizations on delete cascade,
  display_name    text not null,
  avatar          text,
  locale          text,
  last_seen_at    timestamptz,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now()
);
create index profiles_by_organization on public.profiles (organization_id);

create table public.voip_users (
  id                        uuid primary key default uuidv7(),
  organization_id           uuid not null references public.organizations on delete cascade,
  user_id                   uuid not null,
  extension                 text not null,
  client_identity           text not null check (client_identity ~ '^[A-Za-z0-9_]{1,121}$'),
  work_state                text not null default 'offline' check (work_state in
                              ('offline', 'available', 'offered', 'on_call', 'on_hold', 'wrap_up', 'paused', 'unreachable')),
  state_reason              text,
  state_since               timestamptz not null default now(),
  reachable                 boolean not null default false,
  current_call_id           uuid,
  current_call_phone_number text,
  current_call_answered_at  timestamptz,
  max_concurrent            int not null default 1 check (max_concurrent > 0),
  version                   int not null default 1,
  created_at                timestamptz not null default now(),
  updated_at                timestamptz not null default now(),
  unique (organization_id, user_id),
  unique (organization_id, extension),
  unique (organization_id, client_identity)
);
-- F001-02: found by number alone when a call comes in
create index idx_voip_users_current_call_phone_number on public.voip_users (current_call_phone_number);

create table public.calls (
  id                uuid primary key default uuidv7(),
  organization_id   uuid not null references public.organizations on delete cascade,
  provider          text not null default 'demo',
  provider_call_sid text not null,
  direction         text not null check (direction in ('inbound', 'outbound')),
  from_number       text not null,
  to_number         text not null,
  company_name      text,
  state             text not null default 'new' check (state in
                      ('new', 'queued', 'ringing', 'claimed', 'active', 'held', 'parked', 'transferring',
                       'completed', 'abandoned', 'missed', 'busy', 'failed', 'no_answer', 'canceled', 'voided')),
  ai_status         text check (ai_status in ('pending', 'processing', 'analyzed', 'failed')),
  status            text generated always as (
                      case when state <> 'completed' then state
                           when ai_status = 'processing' then 'processing'
                           when ai_status = 'analyzed' then 'analyzed'
                           else 'completed' end) stored,
  claimed_by        uuid,
  claim_expires_at  timestamptz,
  answered_by       uuid,
  started_at        timestamptz not null default now(),
  queued_at         timestamptz,
  first_ring_at     timestamptz,
  claimed_at        timestamptz,
  answered_at       timestamptz,
  ended_at          timestamptz,
  end_reason        text,
  wrap_up_code      text,
  wrap_up_until     timestamptz,
  hold_s            int not null default 0 check (hold_s >= 0),
  talk_s            int not null default 0 check (talk_s >= 0),
  wait_s            int not null default 0 check (wait_s >= 0),
  last_event_at     timestamptz not null default now(),
  transcription     text,
  insights          jsonb,
  sentiment         numeric(4, 3) check (sentiment between -1 and 1),
  scorecard         jsonb,
  score             int check (score between 0 and 100),
  version           int not null default 1,
  created_at        timestamptz not null default now(),
  updated_at        timestamptz not null default now(),
  unique (organization_id, provider, provider_call_sid),
  constraint terminal_calls_have_ended check (
    (state in ('completed', 'abandoned', 'missed', 'busy', 'failed', 'no_answer', 'canceled', 'voided'))
    = (ended_at is not null))
);
create index calls_live on public.calls (organization_id, started_at) where ended_at is null;
create index calls_by_start on public.calls (organization_id, started_at desc);

-- Memberships are read past row level security, so that policies do not recurse.
create function app.orgs() returns uuid[] language sql stable security definer set search_path = ''
begin atomic
  select coalesce(array_agg(r.organization_id), '{}') from public.user_roles r where r.user_id = auth.uid();
end;
comment on function app.orgs() is 'The organizations of the token''s user.';

create function app.has_role(org uuid, variadic roles text[]) returns boolean
language sql stable security definer set search_path = ''
begin atomic
  select exists (select from public.user_roles r
                  where r.user_id = auth.uid() and r.organization_id = org and r.role = any (roles));
end;
comment on function app.has_role(uuid, text[]) is 'Whether the token''s user has one of these roles there.';
revoke execute on function app.orgs(), app.has_role(uuid, text[]) from public;
grant execute on function app.orgs(), app.has_role(uuid, text[]) to authenticated, service_role;

alter table public.organizations enable row level security;
alter table public.organizations force row level security;
alter table public.user_roles enable row level security;
alter table public.user_roles force row level security;
alter table public.profiles enable row level security;
alter table public.profiles force row level security;
alter table public.voip_users enable row level security;
alter table public.voip_users force row level security;
alter table public.calls enable row level security;
alter table public.calls force row level security;

-- Immutable columns only: a row must not vanish from a screen by an update (contradiction C28).
create policy organizations_of_member on public.organizations for select to authenticated
  using (id = any ((select app.orgs())::uuid[]));
create policy user_roles_own on public.user_roles for select to authenticated
  using (user_id = (select auth.uid()));
create policy user_roles_of_admin on public.user_roles for select to authenticated
  using (app.has_role(organization_id, 'owner', 'admin', 'supervisor', 'auditor'));
create policy profiles_of_member on public.profiles for select to authenticated
  using (organization_id = any ((select app.orgs())::uuid[]));
-- Rows with customers' numbers are not for viewers.
create policy voip_users_of_member on public.voip_users for select to authenticated
  using (organization_id = any ((select app.orgs())::uuid[]) and not app.has_role(organization_id, 'viewer'));
create policy calls_of_member on public.calls for select to authenticated
  using (organization_id = any ((select app.orgs())::uuid[]) and not app.has_role(organization_id, 'viewer'));

-- Users read; writing goes through the application.
revoke all on public.organizations, public.user_roles, public.profiles, public.voip_users, public.calls
  from anon, authenticated, service_role;
grant select on public.organizations, public.user_roles, public.profiles, public.voip_users, public.calls
  to authenticated;
grant select, insert, update, delete
  on public.organizations, public.user_roles, public.profiles, public.voip_users, public.calls to service_role;

alter table public.organizations replica identity full;
alter table public.user_roles replica identity full;
alter table public.profiles replica identity full;
alter table public.voip_users replica identity full;
alter table public.calls replica identity full;
alter publication supabase_realtime add table
  public.organizations, public.user_roles, public.profiles, public.voip_users, public.calls;
