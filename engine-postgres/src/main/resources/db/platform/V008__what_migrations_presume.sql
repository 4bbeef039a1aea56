-- What the migrations of projects made for the original presume: extensions in a schema of their own, which is searched after public, and
-- roles that things are granted to. (An extension that this PostgreSQL lacks stays out; a migration that asks for it says so.)
create schema if not exists extensions;
grant usage on schema extensions to anon, authenticated, service_role;
do $$
declare
  wanted text;
begin
  foreach wanted in array array['uuid-ossp', 'pgcrypto'] loop
    if exists (select from pg_available_extensions where name = wanted) then
      execute format('create extension if not exists %I with schema extensions', wanted);
    end if;
  end loop;
  foreach wanted in array array['supabase_admin', 'supabase_auth_admin', 'supabase_storage_admin', 'dashboard_user'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      execute format('create role %I nologin noinherit', wanted);
    end if;
  end loop;
  execute format('alter database %I set search_path = "$user", public, extensions', current_database());
end
$$;
