-- Figures by quarter hour, kept as things happen (SPEC L25; ADR 20). What a visit or a segment counts for stands on its row; each change
-- of one writes what it adds or takes away in the same transaction, as a row of its own, so that nobody waits for a counter. These rows
-- are folded into the intervals now and then; intervals and rows together are exact in every snapshot. Quarters are of UTC: every
-- organization's days and hours are made of them, also of 23 and 25 hours.
alter table public.queue_visits add in_time boolean, add short boolean;
comment on column public.queue_visits.in_time is 'Answered within the goal''s seconds, as they were when the visit ended.';
comment on column public.queue_visits.short is 'Abandoned sooner than counts against the service level, as that was when the visit ended.';
alter table public.call_segments add first_talk boolean;
comment on column public.call_segments.first_talk is 'The first talk of its agent in its call: one call that was handled.';

create function app.judge_visit() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  select new.outcome = 'answered' and new.wait_s <= coalesce(q.sl_seconds, o.sl_seconds),
         new.outcome = 'abandoned' and new.wait_s < o.short_abandon_s
    into new.in_time, new.short
    from public.organizations o left join public.queues q on q.organization_id = o.id and q.id = new.queue_id
   where o.id = new.organization_id;
  return new;
end
$$;
create trigger judge before insert or update of outcome, wait_s on public.queue_visits
  for each row when (new.exited_at is not null) execute function app.judge_visit();

create function app.judge_segment() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.first_talk := not exists (select from public.call_segments s where s.organization_id = new.organization_id
    and s.call_id = new.call_id and s.agent_id = new.agent_id and s.kind = 'talk' and s.id <> new.id);
  return new;
end
$$;
create trigger judge before insert on public.call_segments
  for each row when (new.kind = 'talk') execute function app.judge_segment();

create index call_segments_by_call on public.call_segments (organization_id, call_id, agent_id);

update public.queue_visits v set
  in_time = v.outcome = 'answered' and v.wait_s <= coalesce((select q.sl_seconds from public.queues q where q.organization_id = v.organization_id and q.id = v.queue_id), o.sl_seconds),
  short = v.outcome = 'abandoned' and v.wait_s < o.short_abandon_s
  from public.organizations o where o.id = v.organization_id and v.exited_at is not null;
update public.call_segments s set first_talk = n.place = 1
  from (select t.id, row_number() over (partition by t.organization_id, t.call_id, t.agent_id order by t.from_at, t.id) as place
          from public.call_segments t where t.kind = 'talk') n where n.id = s.id;

create type app.sums as (
  answered int, in_time int, abandoned int, short int, flowed_out int, missed int, answered_wait_s numeric, abandoned_wait_s numeric,
  handled int, ring_s numeric, talk_s numeric, hold_s numeric, wrap_up_s numeric);

create table app.intervals (
  organization_id uuid not null,
  queue_id        uuid,
  agent_id        uuid,
  quarter         timestamptz not null,
  sums            app.sums not null,
  unique nulls not distinct (organization_id, quarter, queue_id, agent_id)
);
comment on table app.intervals is 'Sums of what ended in a quarter hour: visits by queue, and segments by agent. The rest of it is in interval_changes.';
create table app.interval_changes (
  organization_id uuid not null,
  queue_id        uuid,
  agent_id        uuid,
  quarter         timestamptz not null,
  sums            app.sums not null
);
comment on table app.interval_changes is 'What is to be added to intervals; written with what is counted.';
create index interval_changes_of_organization on app.interval_changes (organization_id, quarter);

create function app.quarter(at timestamptz) returns timestamptz language sql immutable
return date_bin('15 minutes', at, '2000-01-01 00:00:00+00');

-- What they count for, in expressions that are part of the statement that asks.
create function app.visit_sums(outcome text, in_time boolean, short boolean, wait_s numeric, sign int) returns app.sums
language sql immutable return row(
  sign * (outcome = 'answered')::int, sign * in_time::int, sign * (outcome = 'abandoned')::int, sign * short::int,
  sign * (outcome = 'flowed_out')::int, sign * (outcome = 'missed')::int,
  case outcome when 'answered' then sign * wait_s else 0 end, case outcome when 'abandoned' then sign * wait_s else 0 end,
  0, 0, 0, 0, 0)::app.sums;
create function app.segment_sums(kind text, first_talk boolean, seconds numeric, sign int) returns app.sums
language sql immutable return row(0, 0, 0, 0, 0, 0, 0, 0, sign * coalesce(first_talk, false)::int,
  case kind when 'ring' then sign * seconds else 0 end, case kind when 'talk' then sign * seconds else 0 end,
  case kind when 'hold' then sign * seconds else 0 end, case kind when 'wrap_up' then sign * seconds else 0 end)::app.sums;

-- Of an organization that is being deleted nothing is counted: its sums go with it.
create function app.count_visit() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op <> 'INSERT' then
    insert into app.interval_changes (organization_id, queue_id, quarter, sums)
      select old.organization_id, old.queue_id, app.quarter(old.exited_at), app.visit_sums(old.outcome, old.in_time, old.short, old.wait_s, -1)
       where old.exited_at is not null and exists (select from public.organizations o where o.id = old.organization_id);
  end if;
  if tg_op <> 'DELETE' then
    insert into app.interval_changes (organization_id, queue_id, quarter, sums)
      select new.organization_id, new.queue_id, app.quarter(new.exited_at), app.visit_sums(new.outcome, new.in_time, new.short, new.wait_s, 1)
       where new.exited_at is not null
         and (tg_op = 'INSERT' or exists (select from public.organizations o where o.id = new.organization_id));
  end if;
  return null;
end
$$;
create function app.count_segment() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op <> 'INSERT' then
    insert into app.interval_changes (organization_id, agent_id, quarter, sums)
      select old.organization_id, old.agent_id, app.quarter(old.to_at),
             app.segment_sums(old.kind, old.first_talk, extract(epoch from old.to_at - old.from_at), -1)
       where old.to_at is not null and old.kind <> 'consult'
         and exists (select from public.organizations o where o.id = old.organization_id);
  end if;
  if tg_op <> 'DELETE' then
    insert into app.interval_changes (organization_id, agent_id, quarter, sums)
      select new.organization_id, new.agent_id, app.quarter(new.to_at),
             app.segment_sums(new.kind, new.first_talk, extract(epoch from new.to_at - new.from_at), 1)
       where new.to_at is not null and new.kind <> 'consult'
         and (tg_op = 'INSERT' or exists (select from public.organizations o where o.id = new.organization_id));
  end if;
  return null;
end
$$;

-- What is there already.
insert into app.interval_changes (organization_id, queue_id, quarter, sums)
  select v.organization_id, v.queue_id, app.quarter(v.exited_at), app.visit_sums(v.outcome, v.in_time, v.short, v.wait_s, 1)
    from public.queue_visits v where v.exited_at is not null;
insert into app.interval_changes (organization_id, agent_id, quarter, sums)
  select s.organization_id, s.agent_id, app.quarter(s.to_at), app.segment_sums(s.kind, s.first_talk, extract(epoch from s.to_at - s.from_at), 1)
    from public.call_segments s where s.to_at is not null and s.kind <> 'consult';

create trigger count_insert after insert on public.queue_visits for each row when (new.exited_at is not null) execute function app.count_visit();
create trigger count_update after update on public.queue_visits
  for each row when ((old.queue_id, old.exited_at, old.outcome, old.wait_s, old.in_time, old.short)
                     is distinct from (new.queue_id, new.exited_at, new.outcome, new.wait_s, new.in_time, new.short)) execute function app.count_visit();
create trigger count_delete after delete on public.queue_visits for each row when (old.exited_at is not null) execute function app.count_visit();
create trigger count_insert after insert on public.call_segments for each row when (new.to_at is not null) execute function app.count_segment();
create trigger count_update after update on public.call_segments
  for each row when ((old.agent_id, old.kind, old.from_at, old.to_at, old.first_talk)
                     is distinct from (new.agent_id, new.kind, new.from_at, new.to_at, new.first_talk)) execute function app.count_segment();
create trigger count_delete after delete on public.call_segments for each row when (old.to_at is not null) execute function app.count_segment();

-- When a day begins: where a midnight comes twice, at the first of them.
create function app.begin_of(zone text, local timestamp) returns timestamptz language sql stable set search_path = ''
return case when ((local at time zone zone) - interval '1 hour') at time zone zone = local
         then (local at time zone zone) - interval '1 hour' else local at time zone zone end;
create or replace function app.midnight_at(zone text, at timestamptz) returns timestamptz language sql stable set search_path = ''
return app.begin_of(zone, date_trunc('day', at at time zone zone));

-- Another goal counts from the beginning of the day; days before keep theirs. One change of a goal at a time, and visits in one order.
create function app.judge_anew() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  org constant uuid := case tg_table_name when 'organizations' then (to_jsonb(new) ->> 'id') else (to_jsonb(new) ->> 'organization_id') end;
  queue constant uuid := case tg_table_name when 'queues' then (to_jsonb(new) ->> 'id') end;
begin
  perform pg_advisory_xact_lock(hashtext('goals ' || org));
  perform from public.queue_visits v join public.organizations o on o.id = v.organization_id
    where v.organization_id = org and (queue is null or v.queue_id = queue) and v.exited_at >= app.midnight_at(o.timezone, now())
    order by v.id for update of v;
  update public.queue_visits v set outcome = v.outcome
    from public.organizations o left join public.queues q on q.organization_id = o.id
   where o.id = org and v.organization_id = o.id and (queue is null or v.queue_id = queue)
     and q.id is not distinct from v.queue_id and v.exited_at >= app.midnight_at(o.timezone, now())
     and (v.in_time, v.short) is distinct from (v.outcome = 'answered' and v.wait_s <= coalesce(q.sl_seconds, o.sl_seconds),
                                                v.outcome = 'abandoned' and v.wait_s < o.short_abandon_s);
  if queue is null then -- visits of no queue, where the organization has some
    update public.queue_visits v set outcome = v.outcome from public.organizations o
     where o.id = org and v.organization_id = o.id and v.queue_id is null and v.exited_at >= app.midnight_at(o.timezone, now())
       and (v.in_time, v.short) is distinct from (v.outcome = 'answered' and v.wait_s <= o.sl_seconds,
                                                  v.outcome = 'abandoned' and v.wait_s < o.short_abandon_s);
  end if;
  return null;
end
$$;
create trigger judge_anew after update on public.organizations
  for each row when ((old.sl_seconds, old.short_abandon_s) is distinct from (new.sl_seconds, new.short_abandon_s)) execute function app.judge_anew();
create trigger judge_anew after update on public.queues
  for each row when (old.sl_seconds is distinct from new.sl_seconds) execute function app.judge_anew();

create function app.forget_intervals() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  delete from app.interval_changes where organization_id = old.id;
  delete from app.intervals where organization_id = old.id;
  return null;
end
$$;
create trigger forget_intervals after delete on public.organizations for each row execute function app.forget_intervals();
create function app.fold_intervals(most int) returns int language sql set search_path = ''
begin atomic
  with moved as (
    delete from app.interval_changes c where c.ctid = any (array(select f.ctid from app.interval_changes f limit fold_intervals.most)) returning *),
  added as (
    select m.organization_id, m.queue_id, m.agent_id, m.quarter,
           row(sum((m.sums).answered), sum((m.sums).in_time), sum((m.sums).abandoned), sum((m.sums).short), sum((m.sums).flowed_out),
               sum((m.sums).missed), sum((m.sums).answered_wait_s), sum((m.sums).abandoned_wait_s), sum((m.sums).handled),
               sum((m.sums).ring_s), sum((m.sums).talk_s), sum((m.sums).hold_s), sum((m.sums).wrap_up_s))::app.sums as sums
      from moved m group by 1, 2, 3, 4),
  folded as (
    insert into app.intervals as i (organization_id, queue_id, agent_id, quarter, sums) select * from added
    on conflict (organization_id, quarter, queue_id, agent_id) do update set sums = row(
      (i.sums).answered + (excluded.sums).answered, (i.sums).in_time + (excluded.sums).in_time,
      (i.sums).abandoned + (excluded.sums).abandoned, (i.sums).short + (excluded.sums).short,
      (i.sums).flowed_out + (excluded.sums).flowed_out, (i.sums).missed + (excluded.sums).missed,
      (i.sums).answered_wait_s + (excluded.sums).answered_wait_s, (i.sums).abandoned_wait_s + (excluded.sums).abandoned_wait_s,
      (i.sums).handled + (excluded.sums).handled, (i.sums).ring_s + (excluded.sums).ring_s, (i.sums).talk_s + (excluded.sums).talk_s,
      (i.sums).hold_s + (excluded.sums).hold_s, (i.sums).wrap_up_s + (excluded.sums).wrap_up_s)::app.sums
    returning 1)
  select (select count(*) from moved)::int from (select count(*) from folded) f;
end;
comment on function app.fold_intervals(int) is 'Adds what has been counted since to the intervals, so many changes at most, in one transaction; says how many. One caller at a time: the server.';
select app.fold_intervals(2147483647);

-- Kept and not folded yet, together.
create view app.interval_sums as
  select organization_id, queue_id, agent_id, quarter, sums from app.intervals
  union all select organization_id, queue_id, agent_id, quarter, sums from app.interval_changes;

create function app.ratios(answered numeric, in_time numeric, abandoned numeric, short numeric, flowed_out numeric, missed numeric,
                           answered_wait_s numeric, abandoned_wait_s numeric) returns jsonb
language sql immutable set search_path = ''
return jsonb_build_object(
  'offered', answered + abandoned + flowed_out + missed, 'answered', answered, 'in_time', in_time, 'abandoned', abandoned,
  'short_abandoned', short, 'flowed_out', flowed_out, 'missed', missed,
  'service_level', round(in_time / nullif(answered + abandoned - short + missed, 0), 4),
  'abandoned_rate', round((abandoned - short) / nullif(answered + abandoned - short, 0), 4),
  'asa_s', round(answered_wait_s / nullif(answered, 0), 3),
  'abandon_time_s', round(abandoned_wait_s / nullif(abandoned, 0), 3));

create function public.interval_figures(organization uuid, from_at timestamptz, to_at timestamptz, step text default 'quarter', queue uuid default null)
returns jsonb language plpgsql stable security definer set search_path = '' as $$
declare
  zone text;
  width constant interval := case step when 'quarter' then interval '15 minutes' when 'half' then interval '30 minutes'
    when 'hour' then interval '1 hour' when 'day' then interval '1 day' end;
begin
  if organization is null or not organization = any (app.orgs_with('organization.read')) then
    raise exception 'organization % has no such member', coalesce(organization::text, '(none)') using errcode = '42501';
  end if;
  if width is null then
    raise exception 'step is %, and can be quarter, half, hour or day', coalesce(step, 'null') using errcode = '22023';
  end if;
  if from_at is null or to_at is null or to_at <= from_at or to_at > from_at + 3000 * width then
    raise exception 'from % to % is no time of at most 3,000 steps', from_at, to_at using errcode = '22023';
  end if;
  select o.timezone into zone from public.organizations o where o.id = organization;
  return (
    with steps as (
      select app.begin_of(zone, l) as begins, app.begin_of(zone, l + width) as ends
        from generate_series(case step when 'day' then date_trunc('day', from_at at time zone zone)
                                       else date_bin(width, from_at at time zone zone, '2000-01-01') end,
                             (to_at at time zone zone) - interval '1 microsecond', width) as l
       where step = 'day'
      union all
      select s, s + width from generate_series(date_bin(width, from_at, app.midnight_at(zone, from_at)), to_at - interval '1 microsecond', width) as s
       where step <> 'day'
    )
    select coalesce(jsonb_agg(jsonb_build_object('from', s.begins, 'to', s.ends) || (
             select app.ratios(coalesce(sum((i.sums).answered), 0), coalesce(sum((i.sums).in_time), 0), coalesce(sum((i.sums).abandoned), 0),
                               coalesce(sum((i.sums).short), 0), coalesce(sum((i.sums).flowed_out), 0), coalesce(sum((i.sums).missed), 0),
                               coalesce(sum((i.sums).answered_wait_s), 0), coalesce(sum((i.sums).abandoned_wait_s), 0))
               || jsonb_build_object('handled', coalesce(sum((i.sums).handled), 0),
                    'aht_s', round(sum((i.sums).talk_s + (i.sums).hold_s + (i.sums).wrap_up_s) / nullif(sum((i.sums).handled), 0), 3))
               from app.interval_sums i
              where i.organization_id = interval_figures.organization and i.quarter >= s.begins and i.quarter < s.ends
                and (queue is null or i.queue_id = queue))
           order by s.begins), '[]') from steps s);
end
$$;
comment on function public.interval_figures(uuid, timestamptz, timestamptz, text, uuid) is
  'What ended in each quarter, half, hour or day of the organization''s zone, of one queue or all: counts, service level, abandonment, ASA; of all also calls handled and AHT. For any member; no customers in it.';

create function public.agent_figures(organization uuid, from_at timestamptz, to_at timestamptz) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
begin
  if organization is null or not organization = any (app.orgs_with('organization.read')) then
    raise exception 'organization % has no such member', coalesce(organization::text, '(none)') using errcode = '42501';
  end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_object('agent_id', a.agent_id, 'handled', a.handled, 'ring_s', a.ring_s, 'talk_s', a.talk_s,
             'hold_s', a.hold_s, 'wrap_up_s', a.wrap_up_s, 'aht_s', round((a.talk_s + a.hold_s + a.wrap_up_s) / nullif(a.handled, 0), 3))
             order by a.agent_id), '[]')
      from (select i.agent_id, sum((i.sums).handled) as handled, sum((i.sums).ring_s) as ring_s, sum((i.sums).talk_s) as talk_s,
                   sum((i.sums).hold_s) as hold_s, sum((i.sums).wrap_up_s) as wrap_up_s
              from app.interval_sums i
             where i.organization_id = agent_figures.organization and i.agent_id is not null
               and (i.agent_id = auth.uid() or agent_figures.organization = any ((select app.orgs_with('metrics.read'))::uuid[]))
               and i.quarter >= app.quarter(agent_figures.from_at) and i.quarter < agent_figures.to_at
             group by i.agent_id) a);
end
$$;
comment on function public.agent_figures(uuid, timestamptz, timestamptz) is
  'Talk, hold, wrap-up and ring seconds of each agent, by segment, and the calls that they handled, in the quarters from the first moment to the second: of all to who may read metrics, else one''s own.';

-- Why was the level low at 10:15? The visits that missed the goal, as far as the caller's policies show them.
create function public.missed_goal(organization uuid, from_at timestamptz, to_at timestamptz, queue uuid default null) returns setof public.queue_visits
language sql stable set search_path = ''
begin atomic
  select v.* from public.queue_visits v
   where v.organization_id = missed_goal.organization and v.exited_at >= missed_goal.from_at and v.exited_at < missed_goal.to_at
     and (missed_goal.queue is null or v.queue_id = missed_goal.queue)
     and v.outcome in ('answered', 'abandoned', 'missed') and not v.in_time and not v.short
   order by v.wait_s desc limit 1000;
end;
comment on function public.missed_goal(uuid, timestamptz, timestamptz, uuid) is
  'The visits that ended then and count against the service level, the longest first, 1,000 at most; the caller''s policies decide what is shown.';

revoke execute on function app.judge_visit(), app.judge_segment(), app.quarter(timestamptz), app.visit_sums(text, boolean, boolean, numeric, int),
  app.segment_sums(text, boolean, numeric, int), app.count_visit(), app.count_segment(), app.judge_anew(),
  app.forget_intervals(), app.fold_intervals(int), app.begin_of(text, timestamp),
  app.ratios(numeric, numeric, numeric, numeric, numeric, numeric, numeric, numeric),
  public.interval_figures(uuid, timestamptz, timestamptz, text, uuid), public.agent_figures(uuid, timestamptz, timestamptz),
  public.missed_goal(uuid, timestamptz, timestamptz, uuid) from public;
grant execute on function public.interval_figures(uuid, timestamptz, timestamptz, text, uuid), public.agent_figures(uuid, timestamptz, timestamptz),
  public.missed_goal(uuid, timestamptz, timestamptz, uuid) to authenticated;
