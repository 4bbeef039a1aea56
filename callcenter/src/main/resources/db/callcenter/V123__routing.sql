-- Where a call goes (SPEC L31 to L33): to who knows what it needs, when the queue is open, and what is said of it afterwards.
alter table public.queue_members rename column skill to skills;
alter table public.queue_members alter column skills type text[] using case when skills is null then '{}' else array[skills] end;
alter table public.queue_members
  alter column skills set default '{}', alter column skills set not null,
  add check (cardinality(skills) <= 50 and array_position(skills, null) is null);
comment on column public.queue_members.skills is 'What they know, as numbers and calls name it: a language, a product. At most 50.';

alter table public.phone_numbers add skill text check (length(skill) between 1 and 100);
comment on column public.phone_numbers.skill is 'What calls to it need of an agent.';
alter table public.calls add skill text check (length(skill) between 1 and 100);
comment on column public.calls.skill is 'What it needs of an agent: offered to who knows it, and to the others of its queue after skill_wait_s, if ever.';

alter table public.queues
  add skill_wait_s int check (skill_wait_s between 0 and 86400),
  add hours jsonb,
  add closed_queue_id uuid,
  add wrap_up_required boolean not null default false,
  add foreign key (organization_id, closed_queue_id) references public.queues (organization_id, id) on delete set null (closed_queue_id),
  add check (closed_queue_id is distinct from id);
comment on column public.queues.skill_wait_s is 'After so many seconds in the queue anybody of it is good enough; null: never.';
comment on column public.queues.hours is
  'When it takes calls, in the organization''s time zone; null: always. {"open": [{"days": [1, ..., 7 for Sunday], "from": "08:00", "to": "18:00"}], "closed_on": ["2026-12-25"]}.';
comment on column public.queues.closed_queue_id is 'Takes its calls while it is closed, where that one is open; else callers hear that it is closed.';
comment on column public.queues.wrap_up_required is 'Its agents wrap up until they have said a code, for an hour at most.';

-- Of a schedule without one of its times nothing is said, whenever it is asked.
create or replace function app.is_scheduled(schedule jsonb, zone text, at timestamptz) returns boolean
language sql immutable set search_path = ''
return (
  select schedule is null or case when t.begins is null or t.until is null then null else (
    (not schedule ? 'days' or schedule -> 'days' @> to_jsonb(extract(isodow from case when t.goes_past and t.local::time < t.until then t.local - interval '1 day' else t.local end)::int))
    and case when t.goes_past then t.local::time >= t.begins or t.local::time < t.until
             else t.local::time >= t.begins and t.local::time < t.until end) end
  from (select at at time zone zone as local, (schedule ->> 'from')::time as begins, (schedule ->> 'to')::time as until,
               (schedule ->> 'to')::time <= (schedule ->> 'from')::time as goes_past) t);

create function app.is_open(hours jsonb, zone text, at timestamptz) returns boolean
language sql stable set search_path = ''
return hours is null or (
  not coalesce(hours -> 'closed_on' @> to_jsonb(to_char(at at time zone zone, 'YYYY-MM-DD')), false)
  and (hours -> 'open' is null or exists (select from jsonb_array_elements(hours -> 'open') o where app.is_scheduled(o, zone, at))));
comment on function app.is_open(jsonb, text, timestamptz) is 'Whether a queue with these hours takes calls at that moment.';

create function app.are_hours(hours jsonb) returns boolean
language sql immutable set search_path = ''
return case when jsonb_typeof(hours) <> 'object' then false
  when jsonb_typeof(coalesce(hours -> 'open', '[]')) <> 'array' or jsonb_typeof(coalesce(hours -> 'closed_on', '[]')) <> 'array' then false
  else hours - '{open,closed_on}'::text[] = '{}'
    and jsonb_array_length(coalesce(hours -> 'open', '[]')) <= 100 and jsonb_array_length(coalesce(hours -> 'closed_on', '[]')) <= 1000
    and not exists (select from jsonb_array_elements(coalesce(hours -> 'open', '[]')) o where case
          when jsonb_typeof(o) <> 'object' then true
          when jsonb_typeof(coalesce(o -> 'days', '[]')) <> 'array' then true
          else o - '{days,from,to}'::text[] <> '{}'
            or coalesce(o ->> 'from', '') !~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'
            or coalesce(o ->> 'to', '') !~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$'
            or exists (select from jsonb_array_elements(coalesce(o -> 'days', '[]')) d
                        where jsonb_typeof(d) <> 'number' or not d <@ '[1, 2, 3, 4, 5, 6, 7]') end)
    and not exists (select from jsonb_array_elements(coalesce(hours -> 'closed_on', '[]')) d
                     where jsonb_typeof(d) <> 'string' or d #>> '{}' !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
                        or not pg_input_is_valid(d #>> '{}', 'date')) end;

create function app.check_hours() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if not app.are_hours(new.hours) then
    raise exception 'hours % say no times', new.hours using errcode = '23514',
      hint = 'such as {"open": [{"days": [1, 2, 3, 4, 5], "from": "08:00", "to": "18:00"}], "closed_on": ["2026-12-25"]}; 1 is Monday';
  end if;
  return new;
end
$$;
create trigger check_hours before insert or update of hours on public.queues for each row
  when (new.hours is not null) execute function app.check_hours();

create table public.wrap_up_codes (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  queue_id        uuid,
  code            text not null check (length(code) between 1 and 100),
  label           text not null check (length(label) between 1 and 200),
  seconds         int check (seconds between 1 and 3600),
  position        int not null default 0,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique nulls not distinct (organization_id, queue_id, code),
  foreign key (organization_id, queue_id) references public.queues (organization_id, id) on delete cascade
);
comment on table public.wrap_up_codes is 'What a call can have been about, in one queue or in all; where there are none, any text is a code.';
comment on column public.wrap_up_codes.seconds is 'So long after the call''s end its agent writes, once they have said it; null: they are done.';
create index wrap_up_codes_by_queue on public.wrap_up_codes (organization_id, queue_id);
create trigger zz_touch before update on public.wrap_up_codes for each row execute function app.touch();
alter table public.wrap_up_codes enable row level security;
alter table public.wrap_up_codes force row level security;
alter table public.wrap_up_codes replica identity full;
alter publication supabase_realtime add table public.wrap_up_codes;
revoke all on public.wrap_up_codes from anon, authenticated, service_role;
create policy read_by_permission on public.wrap_up_codes for select to authenticated
  using (organization_id = any ((select app.orgs_with('organization.read'))::uuid[]));
create policy write_by_permission on public.wrap_up_codes for all to authenticated
  using (organization_id = any ((select app.orgs_with('queues.manage'))::uuid[]))
  with check (organization_id = any ((select app.orgs_with('queues.manage'))::uuid[]));
grant select, insert, update, delete on public.wrap_up_codes to authenticated, service_role;

-- Whoever called outside the hours was told so: nobody has missed them.
drop trigger notify_of_change on public.calls;
create trigger notify_of_change after update of state, score, ai_status on public.calls for each row
  when ((old.state, old.score, old.ai_status) is distinct from (new.state, new.score, new.ai_status)
        and not (old.state = 'new' and new.state = 'missed' and new.end_reason is not distinct from 'closed'))
  execute function app.notify_of_call();

revoke execute on function app.is_open(jsonb, text, timestamptz), app.are_hours(jsonb), app.check_hours() from public;
