-- Webhooks are a part of the platform now (schema webhooks). What was here was never filled; those who look after an organization see
-- its endpoints and messages under the same names. Views, and not published: nothing of webhooks is told of by webhooks.
drop table public.webhook_deliveries;
drop table public.webhook_endpoints;

alter table webhooks.endpoints add foreign key (organization_id) references public.organizations on delete cascade;
create index endpoints_by_organization on webhooks.endpoints (organization_id);

create view public.webhook_endpoints with (security_barrier = true) as
  select e.id, e.organization_id, e.url, e.bindings, e.role, e.ordering, e.enabled,
         coalesce(e.disabled_reason, e.problem) as trouble, e.created_at
    from webhooks.endpoints e where e.organization_id = any ((select app.orgs_with('webhooks.manage'))::uuid[]);
comment on view public.webhook_endpoints is 'Who is told of changes by HTTP, of the organizations whose webhooks one may look after.';

create view public.webhook_deliveries with (security_barrier = true) as
  select m.id, e.organization_id, m.endpoint_id, m.type as event, m.state, m.attempts, m.next_at,
         case m.state when 'delivered' then m.ended_at end as delivered_at, m.status, m.error, m.created_at
    from webhooks.messages m join webhooks.endpoints e on e.id = m.endpoint_id
   where e.organization_id = any ((select app.orgs_with('webhooks.manage'))::uuid[]);
comment on view public.webhook_deliveries is 'What they are told of, without what was said: a user may see rows of other organizations too.';

revoke all on public.webhook_endpoints, public.webhook_deliveries from anon, authenticated;
grant select on public.webhook_endpoints, public.webhook_deliveries to authenticated;
