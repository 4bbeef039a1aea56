-- Telephone lines: what a provider's account needs beside its token, which legs live apart from the one that dialled them,
-- and which queues record (SPEC L19).
alter table public.provider_accounts
  add api_key_sid text,
  add api_key_secret_ref text,
  add api_base_url text check (api_base_url ~ '^https?://');
comment on column public.provider_accounts.secret_ref is 'Where the secret is, never the secret: env:NAME or file:/path. Messages are signed with it.';
comment on column public.provider_accounts.api_key_sid is 'Of the key that tokens of browsers'' phones are signed with.';
comment on column public.provider_accounts.api_base_url is 'Where its API is, if not where the provider says.';

-- It names secrets and hosts of the machine: who runs the server sets it (switchboard twilio connect), no admin of an
-- organization over HTTP.
revoke insert, update, delete on public.provider_accounts from authenticated;

alter table public.queues
  add record boolean not null default false,
  add transcribe boolean not null default false;
comment on column public.queues.record is 'Its calls are recorded from their first answer to their end.';

alter table public.call_legs
  add in_room boolean not null default false,
  add hung_up boolean not null default false;
comment on column public.call_legs.hung_up is 'The provider says that this end hung up, and was not hung up on.';
comment on column public.call_legs.in_room is 'It was moved into the room of its call: the leg that dialled it may end or go elsewhere without it.';
create index call_legs_by_sid on public.call_legs (provider_leg_sid);
comment on index public.call_legs_by_sid is 'Not led by organization_id: a message of a provider finds its call by it.';

alter table public.transcripts
  add provider_sid text;
comment on column public.transcripts.provider_sid is 'Of the transcription that is written down; a second one of the same call is not.';
alter table public.transcript_segments
  add provider_seq int;
comment on column public.transcript_segments.provider_seq is 'Of the last message that changed it: an older one does not.';

alter table public.provider_events
  add attempts int not null default 0;
comment on column public.provider_events.attempts is 'How often it came again, or was taken up again.';
create index provider_events_left on public.provider_events (received_at) where not applied;
comment on index public.provider_events_left is 'Not led by organization_id: what could not be applied is taken up in the order in which it came.';
create index provider_events_by_age on public.provider_events (received_at);
comment on index public.provider_events_by_age is 'Not led by organization_id: old ones go, whosever they are.';

-- A call without a queue at whose agents it rings no more, because they took another, waits for who is free next.
insert into app.call_transitions (from_state, event, to_state) values ('ringing', 'decline', 'new');

-- A provider connects an agent whom it rang, though by then the books had the call elsewhere: it is theirs.
insert into app.call_transitions (from_state, event, to_state) values
  ('new', 'start', 'active'), ('queued', 'start', 'active'), ('missed', 'answer_heard', 'completed');
