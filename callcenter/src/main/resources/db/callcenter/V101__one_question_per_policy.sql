-- Who sees calls is one question, asked once per statement instead of once per row: a member has one role in an
-- organization (unique), so "member, but no viewer" is a list of organizations.
create function app.orgs_with_calls() returns uuid[] language sql stable security definer set search_path = ''
begin atomic
  select coalesce(array_agg(r.organization_id), '{}') from public.user_roles r
   where r.user_id = auth.uid() and r.role <> 'viewer';
end;
comment on function app.orgs_with_calls() is
  'The organizations whose calls and customers'' numbers the token''s user may see: all of theirs but those they only view.';
revoke execute on function app.orgs_with_calls() from public;
grant execute on function app.orgs_with_calls() to authenticated, service_role;

alter policy voip_users_of_member on public.voip_users
  using (organization_id = any ((select app.orgs_with_calls())::uuid[]));
alter policy calls_of_member on public.calls
  using (organization_id = any ((select app.orgs_with_calls())::uuid[]));
