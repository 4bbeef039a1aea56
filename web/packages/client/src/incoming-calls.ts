import type { Row } from "./transport.ts";

/** A call that rings for somebody, as a card shows it. */
export interface IncomingCall {
  readonly callId: string;
  /** ISO 8601. */
  readonly offeredAt: string;
  /** The call's row, once it is known. */
  readonly call: Row | undefined;
}

/** Everything that tells of a call that rings or has stopped to: each alone is enough to end a card (SPEC L10). */
export interface IncomingSources {
  /** Rows of `active_calls`. */
  readonly offers: readonly Row[];
  /** Rows of `ring_events`, any order. */
  readonly events: readonly Row[];
  /** Rows of `calls` or `calls_enriched` that are not over. */
  readonly calls: readonly Row[];
  /** The agent's own row of `voip_users`. */
  readonly self: Row | undefined;
  /** What {@link rememberOffers} made of all former `offers`: a row that was there and is gone ends its card. */
  readonly former?: FormerOffers;
}

/** Per call, the newest `offered_at` that a row of `active_calls` ever had for the agent. */
export type FormerOffers = ReadonlyMap<string, string>;

/** @returns the same map where nothing is new */
export function rememberOffers(former: FormerOffers, agentId: string, offers: readonly Row[]): FormerOffers {
  const fresh = offers.filter((row) => row.agent_id === agentId && former.get(String(row.call_id)) !== row.offered_at);
  return fresh.length === 0
    ? former
    : new Map([...former, ...fresh.map((row) => [String(row.call_id), String(row.offered_at)] as const)]);
}

/** An event of an offer is written in the same transaction as its row, so at most this much after it. */
const SAME_OFFER_MS = 1_000;

const RINGING_STATES: readonly unknown[] = ["ringing", "transferring"];
const ENDING_EVENTS: readonly unknown[] = ["ring_cancel", "ended"];
/** What only concerns the agent who did it, or let it pass. */
const OWN_EVENTS: readonly unknown[] = ["answered", "declined", "missed"];

/**
 * The calls that ring for one agent, oldest first, keyed by call: what one source says of a call touches that card alone
 * (FEATURES C3), and any one source may be missing.
 *
 * @param callsKnown whether `calls` is complete: then a call that is not in it is over
 */
export function incomingCalls(agentId: string, sources: IncomingSources, callsKnown: boolean): readonly IncomingCall[] {
  const calls = new Map(sources.calls.map((call) => [call.id, call]));
  return latestOffers(agentId, sources)
    .filter(({ callId, offeredAt }) => {
      const call = calls.get(callId);
      return (
        (call ? RINGING_STATES.includes(call.state) && call.claimed_by !== agentId : !callsKnown) &&
        !sources.events.some((event) => ends(event, agentId, callId, offeredAt)) &&
        !isFreeSince(sources.self, offeredAt)
      );
    })
    .map(({ callId, offeredAt }) => ({ callId, offeredAt, call: calls.get(callId) }))
    .sort((a, b) => (a.offeredAt < b.offeredAt ? -1 : a.offeredAt > b.offeredAt ? 1 : a.callId < b.callId ? -1 : 1));
}

/** Per call the newest offer to the agent, from the rows and from the events. */
function latestOffers(agentId: string, { offers, events, former }: IncomingSources) {
  const found = new Map<string, string>();
  const see = (callId: unknown, at: unknown) => {
    const [call, time] = [String(callId), String(at)];
    if (time > (found.get(call) ?? "")) {
      found.set(call, time);
    }
  };
  for (const row of offers) {
    if (row.agent_id === agentId && row.status === "ringing") {
      see(row.call_id, row.offered_at);
    }
  }
  for (const event of events) {
    const known = former?.get(String(event.call_id));
    const isTold = known !== undefined && Date.parse(String(event.created_at)) <= Date.parse(known) + SAME_OFFER_MS;
    if (event.event_type === "offered" && event.target_agent_id === agentId && !isTold) {
      see(event.call_id, event.created_at);
    }
  }
  return [...found].map(([callId, offeredAt]) => ({ callId, offeredAt }));
}

/** A ring_cancel concerns its target; without one, everybody but who acted. */
function ends(event: Row, agentId: string, callId: string, offeredAt: string): boolean {
  const mine = event.target_agent_id === agentId || event.target_agent_id === null;
  const byMe = event.agent_id === agentId && OWN_EVENTS.includes(event.event_type);
  return (
    event.call_id === callId &&
    String(event.created_at) >= offeredAt &&
    (byMe || (mine && ENDING_EVENTS.includes(event.event_type)))
  );
}

/** An agent who is free again, or went away, after the offer is rung at no more by it. */
function isFreeSince(self: Row | undefined, offeredAt: string): boolean {
  const free = self !== undefined && ["available", "offline", "paused"].includes(String(self.work_state));
  return free && String(self?.state_since) > offeredAt;
}
