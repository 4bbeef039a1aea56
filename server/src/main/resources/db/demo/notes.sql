-- The table of examples/notes.html: everybody sees and writes notes of their own. One that is there stays as it is: policies that are made
-- anew at each start would have whoever comes back begin anew (SPEC A14).
do $$
begin
  if to_regclass('public.demo_notes') is not null then
    return;
  end if;
  create table public.demo_notes (
    id         bigint generated always as identity primary key,
    owner      uuid not null default auth.uid(),
    body       text not null check (length(body) between 1 and 500),
    done       boolean not null default false,
    created_at timestamptz not null default now()
  );
  alter table public.demo_notes enable row level security;
  alter table public.demo_notes force row level security;
  alter table public.demo_notes replica identity full;
  create policy own on public.demo_notes to authenticated using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
  alter publication supabase_realtime add table public.demo_notes;
end
$$;
