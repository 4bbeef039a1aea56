-- For programs that LISTEN (FEATURES F004-10, 11 and 33). Off at first: PostgreSQL lets transactions that notify commit one after
-- the other, which is a price that only who listens should pay.
create function public.notify_calls_change() returns trigger language plpgsql set search_path = '' as $$
begin
  if coalesce(current_setting('switchboard.notify', true), 'off') = 'on' then
    perform pg_notify('calls_changed', json_build_object('operation', tg_op, 'table', tg_table_name,
      'id', coalesce(new.id, old.id), 'timestamp', clock_timestamp())::text);
  end if;
  return null;
end
$$;
comment on function public.notify_calls_change() is
  'Notifies calls_changed {operation, table, id, timestamp} of each row, once "alter database ... set switchboard.notify = ''on''" was said.';
create trigger trigger_notify_calls_change after insert or update or delete on public.calls
  for each row execute function public.notify_calls_change();

create function public.trigger_refresh_enriched_view() returns trigger language plpgsql set search_path = '' as $$
begin
  if coalesce(current_setting('switchboard.notify', true), 'off') = 'on' then
    perform pg_notify('refresh_materialized_view', json_build_object('view_name', 'calls_enriched', 'trigger_table', tg_table_name,
      'operation', tg_op, 'timestamp', clock_timestamp())::text);
  end if;
  return null;
end
$$;
comment on function public.trigger_refresh_enriched_view() is
  'Notifies refresh_materialized_view {view_name, trigger_table, operation, timestamp} of each statement, as notify_calls_change does. calls_enriched itself is written with each change.';
create trigger trigger_refresh_enriched_view after insert or update or delete on public.calls
  for each statement execute function public.trigger_refresh_enriched_view();
revoke execute on function public.notify_calls_change(), public.trigger_refresh_enriched_view() from public;
