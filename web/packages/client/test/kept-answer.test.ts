import { afterEach, describe, expect, test } from "vitest";
import { type Change, LiveClient, type QueryOf, type Row } from "../src/index.ts";
import { KeptAnswer } from "../src/kept-answer.ts";
import { FakePlatform } from "./fake-platform.ts";
import { FakeServer } from "./fake-server.ts";

const QUERY = { schema: "public", table: "calls", query: "", key: ["id"] };
const EMBEDDED: QueryOf<Row[]> = (sb) => sb.from("calls").select("*, agents(name)").eq("state", "active").limit(2);

describe("I2 the operations of a kept answer", () => {
  test("make one list of another, each on what the one before left", () => {
    const kept = new KeptAnswer(QUERY);
    kept.take({ ops: [{ op: "reset", rows: ["a", "b", "c"].map((id) => ({ id })) }], stale: false });
    kept.take({
      ops: [
        { op: "delete", at: 1 },
        { op: "insert", at: 0, row: { id: "d" } },
        { op: "move", from: 2, to: 0 },
        { op: "update", at: 1, row: { id: "d", state: "active" } },
      ],
      stale: false,
    });

    expect(kept.rows).toEqual([{ id: "c" }, { id: "d", state: "active" }, { id: "a" }]);
    expect(kept.isCurrent).toBe(true);
  });

  test("I6: come as often as its list wants to be told", () => {
    expect(new KeptAnswer(QUERY, 2).query).toEqual({ ...QUERY, max_rate: 2 });
    expect(new KeptAnswer(QUERY).query).toEqual(QUERY);
    expect([new KeptAnswer(QUERY, 2).heldMs, new KeptAnswer(QUERY).heldMs]).toEqual([500, 0]);
    expect(new KeptAnswer(QUERY, 1 / 3).query.max_rate).toBe(1 / 3);
    for (const rate of [0, -1, 1_001, Number.NaN]) {
      expect(() => new KeptAnswer(QUERY, rate)).toThrow(RangeError);
    }
  });

  test("count from a reset on, after each join", () => {
    const kept = new KeptAnswer(QUERY);
    kept.joined();
    kept.take({ ops: [{ op: "insert", at: 0, row: { id: "a" } }], stale: false });
    const early = [kept.isCurrent, kept.rows.length];
    kept.take({ ops: [{ op: "reset", rows: [] }], stale: false });
    const told = kept.isCurrent;
    kept.joined();
    kept.take({ ops: [{ op: "insert", at: 0, row: { id: "b" } }], stale: false });

    expect(early).toEqual([false, 0]);
    expect(told).toBe(true);
    expect([kept.isCurrent, kept.rows.length]).toEqual([false, 0]);
  });

  test("an answer that cannot be read is not current", () => {
    const kept = new KeptAnswer(QUERY);
    kept.take({ ops: [{ op: "reset", rows: [] }], stale: false });
    kept.take({ ops: [], stale: true });
    const stale = kept.isCurrent;
    kept.take({ ops: [], stale: false });

    expect([stale, kept.isCurrent]).toEqual([false, true]);
  });
});

const opened: LiveClient[] = [];
afterEach(() => {
  for (const live of opened.splice(0)) live.close();
});

async function visit(
  keeps: boolean,
  query: QueryOf<Row[]> = EMBEDDED,
  before: (server: FakeServer) => void = () => {},
) {
  const platform = new FakePlatform();
  const server = new FakeServer(platform);
  server.keeps = keeps;
  server.put({ id: "1", state: "active", rank: 1 });
  before(server);
  const live = new LiveClient(server.client, { platform, transport: server, pollMs: 5_000 });
  opened.push(live);
  const list = live.list<Row>(query);
  if (!list) throw new Error("nothing to ask");
  const changes: Change[] = [];
  list.onChange((change) => changes.push(change));
  const release = live.retain(list);
  await platform.advance(500);
  return { platform, server, live, list, release, changes, ids: () => list.getSnapshot().data.map(({ id }) => id) };
}

describe("I1 a list that a changed row does not decide", () => {
  test("is kept by the server: no request, neither at first nor when something changes", async () => {
    const { platform, server, list, ids, changes } = await visit(true);
    const first = [ids(), list.getSnapshot().isLive];

    server.put({ id: "0", state: "active", rank: 0 });
    server.put({ id: "2", state: "active", rank: 2 });
    await platform.advance(100);

    expect(first).toEqual([["1"], true]);
    expect(ids()).toEqual(["0", "1"]);
    expect(changes.map(({ kind, new: { id } }) => `${kind} ${id}`)).toEqual(["INSERT 0"]);
    expect(server.requests).toBe(0);
  });

  test("is asked for as ever, of a server that keeps none, and the next one at once so", async () => {
    const { platform, server, live, list, ids } = await visit(false);
    const asked = server.requests;
    server.put({ id: "2", state: "active", rank: 2 });
    await platform.advance(1_000);
    const next = live.list<Row>((sb) => sb.from("calls").select("id, agents(name)"));
    if (next) live.retain(next);
    const channels = live.channels.getSnapshot().map(({ name }) => name);

    expect(asked).toBe(1);
    expect(ids()).toEqual(["1", "2"]);
    expect(list.getSnapshot().isLive).toBe(true);
    expect(channels.filter((name) => name.includes("kept"))).toEqual([]);
  });

  test("is asked for where the server refuses to keep it; others are kept", async () => {
    const { platform, server, live, ids, list } = await visit(true);
    server.refuseKept();
    await platform.advance(500);
    server.put({ id: "2", state: "active", rank: 2 });
    await platform.advance(1_000);
    const next = live.list<Row>((sb) => sb.from("calls").select("id, agents(name)"));
    if (next) live.retain(next);
    await platform.advance(500);
    const names = live.channels.getSnapshot().map(({ name }) => name);

    expect(ids()).toEqual(["1", "2"]);
    expect(list.getSnapshot().isLive).toBe(true);
    expect(names.map((name) => name.replace(/\d+$/, ""))).toEqual(["live:public.calls", "live:public.calls:kept:"]);
  });

  test("polls while the socket is away, and is exact with the first answer after", async () => {
    const { platform, server, ids, list } = await visit(true);
    server.cut("refused");
    server.put({ id: "2", state: "active", rank: 2 });
    await platform.advance(7_000);
    const away = [ids(), list.getSnapshot().isLive];
    const { requests } = server;
    server.remove("1");
    server.socket = "up";
    await platform.advance(1_500);
    const back = [ids(), list.getSnapshot().isLive];
    await platform.advance(20_000);

    expect(away).toEqual([["1", "2"], false]);
    expect(requests).toBeGreaterThan(0);
    expect(back).toEqual([["2"], true]);
    expect(server.requests - requests).toBeLessThanOrEqual(1);
  });

  test("is not live while the server cannot read it, and asks itself meanwhile", async () => {
    const { platform, server, list } = await visit(true);
    server.tellKept(true);
    await platform.advance(100);
    const stale = list.getSnapshot().isLive;
    const before = server.requests;
    await platform.advance(11_000);
    const asked = server.requests - before;
    server.tellKept(false);
    await platform.advance(100);

    expect(stale).toBe(false);
    expect(asked).toBeGreaterThan(0);
    expect(list.getSnapshot().isLive).toBe(true);
  });

  test("what is kept counts, where an older answer is still on its way", async () => {
    const { platform, server, list, ids } = await visit(true);
    server.httpMs = 200;
    server.tellKept(true);
    void list.refetch();
    await platform.advance(50);
    server.put({ id: "0", state: "active", rank: 0 });
    await platform.advance(500);

    expect(ids()).toEqual(["0", "1"]);
    expect(list.getSnapshot()).toMatchObject({ isLive: true, isFetching: false });
  });

  test("of another list with the same query is told whole, though the first was before", async () => {
    const { platform, live, server } = await visit(true);
    const other = live.list<Row>(EMBEDDED, { refreshMs: 60_000 });
    if (!other) throw new Error("nothing to ask");
    live.retain(other);
    await platform.advance(100);
    server.put({ id: "0", state: "active", rank: 0 });
    await platform.advance(100);

    expect(other.getSnapshot()).toMatchObject({ isLive: true, data: [{ id: "0" }, { id: "1" }] });
    expect(server.requests).toBe(0);
  });

  test("is told whole again where the way to the server was doubted, though its channel is still there", async () => {
    const { platform, server, list, ids } = await visit(true);
    server.behindMs = 40_000; // the server says that it is far behind
    server.heartbeat();
    const doubted = list.getSnapshot().isLive;
    server.rows.clear(); // and nobody is told
    server.behindMs = 0;
    server.heartbeat();
    const before = [list.getSnapshot().isLive, ids()];
    await platform.advance(100);

    expect(doubted).toBe(false);
    expect(before).toEqual([false, ["1"]]);
    expect([list.getSnapshot().isLive, ids()]).toEqual([true, []]);
    expect(server.requests).toBe(0);
  });

  test("is not asked for by hand while it is told", async () => {
    const { platform, server, list } = await visit(true);
    server.http = "down";
    await Promise.all([list.refetch(), platform.advance(100)]);

    expect(server.requests).toBe(0);
    expect(list.getSnapshot()).toMatchObject({ isLive: true, error: undefined });
  });

  test("says at once that it is not live where it is not kept any more", async () => {
    const { server, list } = await visit(true);
    server.http = "down";
    server.refuseKept();

    expect(list.getSnapshot().isLive).toBe(false);
  });

  test("counts and single objects are asked for; a plain list may be kept", async () => {
    const counted = await visit(true, (sb) => sb.from("calls").select("*, agents(name)", { count: "exact" }));
    const plain = await visit(true, (sb) => sb.from("calls").select("*"));

    expect(counted.server.requests).toBe(1);
    expect(plain.server.requests).toBe(1);
  });
});
