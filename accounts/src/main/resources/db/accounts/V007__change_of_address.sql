-- A change of address asks the new address, and the one that is given up as well.
alter table auth.users add column email_change_awaits text[] not null default '{}';
comment on column auth.users.email_change_awaits is 'Purposes of the links that have still to come back before the address changes.';
update auth.users set email_change_awaits = '{email_change}' where email_change is not null;
alter table auth.one_time_tokens drop constraint one_time_tokens_purpose_check;
alter table auth.one_time_tokens add constraint one_time_tokens_purpose_check check (purpose in
  ('signup', 'invite', 'magiclink', 'recovery', 'email_change', 'email_change_current', 'reauthentication'));
