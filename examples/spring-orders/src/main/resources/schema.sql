create table if not exists orders (
  id bigint generated always as identity primary key,
  customer uuid not null,
  item text not null,
  state text not null default 'new',
  created_at timestamptz not null default now()
);
alter table orders enable row level security;
-- a customer sees their own orders: in queries of the data API as in every change that reaches the browser
drop policy if exists own on orders;
create policy own on orders for select to authenticated using (customer = auth.uid());
grant select on orders to authenticated;

-- what the listener has done: a double is known by its position
create table if not exists deliveries (
  position text primary key,
  order_id bigint not null,
  state text not null,
  noted_at timestamptz not null default clock_timestamp()
);
