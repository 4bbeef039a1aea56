-- What other programs and people add to calls: recordings, transcripts, analyses, score cards, comments; and the work of
-- AI agents beside the calls. Conventions as in V103.
create table public.recordings (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  call_id         uuid not null,
  provider_sid    text,
  title           text not null,
  status          text not null default 'queued' check (status in ('queued', 'recording', 'processing', 'ready', 'failed', 'deleted')),
  url_key         text,
  duration_s      int check (duration_s >= 0),
  channels        int check (channels in (1, 2)),
  bytes           bigint check (bytes >= 0),
  error           text,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, provider_sid),
  foreign key (organization_id, call_id) references public.calls (organization_id, id) on delete cascade
);
create index recordings_by_call on public.recordings (organization_id, call_id);
create index recordings_by_age on public.recordings (organization_id, created_at);

create table public.transcripts (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  call_id         uuid not null,
  language        text,
  engine          text,
  status          text not null default 'started' check (status in ('started', 'stopped', 'failed')),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, call_id),
  foreign key (organization_id, call_id) references public.calls (organization_id, id) on delete cascade
);

create table public.transcript_segments (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  call_id         uuid not null,
  track           text not null check (track in ('inbound', 'outbound', 'both')),
  seq             int not null check (seq >= 0),
  text            text not null,
  final           boolean not null default false,
  confidence      numeric(4, 3) check (confidence between 0 and 1),
  start_ms        int check (start_ms >= 0),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, call_id, track, seq),
  foreign key (organization_id, call_id) references public.calls (organization_id, id) on delete cascade
);

create table public.ai_analyses (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  call_id         uuid not null,
  step            text not null,
  status          text not null default 'pending' check (status in ('pending', 'processing', 'analyzed', 'failed')),
  result          jsonb,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, call_id, step),
  foreign key (organization_id, call_id) references public.calls (organization_id, id) on delete cascade
);

create table public.scorecard_templates (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  name            text not null,
  questions       jsonb not null default '[]' check (jsonb_typeof(questions) = 'array'),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, name)
);
comment on column public.scorecard_templates.questions is '[{key, text, weight, auto_fail}]';

create table public.scorecards (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  call_id         uuid not null,
  template_id     uuid,
  agent_id        uuid not null,
  reviewer        uuid,
  source          text not null default 'human' check (source in ('human', 'ai')),
  status          text not null default 'draft' check (status in ('draft', 'final', 'disputed')),
  score           int check (score between 0 and 100),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, call_id) references public.calls (organization_id, id) on delete cascade,
  foreign key (organization_id, template_id) references public.scorecard_templates (organization_id, id) on delete set null (template_id)
);
create index scorecards_by_call on public.scorecards (organization_id, call_id);

create table public.scorecard_answers (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  scorecard_id    uuid not null,
  question        text not null,
  answer          text,
  points          numeric(6, 2),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, scorecard_id, question),
  foreign key (organization_id, scorecard_id) references public.scorecards (organization_id, id) on delete cascade
);

create table public.comments (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  entity_type     text not null default 'call' check (entity_type in ('call', 'recording', 'scorecard')),
  entity_id       uuid not null,
  author          uuid not null default auth.uid(),
  body            text not null check (length(body) between 1 and 10000),
  parent_id       uuid,
  edited_at       timestamptz,
  deleted_at      timestamptz,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, parent_id) references public.comments (organization_id, id) on delete set null (parent_id)
);
create index comments_by_entity on public.comments (organization_id, entity_type, entity_id, created_at);

create table public.streams (
  id               uuid primary key default uuidv7(),
  organization_id  uuid not null references public.organizations on delete cascade,
  name             text not null,
  owner            uuid not null,
  goal_status      text not null default 'active' check (goal_status in ('active', 'paused', 'achieved', 'failed')),
  current_progress jsonb not null default '{"percentage": 0, "completed": 0, "total": 0}',
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  unique (organization_id, id),
  constraint progress_is_whole check (
    (current_progress ->> 'percentage')::numeric between 0 and 100
    and (current_progress ->> 'completed')::int between 0 and (current_progress ->> 'total')::int)
);
create index streams_by_owner on public.streams (organization_id, owner);

create table public.acquisition_scans (
  id                  uuid primary key default uuidv7(),
  organization_id     uuid not null references public.organizations on delete cascade,
  owner               uuid not null,
  status              text not null default 'queued' check (status in ('queued', 'running', 'completed', 'failed', 'cancelled')),
  current_step        text,
  progress_percentage numeric(5, 2) not null default 0 check (progress_percentage between 0 and 100),
  targets_analyzed    int not null default 0 check (targets_analyzed >= 0),
  targets_identified  int not null default 0 check (targets_identified >= 0),
  created_at          timestamptz not null default now(),
  updated_at          timestamptz not null default now()
);
create index acquisition_scans_by_owner on public.acquisition_scans (organization_id, owner);

create table public.agent_executions (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  stream_id       uuid not null,
  agent_id        text not null,
  status          text not null default 'queued' check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  started_at      timestamptz,
  ended_at        timestamptz,
  tokens          bigint check (tokens >= 0),
  error           text,
  call_id         uuid,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  check ((ended_at is not null) = (status in ('succeeded', 'failed', 'cancelled'))),
  foreign key (organization_id, stream_id) references public.streams (organization_id, id) on delete cascade,
  foreign key (organization_id, call_id) references public.calls (organization_id, id) on delete set null (call_id)
);
create index agent_executions_by_stream on public.agent_executions (organization_id, stream_id);

create table public.signal_alerts (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  user_id         uuid not null,
  business_name   text not null,
  signal_type     text not null,
  priority        text not null default 'medium' check (priority in ('low', 'medium', 'high', 'critical')),
  data            jsonb not null default '{}',
  read_at         timestamptz,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now()
);
create index signal_alerts_by_user on public.signal_alerts (organization_id, user_id, created_at);

create table public.notifications (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  user_id         uuid not null,
  type            text not null default 'info' check (type in ('info', 'warning', 'error', 'success')),
  source          text not null check (source in ('system', 'user_activity', 'recording', 'security', 'performance', 'call')),
  kind            text not null,
  title           text not null,
  body            text,
  data            jsonb not null default '{}',
  persistent      boolean not null default false,
  read_at         timestamptz,
  expires_at      timestamptz,
  dedup_key       text,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, user_id, dedup_key)
);
create index notifications_by_user on public.notifications (organization_id, user_id, created_at);

create table public.notification_prefs (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  user_id         uuid not null default auth.uid(),
  kind            text not null,
  desktop         boolean not null default true,
  sound           boolean not null default false,
  muted           boolean not null default false,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, user_id, kind)
);

create table public.alert_rules (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  name            text not null,
  metric          text not null,
  comparator      text not null check (comparator in ('>', '>=', '<', '<=', '=')),
  threshold       numeric not null,
  for_s           int not null default 0 check (for_s >= 0),
  hysteresis      numeric not null default 0 check (hysteresis >= 0),
  severity        text not null default 'warning' check (severity in ('info', 'warning', 'critical')),
  queue_id        uuid,
  enabled         boolean not null default true,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, id),
  unique (organization_id, name),
  foreign key (organization_id, queue_id) references public.queues (organization_id, id) on delete cascade
);

create table public.alert_states (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  alert_rule_id   uuid not null,
  state           text not null default 'ok' check (state in ('ok', 'pending', 'firing')),
  value           numeric,
  since           timestamptz not null default now(),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, alert_rule_id),
  foreign key (organization_id, alert_rule_id) references public.alert_rules (organization_id, id) on delete cascade
);

create table public.admin_metrics (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  metric          text not null,
  queue_id        uuid,
  bucket_start    timestamptz not null,
  "window"        interval not null,
  value           numeric,
  numerator       numeric,
  denominator     numeric,
  computed_at     timestamptz not null default now(),
  unique nulls not distinct (organization_id, metric, queue_id, bucket_start, "window"),
  foreign key (organization_id, queue_id) references public.queues (organization_id, id) on delete cascade
);

create table public.saved_views (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  user_id         uuid not null default auth.uid(),
  page            text not null,
  name            text not null,
  filters         jsonb not null default '{}',
  columns         jsonb not null default '[]',
  shared          boolean not null default false,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, user_id, page, name)
);

create table public.api_keys (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  name            text not null,
  secret_hash     bytea not null,
  permissions     text[] not null default '{}',
  expires_at      timestamptz,
  revoked_at      timestamptz,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, name)
);
comment on table public.api_keys is 'Not published: secrets.';

create table public.webhook_endpoints (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  url             text not null check (url ~ '^https?://'),
  secret_ref      text not null,
  events          text[] not null default '{}',
  enabled         boolean not null default true,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, id)
);
comment on table public.webhook_endpoints is 'Not published: it names secrets, and changes with the installation.';

create table public.webhook_deliveries (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null,
  endpoint_id     uuid not null,
  event           text not null,
  payload         jsonb not null,
  attempts        int not null default 0,
  next_at         timestamptz not null default now(),
  delivered_at    timestamptz,
  status          int,
  error           text,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  foreign key (organization_id, endpoint_id) references public.webhook_endpoints (organization_id, id) on delete cascade
);
comment on table public.webhook_deliveries is 'Not published: a queue of the server''s own.';
create index webhook_deliveries_open on public.webhook_deliveries (organization_id, next_at) where delivered_at is null;
