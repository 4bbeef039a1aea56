-- A row of every table for an organization; where rows are somebody's, one for each of its people.
create schema if not exists app_test;
create function app_test.fill(org uuid, people uuid[]) returns void language plpgsql as $$
declare
  queue constant uuid := uuidv7();
  call constant uuid := uuidv7();
  team constant uuid := uuidv7();
  account constant uuid := uuidv7();
  contact constant uuid := uuidv7();
  template constant uuid := uuidv7();
  rule constant uuid := uuidv7();
  endpoint constant uuid := uuidv7();
  p uuid;
  stream uuid;
  card uuid;
  agent uuid;
begin
  insert into teams (id, organization_id, name) values (team, org, 'team');
  insert into queues (id, organization_id, name) values (queue, org, 'queue');
  insert into wrap_up_codes (organization_id, code, label) values (org, 'sale', 'Sale');
  insert into provider_accounts (id, organization_id, provider, account_sid, secret_ref, public_base_url)
    values (account, org, 'twilio', 'AC' || org, 'ref', 'https://example.com');
  insert into phone_numbers (organization_id, e164, queue_id) values (org, '+1' || (abs(hashtext(org::text)) % 1000000000 + 1000000000), queue);
  insert into contacts (id, organization_id, number) values (contact, org, '+14155550001');
  insert into calls (id, organization_id, provider_call_sid, direction, from_number, to_number, state)
    values (call, org, 'CA' || call, 'inbound', '+14155550001', '+18005550100', 'new');
  insert into call_legs (organization_id, call_id, provider_leg_sid, role, status) values (org, call, 'leg', 'customer', 'ringing');
  insert into active_calls (organization_id, call_id, agent_id, status) values (org, call, people[1], 'ringing');
  insert into parked_calls (organization_id, call_id, slot, parked_by, parked_at, timeout_at, ring_back_to)
    values (org, call, 1, people[1], now(), now(), people[1]);
  insert into ring_events (organization_id, call_id, call_sid, event_type) values (org, call, 'sid', 'offered');
  insert into provider_events (organization_id, provider, dedup_key) values (org, 'twilio', 'k' || org);
  insert into queue_visits (organization_id, call_id, queue_id, entered_at) values (org, call, queue, now());
  insert into call_segments (organization_id, call_id, agent_id, kind, from_at) values (org, call, people[1], 'ring', now());
  insert into telephony_commands (organization_id, call_id, kind, next_at) values (org, call, 'hold', 'infinity');
  insert into idempotency_keys (organization_id, user_id, key, request_hash, status, answer) values (org, people[1], 'k', '\x00', 200, '{}');
  insert into recordings (organization_id, call_id, title) values (org, call, 'recording');
  insert into transcripts (organization_id, call_id) values (org, call);
  insert into transcript_segments (organization_id, call_id, track, seq, text) values (org, call, 'inbound', 1, 'hello');
  insert into ai_analyses (organization_id, call_id, step) values (org, call, 'summary');
  insert into scorecard_templates (id, organization_id, name) values (template, org, 'template');
  insert into alert_rules (id, organization_id, name, metric, comparator, threshold) values (rule, org, 'rule', 'longest_wait_s', '>', 60);
  delete from alert_rules where organization_id = org and id <> rule;
  update alert_rules set enabled = false where id = rule;  -- nobody looks at it while access is looked at
  insert into alerts (organization_id, alert_rule_id, name, metric, severity, threshold, value, started_at)
    values (org, rule, 'rule', 'longest_wait_s', 'warning', 60, 61, now());
  insert into alert_states (organization_id, alert_rule_id) values (org, rule);
  insert into admin_metrics (organization_id, metric, bucket_start, "window") values (org, 'calls', now(), '1 h');
  insert into api_keys (organization_id, name, secret_hash) values (org, 'key', '\x00');
  insert into invitations (organization_id, email, role) values (org, 'invited@example.com', 'agent');
  insert into webhooks.endpoints (id, organization_id, url, bindings, role, claims, enabled)
    values (endpoint, org, 'https://example.com', '[]', 'service_role', '{}', false);
  insert into webhooks.messages (endpoint_id, epoch, position, key, type, body, next_at, created_at)
    values (endpoint, 1, '0/1#0', endpoint, 'public.calls.insert', '{}', now(), now());
  insert into audit_logs (organization_id, action, success) values (org, 'login', true);
  foreach p in array people loop
    stream := uuidv7();
    card := uuidv7();
    insert into profiles (id, organization_id, display_name) values (p, org, 'Somebody') on conflict do nothing;
    insert into profile_private (id, organization_id, email) values (p, org, p || '@example.com');
    insert into team_members (organization_id, team_id, user_id) values (org, team, p);
    insert into voip_users (organization_id, user_id, extension, client_identity)
      values (org, p, left(p::text, 8), 'u' || replace(p::text, '-', '')) returning id into agent;
    insert into queue_members (organization_id, queue_id, user_id) values (org, queue, p);
    insert into streams (id, organization_id, name, owner) values (stream, org, 'stream', p);
    insert into agent_executions (organization_id, stream_id, agent_id) values (org, stream, 'scout');
    insert into acquisition_scans (organization_id, owner) values (org, p);
    insert into signal_alerts (organization_id, user_id, business_name, signal_type) values (org, p, 'Acme', 'hiring');
    insert into notifications (organization_id, user_id, source, kind, title) values (org, p, 'call', 'missed-call', 'Missed');
    insert into notification_prefs (organization_id, user_id, kind) values (org, p, 'missed-call');
    insert into saved_views (organization_id, user_id, page, name) values (org, p, 'history', 'mine');
    insert into scorecards (id, organization_id, call_id, template_id, agent_id, status) values (card, org, call, template, p, 'final');
    insert into scorecards (organization_id, call_id, template_id, agent_id, status) values (org, call, template, p, 'draft');
    insert into scorecard_answers (organization_id, scorecard_id, question) values (org, card, 'greeting');
    insert into comments (organization_id, entity_type, entity_id, author, body) values (org, 'call', call, p, 'words');
    insert into comments (organization_id, entity_type, entity_id, author, body) values (org, 'recording', call, p, 'words');
  end loop;
end
$$;

-- Runs a statement and takes it back: how many rows it concerned, or the SQLSTATE that it raised.
create function app_test.attempt(statement text) returns text language plpgsql as $$
declare
  n bigint;
begin
  begin
    execute statement;
    get diagnostics n = row_count;
    raise exception using errcode = 'UNDO0', message = n::text;
  exception
    when sqlstate 'UNDO0' then return sqlerrm;
    when others then return sqlstate;
  end;
end
$$;
grant usage on schema app_test to authenticated, anon;
grant execute on function app_test.attempt(text) to authenticated, anon;
