-- What the tests of KF4 to KF20 ask for: tables that refer to themselves, computed relationships, private schemas, functions of every
-- shape, media types and representations of their own.
create schema priv;

create table public.node (
  id int primary key, name text not null, parent_id int constraint node_parent references public.node,
  twin_id int unique constraint node_twin references public.node);
insert into public.node values (1, 'root', null, null), (2, 'left', 1, 3), (3, 'right', 1, null), (4, 'leaf', 2, null);
create view public.twig as select id, name as label, parent_id from public.node where id > 1;
create table public.friendship (
  one int constraint friendship_one references public.node, other int constraint friendship_other references public.node,
  primary key (one, other));
insert into public.friendship values (2, 3), (2, 4);

create table public.client (id int primary key, name text not null);
create table public.project (id int primary key, name text not null, client_id int references public.client);
create table public.task (
  id int primary key, name text not null, hours int not null, project_id int references public.project,
  opened date not null default '2026-01-01');
insert into public.client values (1, 'Acme'), (2, 'Zeta');
insert into public.project values (1, 'Roof', 1), (2, 'Wall', 1), (3, 'Gate', 2), (4, 'Loose', null);
insert into public.task values (1, 'tile', 3, 1), (2, 'nail', 5, 1), (3, 'brick', 8, 2), (4, 'paint', 2, 3), (5, 'stray', 1, null);
create function public.owner(public.task) returns setof public.client rows 1 language sql stable as
  'select c.* from public.client c join public.project p on p.client_id = c.id where p.id = $1.project_id';
create function public.colleagues(public.task) returns setof public.task language sql stable as
  'select t.* from public.task t where t.project_id = $1.project_id and t.id <> $1.id';
create function public.first_task(p public.project) returns public.task language sql stable as
  'select t.* from public.task t where t.project_id = p.id order by t.id limit 1';
-- stands before the foreign key of that name: the clients in capitals
create function public.client(public.project) returns setof public.client rows 1 language sql stable as
  'select id, upper(name) from public.client where id = $1.client_id';
create function public.ancestors(public.node) returns setof public.node language sql stable as $$
  with recursive up as (
    select n.* from public.node n where n.id = $1.parent_id
    union all select n.* from public.node n join up on n.id = up.parent_id)
  select * from up $$;
create function public.leaves(public.twig) returns setof public.twig language sql stable as
  'select t.* from public.twig t where t.parent_id = $1.id';

create table priv.author (id int primary key, name text not null);
create table priv.book (id int primary key, title text not null, author_id int references priv.author);
create table priv.shelf (id int primary key, place text not null);
create table priv.book_shelf (
  book_id int references priv.book, shelf_id int references priv.shelf, primary key (book_id, shelf_id));
insert into priv.author values (1, 'Ada'), (2, 'Bob');
insert into priv.book values (1, 'Sums', 1), (2, 'Tables', 1), (3, 'Walks', 2);
insert into priv.shelf values (1, 'hall'), (2, 'attic');
insert into priv.book_shelf values (1, 1), (1, 2), (3, 2);
create view public.author as select * from priv.author;
create view public.book as select * from priv.book;
create view public.shelf as select id, place from priv.shelf;
create view priv.short as select id, title, author_id from priv.book where length(title) < 6;
create view public.short_book as select s.id as key, s.title as heading, s.author_id as written_by from priv.short s;

create table public.vector_words (id int primary key, body text not null);
create domain public.search_vector as tsvector;
alter table public.vector_words add column words public.search_vector;
insert into public.vector_words values (1, 'fat cats', to_tsvector('english', 'fat cats')), (2, 'thin rats', to_tsvector('english', 'thin rats'));
create function public.found(public.vector_words) returns tsvector language sql immutable as
  $$ select to_tsvector('english', $1.body) $$;
create table public.colors (id int primary key, name text not null);
insert into public.colors values (1, 'red'), (2, ' blue'), (3, 'blue'), (4, 'yellow '), (5, 'a,b'), (6, '');

create table public.parts (id int not null, region text not null, n int, primary key (id, region)) partition by list (region);
create table public.parts_a partition of public.parts for values in ('a');
create table public.parts_b partition of public.parts for values in ('b');
create table public.rows15 (id int primary key, a int default 4, twice int generated always as (a * 2) stored);
insert into public.rows15 select n from generate_series(1, 15) n;
create view public.rows_view as select id, a from public.rows15;

create function public.whole(text) returns text language sql immutable as $$ select 'text:' || $1 $$;
create function public.whole_json(json) returns text language sql immutable as $$ select 'json:' || ($1 ->> 'a') $$;
create function public.whole_bytes(bytea) returns int language sql immutable as $$ select length($1) $$;
create function public.either(text) returns text language sql immutable as $$ select 'text' $$;
create function public.either(bytea) returns text language sql immutable as $$ select 'bytea' $$;
create function public.either(json) returns text language sql immutable as $$ select 'json' $$;
create function public.either(jsonb) returns text language sql immutable as $$ select 'jsonb' $$;
create function public.over(a int) returns text language sql immutable as $$ select 'int' $$;
create function public.over(a text) returns text language sql immutable as $$ select 'text' $$;
create function public.over(a int, b int) returns text language sql immutable as $$ select 'two' $$;
create function public.joined(variadic words text[] default '{}') returns text language sql immutable as
  $$ select array_to_string(words, '+') $$;
create function public.added(base int, variadic n int[]) returns int language sql immutable as
  'select base + coalesce((select sum(x)::int from unnest(n) x), 0)';
create function public.patient() returns text language sql set statement_timeout = '7s' as
  $$ select current_setting('statement_timeout') $$;
create function public.isolated() returns text language sql set default_transaction_isolation = 'serializable' as
  $$ select current_setting('transaction_isolation') $$;
create function public.hasty() returns void language sql set statement_timeout = '150ms' as 'select pg_sleep(20)';
create function public.raised() returns void language plpgsql as $$ begin
  raise sqlstate 'PGRST' using message = '{"code":"123","message":"Pay first","details":"Quota","hint":"Upgrade"}',
    detail = '{"status":402,"headers":{"X-Shop":"open","Retry-After":"9"}}'; end $$;
create function public.raised_badly(message text, detail text) returns void language plpgsql as
  $$ begin raise sqlstate 'PGRST' using message = message, detail = detail; end $$;
create function public.some_record() returns record language sql stable as 'select * from public.project where id = 1';
create function public.some_records() returns setof record language sql stable as 'select * from public.project order by id limit 2';
create domain public.good_project as public.project check ((value).id > 0);
create function public.good() returns public.good_project language sql stable as
  'select p from public.project p where id = 1';
create function public.letters(c char) returns text language sql immutable as $$ select c::text $$;
create function public.bits(b bit) returns text language sql immutable as $$ select b::text $$;
create function public.scalars(n int) returns setof int language sql immutable as 'select generate_series(1, n)';
create function public.counted() returns int language sql as 'select 7';

create domain public."text/xml" as text;
create domain public."image/svg+xml" as text;
create domain public."application/x-lines" as text;
create domain public."application/octet-stream" as bytea;
create function public.page() returns public."text/xml" language sql immutable as $$ select '<p>hi</p>'::public."text/xml" $$;
create function public.picture(size int default 3) returns public."image/svg+xml" language sql immutable as
  $$ select ('<svg width="' || size || '"/>')::public."image/svg+xml" $$;
create function public.raw() returns public."application/octet-stream" language sql immutable as
  $$ select '\x00ff10'::bytea::public."application/octet-stream" $$;
create function public.lines_step(state public."application/x-lines", one public.client)
  returns public."application/x-lines" language sql immutable as
  $$ select (coalesce(state, '') || one.id || ' ' || one.name || chr(10))::public."application/x-lines" $$;
create aggregate public.lines_of (public.client) (sfunc = public.lines_step, stype = public."application/x-lines");
create domain public."text/x-count" as text;
create function public.count_step(state public."text/x-count", one anyelement) returns public."text/x-count" language sql immutable as
  $$ select (coalesce(state, '0')::int + 1)::text::public."text/x-count" $$;
create aggregate public.counts_of (anyelement) (sfunc = public.count_step, stype = public."text/x-count", initcond = '0');

create domain public.color as int check (value >= 0 and value < 16777216);
create function public.color_json(public.color) returns json language sql immutable as
  $$ select to_json('#' || lpad(to_hex($1), 6, '0')) $$;
create function public.color_of(text) returns public.color language sql immutable as
  $$ select ('x' || lpad(replace($1, '#', ''), 8, '0'))::bit(32)::int::public.color $$;
create function public.color_of(json) returns public.color language sql immutable as $$ select public.color_of($1 #>> '{}') $$;
create cast (public.color as json) with function public.color_json(public.color) as implicit;
create cast (json as public.color) with function public.color_of(json) as implicit;
create cast (text as public.color) with function public.color_of(text) as implicit;
create table public.paint (id int primary key, name text not null, hue public.color);
insert into public.paint values (1, 'sea', 255), (2, 'sun', 16776960), (3, 'none', null);

grant select, insert, update, delete on all tables in schema public to anon, authenticated, service_role;
grant execute on all functions in schema public to anon, authenticated, service_role;
grant usage on schema priv to anon;
grant select on priv.book_shelf to anon;
