-- The roles of tokens, and what policies ask of a token (Supabase's conventions).
do $$
begin
  if not exists (select from pg_roles where rolname = 'anon') then
    create role anon nologin noinherit;
  end if;
  if not exists (select from pg_roles where rolname = 'authenticated') then
    create role authenticated nologin noinherit;
  end if;
  if not exists (select from pg_roles where rolname = 'service_role') then
    create role service_role nologin noinherit bypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'authenticator') then
    create role authenticator login noinherit;
  end if;
end
$$;
grant anon, authenticated, service_role to authenticator;

grant usage on schema public to anon, authenticated, service_role;
-- A new table in public is reachable by every role, and its policies decide what is seen; without row level security
-- everything is. `switchboard publish` warns of that.
alter default privileges in schema public grant select, insert, update, delete on tables to anon, authenticated, service_role;
alter default privileges in schema public grant usage, select on sequences to anon, authenticated, service_role;

create schema auth;
grant usage on schema auth to anon, authenticated, service_role;

create function auth.jwt() returns jsonb language sql stable
return coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb;
comment on function auth.jwt() is 'The claims of the token under which the request runs.';

create function auth.uid() returns uuid language sql stable
return (auth.jwt() ->> 'sub')::uuid;
comment on function auth.uid() is 'The user of the token, claim sub; null without one.';

create function auth.role() returns text language sql stable
return auth.jwt() ->> 'role';
comment on function auth.role() is 'The role of the token.';

create function auth.email() returns text language sql stable
return auth.jwt() ->> 'email';
comment on function auth.email() is 'The e-mail address of the token''s user.';

-- Stored generated columns are part of what subscribers see; PostgreSQL publishes them from version 18 on.
do $$
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime') then
    if current_setting('server_version_num')::int >= 180000 then
      execute 'create publication supabase_realtime with (publish_generated_columns = stored)';
    else
      execute 'create publication supabase_realtime';
    end if;
  end if;
end
$$;
