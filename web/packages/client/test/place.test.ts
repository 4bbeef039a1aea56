import { describe, expect, test } from "vitest";
import { Place } from "../src/place.ts";

const FENCE = "1a.2b.3..seal";

function channel() {
  const told: string[] = [];
  const place = new Place({
    status: (status, error, resumed) => told.push(`${status}${error ? ` ${error.message}` : ""} ${resumed ?? "-"}`),
    caughtUp: () => told.push("caught up"),
    rightsChanged: () => told.push("rights changed"),
  });
  const reply = (switchboard?: { since: string; resumed: boolean }) =>
    place.hear({
      event: "phx_reply",
      payload: { status: "ok", response: { postgres_changes: [], ...(switchboard ? { switchboard } : {}) } },
    });
  const change = (position: string) => place.hear({ event: "postgres_changes", payload: { data: { position } } });
  const notice = (message: string) =>
    place.hear({ event: "system", payload: { status: "ok", extension: "switchboard", message } });
  const caughtUp = () => notice("Caught up");
  const fails = (message: string) => {
    place.hear({ event: "system", payload: { status: "error", extension: "postgres_changes", message } });
    place.status("CHANNEL_ERROR", undefined);
  };
  return { place, told, reply, change, notice, caughtUp, fails };
}

describe("H1 H2 where a channel is", () => {
  test("is the fence at first, then the last change", () => {
    const { place, reply, change, told } = channel();
    place.status("SUBSCRIBED", undefined);
    reply({ since: FENCE, resumed: false });
    const first = place.wish.since;
    change("0/1#0");

    expect(first).toBe(FENCE);
    expect(place.wish.since).toBe(`${FENCE}@0/1#0`);
    expect(told).toEqual(["SUBSCRIBED false"]);
  });

  test("whether it goes on is told with the status", () => {
    const { place, reply, told } = channel();
    place.status("SUBSCRIBED", undefined);
    reply({ since: FENCE, resumed: true });
    place.status("CHANNEL_ERROR", new Error("gone"));
    place.status("SUBSCRIBED", undefined);
    reply({ since: FENCE, resumed: true });

    expect(told).toEqual(["SUBSCRIBED true", "CHANNEL_ERROR gone -", "SUBSCRIBED true"]);
  });

  test("a reply that comes too late for its join is no reason to believe that nothing is missing", () => {
    const { place, reply, told } = channel();
    place.status("SUBSCRIBED", undefined);
    reply({ since: FENCE, resumed: true });
    place.status("TIMED_OUT", undefined);
    reply({ since: "other", resumed: false });
    place.status("SUBSCRIBED", undefined);
    reply({ since: "other", resumed: true });
    place.status("CHANNEL_ERROR", undefined);
    place.status("SUBSCRIBED", undefined);
    reply({ since: "other", resumed: true });

    expect(told).toEqual(["SUBSCRIBED true", "TIMED_OUT -", "SUBSCRIBED false", "CHANNEL_ERROR -", "SUBSCRIBED true"]);
  });

  test("without a reply in the same breath it begins anew", async () => {
    const { place, reply, told } = channel();
    reply({ since: FENCE, resumed: true });
    place.status("SUBSCRIBED", undefined);
    await Promise.resolve();

    expect(told).toEqual(["SUBSCRIBED false"]);
  });

  test("a server that knows nothing of it", () => {
    const { place, reply, told } = channel();
    place.status("SUBSCRIBED", undefined);
    reply();
    place.ask();
    place.answered("0/9#-1");

    expect(told).toEqual(["SUBSCRIBED false"]);
    expect(place.wish).toEqual({ positions: true });
  });

  test("a heartbeat moves it on where nothing waits and nothing came meanwhile", () => {
    const { place, reply, change, caughtUp } = channel();
    place.status("SUBSCRIBED", undefined);
    reply({ since: FENCE, resumed: true });
    place.ask();
    place.answered("0/5#-1");
    const waiting = place.wish.since;
    caughtUp();
    place.ask();
    change("0/7#0");
    place.answered("0/6#-1");
    const overtaken = place.wish.since;
    place.ask();
    place.answered("0/8#-1");

    expect([waiting, overtaken, place.wish.since]).toEqual([undefined, `${FENCE}@0/7#0`, `${FENCE}@0/8#-1`]);
  });

  test("a heartbeat says nothing of a channel that is not joined", () => {
    const { place, reply, change, caughtUp, fails } = channel();
    place.status("SUBSCRIBED", undefined);
    reply({ since: FENCE, resumed: false });
    caughtUp();
    change("0/1#0");
    place.ask();
    fails("Token has expired 1 seconds ago");
    place.answered("0/9#-1");
    place.ask();
    place.answered("0/9#-1");

    expect(place.wish.since).toBe(`${FENCE}@0/1#0`);
  });

  test("what could not be told in time can be told later", () => {
    const { place, reply, change, fails } = channel();
    place.status("SUBSCRIBED", undefined);
    reply({ since: FENCE, resumed: false });
    change("0/1#0");
    fails("AuthorizationTimedOut: Changes could not be authorized in time");

    expect(place.wish.since).toBe(`${FENCE}@0/1#0`);
  });

  test("that rights are others says nothing of what was missed", () => {
    const { place, reply, change, notice, told } = channel();
    place.status("SUBSCRIBED", undefined);
    reply({ since: FENCE, resumed: true });
    change("0/1#0");
    notice("Rights changed");
    place.ask();
    place.answered("0/9#0");

    expect(told).toEqual(["SUBSCRIBED true", "rights changed"]);
    expect(place.wish.since).toBe(`${FENCE}@0/1#0`);
  });

  test("what ended a channel is not gone on from", () => {
    const { place, reply, change, fails } = channel();
    place.status("SUBSCRIBED", undefined);
    reply({ since: FENCE, resumed: false });
    change("0/1#0");
    fails("TableTruncated: The table was truncated");

    expect(place.wish).toEqual({ positions: true });
  });
});

describe("I1 a channel whose query is to be kept", () => {
  const kept = () => {
    const told: string[] = [];
    const listener = { status: () => {}, notKept: (ever: boolean) => told.push(`not kept, ever ${ever}`) };
    return { place: new Place(listener, undefined, true), told };
  };
  const reply = (switchboard?: { live: boolean }) => ({
    event: "phx_reply",
    payload: { status: "ok", response: { postgres_changes: [{ id: 1 }], ...(switchboard ? { switchboard } : {}) } },
  });

  test("knows by the reply of a server that keeps none", () => {
    const { place, told } = kept();
    place.hear(reply({ live: true }));
    const offered = [...told];
    place.hear(reply());

    expect(offered).toEqual([]);
    expect(told).toEqual(["not kept, ever false"]);
  });

  test("knows that this one is refused, and of no other error", () => {
    const { place, told } = kept();
    for (const message of ["LiveQueryRefused: a view", "MemoryLimit", "Token has expired", "DatabaseUnavailable"]) {
      place.hear({ event: "system", payload: { status: "error", extension: "switchboard", message } });
    }

    expect(told).toEqual(["not kept, ever true", "not kept, ever true"]);
  });
});
