-- An agent whose last browser has closed is offered nothing: unreachable until a socket of theirs is there again.
alter table public.voip_users
  add column desk_phone  boolean not null default false,
  add column has_console boolean not null default false,
  add column lost_at     timestamptz;
create index voip_users_lost on public.voip_users (organization_id, user_id) where lost_at is not null;
comment on column public.voip_users.desk_phone is 'Rings a telephone of its own: reachable without a console, too.';
comment on column public.voip_users.has_console is 'Had a socket once; who never had one is not expected to.';
comment on column public.voip_users.lost_at is 'When the last socket was missed; null while one is there.';
