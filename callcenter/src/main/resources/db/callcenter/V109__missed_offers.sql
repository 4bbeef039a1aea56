-- Who lets offers pass is not there (RONA, redirection on no answer): after so many in a row the agent is paused, so that
-- callers are not kept waiting by an empty chair. What was missed stays in ring_events, the pause in agent_state_log.
alter table public.queues add column missed_limit int not null default 2 check (missed_limit between 0 and 100);
comment on column public.queues.missed_limit is 'Offers in a row that an agent may let pass before being paused; 0: any number.';

alter table public.voip_users add column missed_offers int not null default 0 check (missed_offers >= 0);
alter table public.voip_users add column missed_too_many boolean not null default false;
comment on column public.voip_users.missed_offers is 'In a row, since the agent last did something.';
comment on column public.voip_users.missed_too_many is 'The server is about to pause the agent.';
create index voip_users_missed_too_many on public.voip_users (organization_id, user_id) where missed_too_many;

create function app.count_missed_offer() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  most int;
begin
  select coalesce(q.missed_limit, 0) into most from public.calls c
    left join public.queues q on q.organization_id = c.organization_id and q.id = c.queue_id where c.id = new.call_id;
  update public.voip_users v
     set missed_offers = v.missed_offers + 1, missed_too_many = most > 0 and v.missed_offers + 1 >= most
   where v.organization_id = new.organization_id and v.user_id = coalesce(new.target_agent_id, new.agent_id);
  return null;
end
$$;
revoke execute on function app.count_missed_offer() from public;
create trigger count_missed after insert on public.ring_events
  for each row when (new.event_type = 'missed') execute function app.count_missed_offer();

-- Whatever an agent does shows that they are there: takes a call, declines to be available, comes back.
create function app.forget_missed_offers() returns trigger language plpgsql set search_path = '' as $$
begin
  new.missed_offers := 0;
  new.missed_too_many := false;
  return new;
end
$$;
revoke execute on function app.forget_missed_offers() from public;
create trigger forget_missed before update on public.voip_users for each row
  when (new.missed_offers > 0 and (new.work_state not in ('available', 'offered') or old.work_state not in ('available', 'offered')))
  execute function app.forget_missed_offers();
