-- Whoever defines something in the database tells the data API, which then reads the catalog again. (A request that does not find
-- what it asks for looks by itself, so where there is no event trigger nothing fails either.)
create function switchboard.tell_the_data_api() returns event_trigger language plpgsql set search_path = '' as $$
begin
  notify pgrst, 'reload schema';
end
$$;
create event trigger switchboard_defined on ddl_command_end execute function switchboard.tell_the_data_api();
create event trigger switchboard_dropped on sql_drop execute function switchboard.tell_the_data_api();
