import { describe, expect, test } from "vitest";
import { type IncomingSources, incomingCalls, type Row, rememberOffers } from "../src/index.ts";

const ME = "me";
const T = (second: number) => `2026-01-01T10:00:${String(second).padStart(2, "0")}.000+00:00`;

const ringing = (call: string, at = 1): IncomingSources => ({
  offers: [{ id: `o-${call}`, call_id: call, agent_id: ME, status: "ringing", offered_at: T(at) }],
  events: [
    { id: `e-${call}`, call_id: call, event_type: "offered", target_agent_id: ME, agent_id: null, created_at: T(at) },
  ],
  calls: [{ id: call, state: "ringing", claimed_by: null, company_name: "Elm" }],
  self: { user_id: ME, work_state: "offered", state_since: T(at) },
});

const ids = (sources: IncomingSources, known = true) => incomingCalls(ME, sources, known).map(({ callId }) => callId);

/** What each source says when a call leaves a console (SPEC L10). */
type Signals = Record<"offers" | "events" | "calls" | "self", (before: IncomingSources) => Partial<IncomingSources>>;

const without = (rows: readonly Row[], id: string) => rows.filter((row) => row.id !== id);

const leaves = (state: string | null, event: Row): Signals => ({
  offers: ({ offers }) => ({ offers: without(offers, "o-1") }),
  events: ({ events }) => ({
    events: [
      ...events,
      { id: "end", call_id: "1", created_at: T(9), target_agent_id: null, agent_id: "other", ...event },
    ],
  }),
  calls: ({ calls }) => ({
    calls:
      state === null
        ? without(calls, "1")
        : calls.map((call) => (call.id === "1" ? { ...call, state, claimed_by: "other" } : call)),
  }),
  self: () => ({ self: { user_id: ME, work_state: "available", state_since: T(9) } }),
});

const SCENARIOS: Record<string, Signals> = {
  "claimed by another": leaves("claimed", { event_type: "ring_cancel", reason: "answered_elsewhere" }),
  "caller hangs up": leaves(null, { event_type: "ring_cancel", reason: "caller_hangup", agent_id: null }),
  "it is over": leaves(null, { event_type: "ended", agent_id: null }),
  "taken back into the queue": leaves("queued", { event_type: "ring_cancel", reason: "timeout", agent_id: null }),
};

describe("F001-18 F001-19 F001-20 F001-22 incoming calls", () => {
  for (const [name, signals] of Object.entries(SCENARIOS)) {
    for (const source of Object.keys(signals) as (keyof Signals)[]) {
      test(`${name}: ${source} alone ends the card`, () => {
        const before = ringing("1");
        const after = { ...before, ...signals[source](before) };
        const former = rememberOffers(new Map(), ME, before.offers);

        expect(ids({ ...before, former })).toEqual(["1"]);
        expect(ids({ ...after, former })).toEqual([]);
      });

      test(`${name}: with ${source} lost the others end it`, () => {
        const before = ringing("1");
        let given: IncomingSources = { ...before, former: rememberOffers(new Map(), ME, before.offers) };
        for (const other of Object.keys(signals) as (keyof Signals)[]) {
          given = other === source ? given : { ...given, ...signals[other](given) };
        }

        expect(ids(given)).toEqual([]);
      });
    }
  }

  test("two calls are shown and cleared each by itself, oldest first", () => {
    const [one, two] = [ringing("1", 3), ringing("2", 1)];
    const both: IncomingSources = {
      offers: [...one.offers, ...two.offers],
      events: [...one.events, ...two.events],
      calls: [...one.calls, ...two.calls],
      self: one.self,
    };
    const cancelled = {
      ...both,
      events: [
        ...both.events,
        { call_id: "1", event_type: "ring_cancel", target_agent_id: null, agent_id: "x", created_at: T(5) },
      ],
    };

    expect(ids(both)).toEqual(["2", "1"]);
    expect(ids(cancelled)).toEqual(["2"]);
  });

  test("F001-11 a claim's ring_cancel is not for who claimed, nor another's target", () => {
    const before = ringing("1");
    const mine = {
      ...before,
      events: [
        ...before.events,
        { call_id: "1", event_type: "ring_cancel", target_agent_id: "other", agent_id: ME, created_at: T(5) },
      ],
    };

    expect(ids(mine)).toEqual(["1"]);
  });

  test("a call that is offered again after a cancel rings again", () => {
    const before = ringing("1", 1);
    const again = {
      ...before,
      offers: ringing("1", 8).offers,
      events: [
        ...before.events,
        { call_id: "1", event_type: "ring_cancel", target_agent_id: null, agent_id: null, created_at: T(5) },
      ],
    };

    expect(ids(again)).toEqual(["1"]);
  });

  test("with the row of the offer lost, its event shows the card", () => {
    expect(ids({ ...ringing("1"), offers: [] })).toEqual(["1"]);
  });

  test("before the calls are known, what rings is shown", () => {
    expect(ids({ ...ringing("1"), calls: [] }, false)).toEqual(["1"]);
    expect(ids({ ...ringing("1"), calls: [] }, true)).toEqual([]);
  });
});
