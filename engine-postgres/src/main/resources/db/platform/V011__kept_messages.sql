-- What is replayed is found by time, so the time has to be one: UTC whatever the session's zone, and of the statement, so that messages
-- of one transaction keep their order.
alter table realtime.messages alter column inserted_at set default (clock_timestamp() at time zone 'UTC');
alter table realtime.messages alter column updated_at set default (clock_timestamp() at time zone 'UTC');

alter table realtime.messages add column expires_at timestamptz;
comment on column realtime.messages.expires_at is 'From then on it is not replayed; null: as long as messages are kept.';
