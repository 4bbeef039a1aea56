-- The table of examples/notes.html: everybody sees and writes notes of their own.
create table if not exists public.demo_notes (
  id         bigint generated always as identity primary key,
  owner      uuid not null default auth.uid(),
  body       text not null check (length(body) between 1 and 500),
  done       boolean not null default false,
  created_at timestamptz not null default now()
);
alter table public.demo_notes enable row level security;
alter table public.demo_notes force row level security;
alter table public.demo_notes replica identity full;
drop policy if exists own on public.demo_notes;
create policy own on public.demo_notes to authenticated using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
do $$
begin
  if not exists (select from pg_publication_tables where pubname = 'supabase_realtime' and tablename = 'demo_notes') then
    alter publication supabase_realtime add table public.demo_notes;
  end if;
end
$$;
