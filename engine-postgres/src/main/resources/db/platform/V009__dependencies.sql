-- The tables that policies read besides their own: their changes come by the stream, and nobody can subscribe to them.
do $$
begin
  if not exists (select from pg_publication where pubname = 'switchboard_dependencies') then
    create publication switchboard_dependencies;
  end if;
end
$$;
