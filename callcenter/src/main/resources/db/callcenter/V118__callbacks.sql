-- A caller who does not want to wait is called back: the place stays, the line does not (SPEC L22).
alter table public.queues
  add offer_callback boolean not null default false;
comment on column public.queues.offer_callback is 'Who waits hears their place and the estimated wait, and may press 1 to be called back.';

alter table public.calls
  add callback_number text check (callback_number ~ '^\+[1-9][0-9]{6,14}$'),
  add callback_requested_at timestamptz,
  add callback_dialled_at timestamptz,
  add check ((callback_number is null) = (callback_requested_at is null)),
  add check (callback_dialled_at is null or callback_requested_at is not null);
comment on column public.calls.callback_dialled_at is 'Once: a callback that was not answered is over.';

-- What a caller is told of the wait: their place among those of the queue, and how long it takes, by the calls of the last hour.
create function app.place_in_queue(call uuid, at timestamptz) returns table (place int, wait_s int)
language sql stable set search_path = '' as $$
  with c as (select * from public.calls k where k.id = call),
  ahead as (select count(*)::int as n from c join public.calls o on o.organization_id = c.organization_id and o.queue_id = c.queue_id
             where o.ended_at is null and o.state in ('queued', 'ringing') and (o.queued_at, o.id) <= (c.queued_at, c.id)),
  handled as (select avg(extract(epoch from s.to_at - s.from_at)) as seconds from c join public.call_segments s on s.organization_id = c.organization_id
                join public.calls o on o.organization_id = s.organization_id and o.id = s.call_id and o.queue_id = c.queue_id
               where s.kind in ('talk', 'hold', 'wrap_up') and s.to_at > at - interval '1 hour'),
  staffed as (select count(*) as n from c join public.queue_members m on m.organization_id = c.organization_id and m.queue_id = c.queue_id
                join public.voip_users v on v.organization_id = m.organization_id and v.user_id = m.user_id
               where v.work_state not in ('offline', 'paused', 'unreachable'))
  select ahead.n, least(7200, round(ahead.n * coalesce(handled.seconds, 180) / greatest(1, staffed.n)))::int
    from ahead, handled, staffed
$$;
revoke execute on function app.place_in_queue from public;
comment on function app.place_in_queue is
  'An estimate, and told as one: place x mean handling time of the last hour (180 s without any) / agents who are there, at most two hours (DOMAIN 2.4, EWT).';

-- A browser that is loaded anew takes its agent's leg with it, as one that hangs up does; its socket tells which (SPEC L24).
alter table public.calls
  add leg_lost_at  timestamptz,
  add rejoin_asked boolean not null default false;
comment on column public.calls.leg_lost_at is 'When the leg of the agent who has it ended, of whom it is not known yet whether they come back.';
comment on column public.calls.rejoin_asked is 'They are rung at again, into the same call.';
create index calls_without_leg on public.calls (organization_id, due_at) where leg_lost_at is not null and ended_at is null;
