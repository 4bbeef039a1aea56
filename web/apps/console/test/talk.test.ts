import { describe, expect, test } from "vitest";
import type { CallSegment } from "../src/data/rows.ts";
import { inHand, speakerAt } from "../src/data/talk.ts";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString();
let count = 0;
const segment = (agent: string, kind: string, from: number, to?: number): CallSegment => ({
  id: `s${count++}`,
  call_id: "c",
  agent_id: agent,
  kind,
  from_at: at(from),
  to_at: to === undefined ? null : at(to),
});

/** Ann talks, holds, the call is parked, and Bob takes it out of its slot. */
const handedOn = [
  segment("ann", "ring", 0, 5),
  segment("ann", "talk", 5, 15),
  segment("ann", "hold", 15, 20),
  segment("bob", "ring", 50, 55),
  segment("bob", "talk", 55),
];

describe("KF28: time and words of a call by its own segments", () => {
  test("an agent's timer starts with the agent, not with colleagues or parking", () => {
    expect(inHand(handedOn, "bob")).toEqual({ before: 0, since: Date.parse(at(55)) });
  });

  test("who had it before has what they had", () => {
    expect(inHand(handedOn, "ann")).toEqual({ before: 15_000, since: undefined });
  });

  test("talk and hold count together, ringing and wrap-up do not", () => {
    const own = [...handedOn.slice(0, 3), segment("ann", "wrap_up", 20)];
    expect(inHand(own, "ann")).toEqual({ before: 15_000, since: undefined });
  });

  test("a call that comes back goes on counting", () => {
    const back = [...handedOn.slice(0, 3), segment("ann", "talk", 100)];
    expect(inHand(back, "ann")).toEqual({ before: 15_000, since: Date.parse(at(100)) });
  });

  test("who never had it has nothing", () => {
    expect(inHand(handedOn, "cid")).toEqual({ before: 0, since: undefined });
  });

  test("words belong to who spoke then", () => {
    expect(speakerAt(handedOn, Date.parse(at(10)))).toBe("ann");
    expect(speakerAt(handedOn, Date.parse(at(30)))).toBe("ann");
    expect(speakerAt(handedOn, Date.parse(at(60)))).toBe("bob");
    expect(speakerAt(handedOn, Date.parse(at(1)))).toBeUndefined();
  });
});
