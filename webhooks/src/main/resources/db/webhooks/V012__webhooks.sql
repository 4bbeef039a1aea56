-- Outgoing webhooks (SPEC WH). Nothing of this is published: a message about a message would never end.
create schema webhooks;
revoke all on schema webhooks from public;

create table webhooks.endpoints (
  id              uuid primary key default uuidv7(),
  url             text not null check (url ~ '^https?://'),
  bindings        jsonb not null check (jsonb_typeof(bindings) = 'array'),
  role            text not null,
  claims          jsonb not null,
  user_id         uuid,
  ordering        text not null default 'row' check (ordering in ('row', 'table', 'all')),
  organization_id uuid,
  begins_after    pg_lsn not null default pg_current_wal_insert_lsn(),
  secret_version  int not null default 1,
  previous_until  timestamptz,
  enabled         boolean not null default true,
  disabled_reason text,
  problem         text,
  created_at      timestamptz not null default now(),
  revision        int not null default 1
);
comment on table webhooks.endpoints is 'Who is told of changes, of which, and under whose rights. Its secrets are not here: they are derived from the installation''s.';
comment on column webhooks.endpoints.bindings is 'As subscriptions have them: [{"event": "*", "schema": "public", "table": "calls", "filter": "..."}].';
comment on column webhooks.endpoints.user_id is 'Whose rights they are, if a user''s: without that user, or while they are banned, nothing is told.';
comment on column webhooks.endpoints.begins_after is 'What was committed before that in the WAL is not told.';
comment on column webhooks.endpoints.previous_until is 'Until then messages are signed with the secret before this one too.';
comment on column webhooks.endpoints.revision is 'Grows with whatever changes what is told; what the server notes about it does not count.';

create table webhooks.messages (
  id           uuid primary key default uuidv7(),
  number       bigint not null generated always as identity,
  endpoint_id  uuid not null references webhooks.endpoints on delete cascade,
  epoch        int not null,
  position     text not null,
  key          uuid not null,
  type         text not null,
  body         text not null,
  blocked      boolean not null default true,
  state        text not null default 'open' check (state in ('open', 'delivered', 'failed')),
  attempts     int not null default 0,
  next_at      timestamptz not null,
  created_at   timestamptz not null,
  ended_at     timestamptz,
  status       int,
  error        text,
  unique (endpoint_id, epoch, position)
);
comment on table webhooks.messages is 'What is to be told, written with the position up to which the stream was read: each change once per endpoint.';
comment on column webhooks.messages.key is 'Messages of one key go one after the other.';
comment on column webhooks.messages.blocked is 'Another one of its key comes first. Changed under the lock of the endpoint''s row alone.';
create index messages_open_of_key on webhooks.messages (endpoint_id, key, number) where state = 'open';
create index messages_due on webhooks.messages (endpoint_id, next_at, number) where state = 'open' and not blocked;
create index messages_delivered on webhooks.messages (ended_at) where state = 'delivered';
create index messages_failed on webhooks.messages (ended_at) where state = 'failed';

create table webhooks.progress (
  singular boolean primary key default true check (singular),
  slot     text not null default 'switchboard_webhooks',
  runs     boolean not null default true,
  epoch    int not null default 1,
  position text,
  gap      text,
  gap_at   timestamptz,
  check ((gap is null) = (gap_at is null))
);
comment on table webhooks.progress is 'From which replication slot the stream is read, up to where, and how many slots were lost before.';
comment on column webhooks.progress.gap is 'A slot was lost: who was there before is told so when there is another one, so that what is read after it is whole.';
insert into webhooks.progress default values;
