-- Whoever signs an address up that is not confirmed yet has a link, and a password, of their own: so several may be under way.
alter table auth.one_time_tokens add column place int not null default 0;
alter table auth.one_time_tokens drop constraint one_time_tokens_pkey;
alter table auth.one_time_tokens add primary key (user_id, purpose, place);
comment on column auth.one_time_tokens.place is 'Which of several sign-ups; 0 for every other purpose.';
