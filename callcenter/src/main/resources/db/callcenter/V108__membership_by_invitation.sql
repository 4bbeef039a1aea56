-- Membership: by an invitation that the invited accept, and for as long as they want. And what an installation that made an
-- organization by itself takes back with its first user.

create table public.invitations (
  id              uuid primary key default uuidv7(),
  organization_id uuid not null references public.organizations on delete cascade,
  email           text not null check (email = lower(email) and length(email) between 3 and 254),
  code            text not null default gen_random_uuid()::text,
  role            text not null check (role in ('owner', 'admin', 'supervisor', 'agent', 'viewer', 'auditor')),
  invited_by      uuid default auth.uid(),
  expires_at      timestamptz not null default now() + interval '14 days',
  accepted_at     timestamptz,
  accepted_by     uuid,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (organization_id, email)
);
comment on column public.invitations.code is 'Whoever invites hands it to the invited: where addresses are not confirmed, anybody can sign up with one.';
comment on table public.invitations is 'Not published: of use to who invites, who asks for it, and it holds secrets.';
create trigger zz_touch before update on public.invitations for each row execute function app.touch();
alter table public.invitations enable row level security;
alter table public.invitations force row level security;
revoke all on public.invitations from anon, authenticated, service_role;

-- The address of the asking user, which is theirs: nobody else is reached by it.
create function app.own_email() returns text language sql stable security definer set search_path = ''
return (select u.email from auth.users u where u.id = auth.uid() and u.email_confirmed_at is not null and u.deleted_at is null);
revoke execute on function app.own_email() from public;

create policy write_by_permission on public.invitations for all to authenticated
  using (organization_id = any ((select app.orgs_with('users.manage'))::uuid[]))
  with check (organization_id = any ((select app.orgs_with('users.manage'))::uuid[]) and accepted_at is null and accepted_by is null);
grant select, insert (organization_id, email, role, expires_at), delete on public.invitations to authenticated;
grant select, insert, update, delete on public.invitations to service_role;

create function app.guard_invitations() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if auth.uid() is not null and new.role = 'owner' and not app.may(auth.uid(), new.organization_id, 'organization.delete') then
    raise exception 'only an owner invites owners' using errcode = '42501';
  end if;
  return new;
end
$$;
revoke execute on function app.guard_invitations() from public;
create trigger guard before insert on public.invitations for each row execute function app.guard_invitations();

create function public.accept_invitation(code text) returns public.user_roles
language plpgsql security definer set search_path = '' as $$
declare
  wanted public.invitations;
  membership public.user_roles;
begin
  select * into wanted from public.invitations i
   where i.code = accept_invitation.code and i.email = app.own_email() and i.accepted_at is null and i.expires_at > now() for update;
  if not found then
    raise exception 'there is no such invitation for you, or it has expired' using errcode = 'PT404';
  end if;
  update public.invitations set accepted_at = now(), accepted_by = auth.uid() where id = wanted.id;
  insert into public.user_roles (organization_id, user_id, role) values (wanted.organization_id, auth.uid(), wanted.role)
    on conflict (organization_id, user_id) do nothing;
  select * into membership from public.user_roles r where r.organization_id = wanted.organization_id and r.user_id = auth.uid();
  return membership;
end
$$;
comment on function public.accept_invitation(text) is 'Makes the asking user a member, by an invitation to their address and the code that came with it.';
revoke execute on function public.accept_invitation(text) from public, anon;
grant execute on function public.accept_invitation(text) to authenticated;

-- Whoever is a member may leave; the last owner stays, as ever.
create policy leave on public.user_roles for delete to authenticated using (user_id = (select auth.uid()));

-- As before, and: users make themselves members, by accepting, and nobody else.
create or replace function app.guard_user_roles() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  actor constant uuid := auth.uid();
  ranks constant text[] := '{viewer,agent,auditor,supervisor,admin,owner}';
begin
  if tg_op = 'DELETE' and not exists (select from public.organizations o where o.id = old.organization_id) then
    return old;  -- it goes with its organization
  end if;
  if tg_op = 'UPDATE' and (new.user_id, new.organization_id) is distinct from (old.user_id, old.organization_id) then
    raise exception 'a role stays with its user and organization; delete it and make another' using errcode = '42501';
  end if;
  if actor is not null and tg_op = 'INSERT' then
    if not exists (select from public.invitations i where i.organization_id = new.organization_id and i.role = new.role
                      and i.accepted_by = new.user_id and i.accepted_by = actor and i.accepted_at = now()) then
      raise exception 'a user becomes a member by accepting an invitation: insert it into invitations, and they call accept_invitation'
        using errcode = '42501';
    end if;
    return new;
  end if;
  if actor is not null then
    if tg_op <> 'DELETE' and new.user_id = actor
       and array_position(ranks, new.role) > coalesce(array_position(ranks, case when tg_op = 'UPDATE' then old.role end), 0) then
      raise exception 'nobody raises their own role' using errcode = '42501';
    end if;
    if ((tg_op <> 'INSERT' and old.role = 'owner') or (tg_op <> 'DELETE' and new.role = 'owner'))
       and not app.may(actor, coalesce(new.organization_id, old.organization_id), 'organization.delete') then
      raise exception 'only an owner makes or removes owners' using errcode = '42501';
    end if;
  end if;
  if tg_op <> 'INSERT' and old.role = 'owner' and (tg_op = 'DELETE' or new.role <> 'owner') then
    perform from public.organizations where id = old.organization_id for update;  -- two owners must not remove each other
    if not exists (select from public.user_roles r where r.organization_id = old.organization_id
                              and r.role = 'owner' and r.id <> old.id) then
      raise exception 'the last owner of an organization stays; make another owner first' using errcode = '23514';
    end if;
  end if;
  return coalesce(new, old);
end
$$;

alter table public.organizations add column made_for uuid;
comment on column public.organizations.made_for is 'The first user of the installation, for whom it was made by itself.';

-- Whether anything but its only member hangs on an organization.
create function app.holds_something(organization uuid, member uuid) returns boolean language plpgsql stable set search_path = '' as $$
declare
  t record;
  found_one boolean;
begin
  if exists (select from public.user_roles r where r.organization_id = organization and r.user_id <> member) then
    return true;
  end if;
  for t in select c.relname from pg_catalog.pg_class c
            join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
              and c.relname not in ('user_roles', 'profiles', 'profile_private', 'audit_logs') loop
    execute format('select exists (select from public.%I where organization_id = $1)', t.relname) into found_one using organization;
    if found_one then
      return true;
    end if;
  end loop;
  return false;
end
$$;
revoke execute on function app.holds_something(uuid, uuid) from public;

create or replace function app.after_user() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  organization uuid;
begin
  if tg_op = 'DELETE' or new.deleted_at is not null then
    for organization in select o.id from public.organizations o where o.made_for = old.id loop
      if not app.holds_something(organization, old.id) then
        delete from public.organizations where id = organization;
      end if;
    end loop;
    delete from public.user_roles where user_id = old.id;  -- which the last owner's is not
    if tg_op = 'DELETE' then
      delete from public.profiles where id = old.id;
    else
      delete from public.profile_private where id = old.id;
    end if;
    return null;
  end if;
  insert into public.profiles (id, display_name) values (new.id, coalesce(
      nullif(new.raw_user_meta_data ->> 'display_name', ''), nullif(new.raw_user_meta_data ->> 'name', ''),
      nullif(split_part(new.email, '@', 1), ''), 'Guest')) on conflict do nothing;
  insert into public.profile_private (id, email, phone) values (new.id, new.email, new.phone)
    on conflict (id) do update set email = excluded.email, phone = coalesce(excluded.phone, profile_private.phone)
    where (profile_private.email, profile_private.phone) is distinct from (excluded.email, coalesce(excluded.phone, profile_private.phone));
  -- the first, and nobody who was there before: whoever changes an address later owns nothing by that
  if new.email_confirmed_at is not null and not new.is_anonymous
     and (tg_op = 'INSERT' or old.email_confirmed_at is null or old.is_anonymous)
     and coalesce(current_setting('switchboard.call_centre', true), '') <> 'off' and not exists (select from public.organizations) then
    perform pg_advisory_xact_lock(7234598172636);  -- of two first users only one is the first
    if not exists (select from public.organizations)
       and not exists (select from auth.users u where u.id <> new.id and u.email_confirmed_at is not null
                                                  and not u.is_anonymous and u.deleted_at is null) then
      insert into public.organizations (name, slug, made_for)
        values (coalesce(nullif(new.raw_user_meta_data ->> 'organization', ''), 'My organization'), 'main', new.id)
        returning id into organization;
      insert into public.user_roles (organization_id, user_id, role) values (organization, new.id, 'owner');
    end if;
  end if;
  return null;
end
$$;
