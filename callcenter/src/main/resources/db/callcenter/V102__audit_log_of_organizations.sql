-- Entries about people belong to their organization; its owners, admins and auditors read them.
create function app.assign_audit_log() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if new.organization_id is null then
    select r.organization_id into new.organization_id from public.user_roles r
     where r.user_id = coalesce(new.actor, case when new.entity = 'user' and new.entity_id ~ '^[0-9a-f-]{36}$' then new.entity_id::uuid end)
     order by r.created_at limit 1;
  end if;
  return new;
end
$$;
create trigger assign before insert on public.audit_logs for each row execute function app.assign_audit_log();

create function app.orgs_to_audit() returns uuid[] language sql stable security definer set search_path = ''
begin atomic
  select coalesce(array_agg(r.organization_id), '{}') from public.user_roles r
   where r.user_id = auth.uid() and r.role in ('owner', 'admin', 'auditor');
end;
comment on function app.orgs_to_audit() is 'The organizations whose audit log the token''s user may read.';
revoke execute on function app.orgs_to_audit() from public;
grant execute on function app.orgs_to_audit() to authenticated, service_role;
create policy audit_logs_of_auditor on public.audit_logs for select to authenticated
  using (organization_id = any ((select app.orgs_to_audit())::uuid[]));
grant select on public.audit_logs to authenticated, service_role;
alter publication supabase_realtime add table public.audit_logs;
