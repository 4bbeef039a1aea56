-- Everything that a call centre keeps. Conventions, held by SchemaRulesTest for every table to come: organization_id
-- first in every index, row level security enabled and forced, REPLICA IDENTITY FULL where published, a comment that
-- begins "Not published:" where not. A child names its parent together with the organization: no row can point into
-- another one.
create extension if not exists btree_gist schema app;

alter table public.calls add unique (organization_id, id);
alter table public.voip_users add unique (organization_id, id);

create table public.teams (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  name            text not null,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, name)
);

create table public.team_members (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  team_id         uuid not null,
  user_id         uuid not null,
  created_at      timestamptz not null default now(),
  unique (organization_id, team_id, user_id),
  foreign key (organization_id, team_id) references public.teams (organization_id, id) on delete cascade
);

alter table public.user_roles
  add team_id uuid,
  add foreign key (organization_id, team_id) references public.teams (organization_id, id) on delete set null (team_id);

-- A user who has signed up and belongs nowhere yet has a profile too.
alter table public.profiles alter organization_id drop not null;
comment on column public.profiles.organization_id is 'Null until the user is made a member somewhere; then only they see it.';

create table public.profile_private (
  id              uuid primary key references public.profiles on delete cascade,
  organization_id uuid references public.organizations on delete cascade,
  email           text,
  phone           text,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now()
);
comment on column public.profile_private.organization_id is 'Null until the user is made a member somewhere; then only they see it.';
create index profile_private_by_organization on public.profile_private (organization_id);

create table public.provider_accounts (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  provider        text not null,
  account_sid     text not null,
  secret_ref      text not null,
  public_base_url text not null,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, id),
  unique (account_sid)
);
comment on table public.provider_accounts is 'Not published: it changes with the installation, not with the day.';
comment on index public.provider_accounts_account_sid_key is 'Not led by organization_id: a webhook finds its organization by it.';

create table public.queues (
  id                uuid primary key default uuidv7(),
  organization_id   uuid not null references public.organizations on delete cascade,
  name              text not null,
  strategy          text not null default 'ring_all' check (strategy in ('ring_all', 'longest_idle', 'sequential')),
  sl_target_pct     numeric(5, 2) check (sl_target_pct between 0 and 100),
  sl_seconds        int check (sl_seconds > 0),
  ring_s            int not null default 20 check (ring_s between 5 and 300),
  wrap_up_s         int not null default 30 check (wrap_up_s between 0 and 3600),
  max_wait_s        int not null default 600 check (max_wait_s between 5 and 86400),
  overflow_queue_id uuid,
  priority          int not null default 0,
  created_at        timestamptz not null default now(),
  updated_at        timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, name),
  foreign key (organization_id, overflow_queue_id) references public.queues (organization_id, id)
    on delete set null (overflow_queue_id)
);

create table public.queue_members (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  queue_id        uuid not null,
  user_id         uuid not null,
  skill           text,
  penalty         int not null default 0,
  created_at      timestamptz not null default now(),
  unique (organization_id, queue_id, user_id),
  foreign key (organization_id, queue_id) references public.queues (organization_id, id) on delete cascade,
  foreign key (organization_id, user_id) references public.voip_users (organization_id, user_id) on delete cascade
);

create table public.phone_numbers (
  id                  uuid primary key default uuidv7(),
  organization_id     uuid not null references public.organizations on delete cascade,
  e164                text not null check (e164 ~ '^\+[1-9][0-9]{6,14}$'),
  provider_account_id uuid,
  queue_id            uuid,
  created_at          timestamptz not null default now(),
  updated_at          timestamptz not null default now(),
  unique (e164),
  foreign key (organization_id, provider_account_id) references public.provider_accounts (organization_id, id)
    on delete set null (provider_account_id),
  foreign key (organization_id, queue_id) references public.queues (organization_id, id) on delete set null (queue_id)
);
comment on index public.phone_numbers_e164_key is 'Not led by organization_id: a webhook finds its organization by it.';
create index phone_numbers_by_organization on public.phone_numbers (organization_id, queue_id);

create table public.contacts (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  number          text not null,
  company_name    text,
  name            text,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, number)
);

alter table public.voip_users
  add chosen_state  text not null default 'offline' check (chosen_state in ('offline', 'available', 'paused')),
  add chosen_reason text,
  add wrap_up_until timestamptz;
comment on column public.voip_users.chosen_state is 'What the agent (or a supervisor) wants; work_state follows from it and from the calls.';

alter table public.calls
  add contact_id uuid,
  add queue_id uuid,
  add due_at timestamptz,
  add transfer_kind text check (transfer_kind in ('blind', 'attended')),
  add transfer_to uuid,
  add muted boolean not null default false,
  add provider_event_at timestamptz,
  add state_since timestamptz not null default now(),
  add missed_by uuid[] not null default '{}',
  add foreign key (organization_id, contact_id) references public.contacts (organization_id, id) on delete set null (contact_id),
  add foreign key (organization_id, queue_id) references public.queues (organization_id, id) on delete set null (queue_id);
comment on column public.calls.due_at is 'When its state runs out of time: a lease, a ringing, a wait, a parking, a transfer.';
comment on column public.calls.missed_by is 'The agents who let the present offer pass.';
-- an agent owns one call at a time, and what is claimed has an owner
alter table public.calls add constraint owned_while_handled check (
  case when state in ('claimed', 'active', 'held', 'transferring') then claimed_by is not null
       when state in ('new', 'queued', 'ringing', 'parked') then claimed_by is null
       else true end) not valid;
create index calls_by_end on public.calls (organization_id, ended_at) where ended_at is not null;
create index calls_by_queue on public.calls (organization_id, queue_id) where queue_id is not null;
create index calls_by_contact on public.calls (organization_id, contact_id) where contact_id is not null;
create unique index calls_one_per_agent on public.calls (organization_id, claimed_by)
  where state in ('claimed', 'active', 'held', 'transferring');

create table public.call_legs (
  id                uuid primary key default uuidv7(),
  organization_id   uuid not null,
  call_id           uuid not null,
  provider_leg_sid  text not null,
  parent_leg_sid    text,
  role              text not null check (role in ('customer', 'agent', 'supervisor', 'external')),
  agent_id          uuid,
  status            text not null,
  status_rank       int not null default 0,
  last_seq          int not null default -1,
  started_at        timestamptz,
  answered_at       timestamptz,
  ended_at          timestamptz,
  created_at        timestamptz not null default now(),
  updated_at        timestamptz not null default now(),
  unique (organization_id, call_id, provider_leg_sid),
  foreign key (organization_id, call_id) references public.calls (organization_id, id) on delete cascade
);

create table public.active_calls (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  call_id         uuid not null,
  agent_id        uuid not null,
  status          text not null check (status in ('ringing', 'active', 'held', 'consulting')),
  offered_at      timestamptz not null default now(),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, call_id, agent_id),
  foreign key (organization_id, call_id) references public.calls (organization_id, id) on delete cascade
);
comment on table public.active_calls is 'One row per agent at whom a call rings, and one for who has it. Follows calls, which is the authority.';
create unique index active_calls_one_owner on public.active_calls (organization_id, call_id) where status in ('active', 'held');
create index active_calls_by_agent on public.active_calls (organization_id, agent_id);

create table public.parked_calls (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  call_id         uuid not null,
  slot            int not null check (slot between 1 and 99),
  parked_by       uuid not null,
  parked_at       timestamptz not null,
  comment         text,
  timeout_at      timestamptz not null,
  ring_back_to    uuid not null,
  created_at      timestamptz not null default now(),
  unique (organization_id, call_id),
  unique (organization_id, slot),
  foreign key (organization_id, call_id) references public.calls (organization_id, id) on delete cascade
);

create table public.ring_events (
  id              uuid not null default uuidv7(),
  organization_id uuid not null,
  call_id         uuid not null,
  call_sid        text not null,
  agent_id        uuid,
  target_agent_id uuid,
  event_type      text not null check (event_type in
                    ('offered', 'answered', 'ring_cancel', 'declined', 'missed', 'parked', 'unparked', 'transferred', 'ended')),
  reason          text check (reason in
                    ('caller_hangup', 'answered_elsewhere', 'ended', 'timeout', 'parked', 'transferred', 'busy', 'declined')),
  created_at      timestamptz not null default clock_timestamp(),
  primary key (id, created_at)
) partition by range (created_at);
comment on column public.ring_events.agent_id is 'Who acted, if somebody did.';
comment on column public.ring_events.target_agent_id is 'Whom it concerns; null: everybody at whom the call rings.';
create index ring_events_by_call on public.ring_events (organization_id, call_id, created_at);

-- Days of ring_events live in app, where no role of a token comes by the back door.
create function app.keep_ring_events(today date) returns void language plpgsql set search_path = '' as $$
declare
  day date;
  old record;
begin
  for day in select generate_series(today - 1, today + 7, interval '1 day')::date loop
    if to_regclass(format('app.ring_events_%s', to_char(day, 'YYYYMMDD'))) is null then
      execute format('create table app.ring_events_%s partition of public.ring_events for values from (%L) to (%L)',
                     to_char(day, 'YYYYMMDD'), day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
    end if;
  end loop;
  for old in select c.relname from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
              where i.inhparent = 'public.ring_events'::regclass
                and c.relname < format('ring_events_%s', to_char(today - 1, 'YYYYMMDD')) loop
    execute format('drop table app.%I', old.relname);
  end loop;
end
$$;
comment on function app.keep_ring_events(date) is 'Makes the partitions of the days to come, and drops what is older than a day.';
select app.keep_ring_events((now() at time zone 'UTC')::date);

create table public.call_events (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  call_id         uuid not null,
  seq             int not null,
  kind            text not null,
  from_state      text,
  to_state        text,
  actor           uuid,
  source_event_id text,
  at_provider     timestamptz,
  at_server       timestamptz not null default clock_timestamp(),
  changes         text[] not null default '{}',
  data            jsonb not null default '{}',
  unique (organization_id, call_id, seq)
);
comment on table public.call_events is 'What happened to each call, in order (seq is the call''s version), written by a trigger and never changed.';
comment on column public.call_events.changes is 'What of the call changed, as events for listeners: call-created, call-changed, call-deleted, call-status-changed, call-transcription-updated, call-score-updated, call-analysis-completed.';

create table public.provider_events (
  id              uuid primary key default uuidv7(),
  organization_id uuid references public.organizations on delete cascade,
  provider        text not null,
  dedup_key       text not null,
  headers         jsonb not null default '{}',
  body            jsonb not null default '{}',
  verified        boolean not null default false,
  received_at     timestamptz not null default now(),
  applied         boolean not null default false,
  result          text,
  response        text,
  unique (provider, dedup_key)
);
comment on table public.provider_events is 'Not published: raw messages of telephone providers, with secrets of theirs in the headers.';
comment on column public.provider_events.organization_id is 'Null where no number of ours is named in it.';
comment on index public.provider_events_provider_dedup_key_key is 'Not led by organization_id: a message is stored before its organization is known.';
create index provider_events_by_organization on public.provider_events (organization_id, received_at);

create table public.agent_state_log (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  voip_user_id    uuid not null,
  user_id         uuid not null,
  state           text not null,
  reason          text,
  during          tstzrange not null check (not isempty(during)),
  created_at      timestamptz not null default now(),
  foreign key (organization_id, voip_user_id) references public.voip_users (organization_id, id) on delete cascade,
  constraint one_state_at_a_time exclude using gist (organization_id app.gist_uuid_ops with =, voip_user_id app.gist_uuid_ops with =, during with &&)
);

create index agent_state_log_open on public.agent_state_log (organization_id, voip_user_id) where upper_inf(during);

create table public.queue_visits (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  call_id         uuid not null,
  queue_id        uuid,
  entered_at      timestamptz not null,
  exited_at       timestamptz,
  outcome         text check (outcome in ('answered', 'abandoned', 'flowed_out', 'missed')),
  wait_s          numeric(12, 3) check (wait_s >= 0),
  created_at      timestamptz not null default now(),
  check ((exited_at is null) = (outcome is null) and (exited_at is null) = (wait_s is null)),
  foreign key (organization_id, call_id) references public.calls (organization_id, id) on delete cascade,
  foreign key (organization_id, queue_id) references public.queues (organization_id, id) on delete set null (queue_id)
);
create unique index queue_visits_one_open on public.queue_visits (organization_id, call_id) where exited_at is null;
create index queue_visits_by_exit on public.queue_visits (organization_id, queue_id, exited_at);

create table public.call_segments (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  call_id         uuid not null,
  agent_id        uuid not null,
  kind            text not null check (kind in ('ring', 'talk', 'hold', 'wrap_up', 'consult')),
  from_at         timestamptz not null,
  to_at           timestamptz check (to_at >= from_at),
  created_at      timestamptz not null default now(),
  foreign key (organization_id, call_id) references public.calls (organization_id, id) on delete cascade
);
create unique index call_segments_one_open on public.call_segments (organization_id, call_id, agent_id) where to_at is null;
create index call_segments_by_agent on public.call_segments (organization_id, agent_id, from_at);

-- What the telephone provider shall do: written with the change that needs it, sent after its commit, in order per call.
create table public.telephony_commands (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  call_id         uuid not null,
  kind            text not null,
  payload         jsonb not null default '{}',
  attempts        int not null default 0,
  next_at         timestamptz not null default clock_timestamp(),
  done_at         timestamptz,
  failed_at       timestamptz,
  error           text,
  created_at      timestamptz not null default clock_timestamp()
);
comment on table public.telephony_commands is 'Not published: what the telephone provider is told, of use to the server alone.';
create index telephony_commands_open on public.telephony_commands (organization_id, call_id, id) where done_at is null and failed_at is null;

create table public.idempotency_keys (
  organization_id uuid not null references public.organizations on delete cascade,
  user_id         uuid not null,
  key             text not null check (length(key) between 1 and 255),
  request_hash    bytea not null,
  status          int not null,
  answer          text not null,
  created_at      timestamptz not null default now(),
  primary key (organization_id, user_id, key)
);
comment on table public.idempotency_keys is 'Not published: answers already given, so that a repeated request changes nothing.';
create index idempotency_keys_by_age on public.idempotency_keys (organization_id, created_at);

-- Projections, kept by triggers.
create table public.agent_board (
  id              uuid primary key references public.voip_users on delete cascade,
  organization_id uuid not null references public.organizations on delete cascade,
  user_id         uuid not null,
  display_name    text not null,
  extension       text not null,
  work_state      text not null,
  state_reason    text,
  state_since     timestamptz not null,
  reachable       boolean not null,
  on_call_since   timestamptz,
  updated_at      timestamptz not null default now()
);
comment on table public.agent_board is 'voip_users without customers'' numbers: what a viewer may see.';
create index agent_board_by_organization on public.agent_board (organization_id, display_name);

create table public.calls_enriched (
  id                uuid primary key,
  organization_id   uuid not null references public.organizations on delete cascade,
  provider_call_sid text not null,
  direction         text not null,
  from_number       text not null,
  to_number         text not null,
  company_name      text,
  state             text not null,
  status            text not null,
  queue_id          uuid,
  queue_name        text,
  agent_id          uuid,
  agent_name        text,
  contact_name      text,
  started_at        timestamptz not null,
  answered_at       timestamptz,
  ended_at          timestamptz,
  end_reason        text,
  wait_s            int not null,
  talk_s            int not null,
  hold_s            int not null,
  ai_status         text,
  sentiment         numeric(4, 3),
  score             int,
  comments_count    int not null default 0,
  segments_count    int not null default 0,
  version           int not null,
  updated_at        timestamptz not null default now()
);
comment on table public.calls_enriched is 'Calls with the names and counts that lists show.';
create index calls_enriched_by_start on public.calls_enriched (organization_id, started_at desc);
