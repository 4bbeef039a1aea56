-- Rooms that policies close, and broadcasts from the database (the original's conventions): a policy for SELECT on realtime.messages says
-- who hears in a private room, one for INSERT who speaks; a row that is inserted is broadcast when its transaction commits, and kept for
-- 72 hours, so that who comes later can have it replayed.
create schema if not exists realtime;
grant usage on schema realtime to anon, authenticated, service_role;

create table realtime.messages (
  topic text not null,
  extension text not null,
  payload jsonb,
  event text,
  private boolean default false,
  updated_at timestamp not null default now(),
  inserted_at timestamp not null default now(),
  id uuid not null default gen_random_uuid(),
  binary_payload bytea,
  primary key (id, inserted_at),
  constraint messages_have_one_payload check (payload is null or binary_payload is null)
) partition by range (inserted_at);
comment on table realtime.messages is 'Broadcasts of the database, and whose policies say who may be in private rooms.';
create table realtime.messages_default partition of realtime.messages default;
create index messages_of_topic on realtime.messages (topic, inserted_at desc) where extension = 'broadcast' and private;
alter table realtime.messages enable row level security;
grant select, insert, update on realtime.messages to anon, authenticated, service_role;

create function realtime.topic() returns text language sql stable
return nullif(current_setting('realtime.topic', true), '');
comment on function realtime.topic() is 'The topic of the room about which a policy is asked, without the prefix realtime:.';

-- Who calls needs the right to insert. What goes wrong warns, and does not end the caller's transaction: a message is no reason to lose a row.
create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
language plpgsql as $$
declare
  message uuid := gen_random_uuid();
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (id, payload, event, topic, private, extension)
  values (
    message,
    case when jsonb_typeof(payload) = 'object' and not payload ? 'id' then payload || jsonb_build_object('id', message) else payload end,
    event, topic, private, 'broadcast');
exception
  when others then
    raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;
comment on function realtime.send(jsonb, text, text, boolean) is 'Broadcasts to a room when the transaction commits.';

create function realtime.send_binary(payload bytea, event text, topic text, private boolean default true) returns void
language plpgsql as $$
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (binary_payload, event, topic, private, extension)
  values (payload, event, topic, private, 'broadcast');
exception
  when others then
    raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;

create function realtime.broadcast_changes(
  topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text default 'ROW')
returns void language plpgsql as $$
begin
  if level = 'STATEMENT' then
    raise exception 'realtime.broadcast_changes needs a trigger FOR EACH ROW, and this one is FOR EACH STATEMENT';
  end if;
  if operation not in ('INSERT', 'UPDATE', 'DELETE') then
    raise exception 'realtime.broadcast_changes knows INSERT, UPDATE and DELETE, and not %', operation;
  end if;
  perform realtime.send(
    jsonb_build_object(
      'schema', table_schema,
      'table', table_name,
      'operation', operation,
      'record', case when operation = 'DELETE' then null else to_jsonb(new) end,
      'old_record', case when operation = 'INSERT' then null else to_jsonb(old) end),
    event_name, topic_name, true);
end
$$;
comment on function realtime.broadcast_changes(text, text, text, text, text, record, record, text) is 'For triggers: broadcasts a row''s change to a private room.';

-- A partition per day, from yesterday to three days ahead; whole days go when they are older than that.
create function switchboard.keep_messages(retention interval) returns void language plpgsql security definer
set search_path = '' as $$
declare
  day date;
  old record;
begin
  for day in select generate_series(current_date - 1, current_date + 3, interval '1 day')::date loop
    if to_regclass(format('realtime.messages_%s', to_char(day, 'YYYY_MM_DD'))) is null then
      begin
        execute format('create table realtime.messages_%s partition of realtime.messages for values from (%L) to (%L)',
          to_char(day, 'YYYY_MM_DD'), day, day + 1);
      exception
        when check_violation then null; -- its first messages are in the default partition, and stay there
      end;
    end if;
  end loop;
  for old in
    select c.relname from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'realtime.messages'::regclass and c.relname ~ '^messages_\d{4}_\d{2}_\d{2}$'
       and to_date(substr(c.relname, 10), 'YYYY_MM_DD') + 1 <= (now() - retention)::date
  loop
    execute format('drop table realtime.%I', old.relname);
  end loop;
  delete from realtime.messages_default where inserted_at < now() - retention;
end
$$;
revoke all on function switchboard.keep_messages(interval) from public;
select switchboard.keep_messages(interval '72 hours');

-- Nobody can subscribe to its rows by this; they are broadcast.
do $$
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime_messages_publication') then
    create publication supabase_realtime_messages_publication for table realtime.messages
      with (publish = 'insert', publish_via_partition_root = true);
  end if;
end
$$;
