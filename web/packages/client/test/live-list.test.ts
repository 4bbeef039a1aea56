import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import {
  type CachedList,
  type ListCache,
  LiveClient,
  type LiveClientOptions,
  type LogEntry,
  type QueryOf,
  type Row,
} from "../src/index.ts";
import { FakePlatform, settle } from "./fake-platform.ts";
import { FakeServer } from "./fake-server.ts";

const ACTIVE: QueryOf<Row[]> = (sb) =>
  sb.from("calls").select("*").eq("organization_id", "a").in("state", ["ringing", "active"]).order("rank").order("id");
const TOP: QueryOf<Row[]> = (sb) =>
  sb.from("calls").select("*").eq("organization_id", "a").order("rank").order("id").limit(3);

function world(options: LiveClientOptions = {}) {
  const platform = new FakePlatform();
  const server = new FakeServer(platform);
  const logs: LogEntry[] = [];
  const live = new LiveClient(server.client, {
    platform,
    transport: server,
    debug: (entry) => logs.push(entry),
    ...options,
  });
  const watch = (query: QueryOf<Row[]>, listOptions = {}) => {
    const list = live.list<Row>(query, listOptions);
    if (!list) throw new Error("nothing to ask");
    return { list, release: live.retain(list), ids: () => list.getSnapshot().data.map((row) => row.id) };
  };
  opened.push(live);
  return { platform, server, live, logs, watch };
}

const opened: LiveClient[] = [];
afterEach(() => {
  for (const live of opened.splice(0)) live.close();
});

const row = (id: string, state = "ringing", rank = 1, organization = "a") => ({
  id,
  organization_id: organization,
  state,
  rank,
});

describe("a live list", () => {
  test("asks once it is joined, and follows", async () => {
    const { platform, server, watch } = world();
    server.put(row("1"));

    const { ids, list } = watch(ACTIVE);
    await platform.advance(100);
    const first = ids();
    server.put(row("2", "active", 0));
    server.put(row("3", "completed"));
    server.put(row("1", "completed"));
    await platform.advance(100);

    expect(first).toEqual(["1"]);
    expect(ids()).toEqual(["2"]);
    expect(list.getSnapshot().isLive).toBe(true);
    expect(server.requests).toBe(1);
  });

  test("F003-50 asks again after changes that decide what may be seen, and shows what is on its way first", async () => {
    const { platform, server, watch } = world({ refetchOn: [{ schema: "public", table: "user_roles" }] });
    const { ids, list } = watch(ACTIVE);
    await platform.advance(1_000);
    server.httpMs = 200;
    const { requests } = server;
    server.rows.set("1", row("1")); // as where it comes into sight
    server.rightsChange();
    await platform.advance(150);
    server.put({ id: "role" }, "user_roles");
    await platform.advance(100);
    const first = ids();
    await platform.advance(1_000);

    expect(first).toEqual(["1"]);
    expect(server.requests - requests).toBe(2);
    expect(list.getSnapshot()).toMatchObject({ isLive: true, isFetching: false });
  });

  test("A14 asks again when its reader's rights have changed", async () => {
    const { platform, server, watch } = world();
    server.put(row("1"));
    const { ids, list } = watch(ACTIVE);
    await platform.advance(100);

    server.rows.delete("1"); // not for its reader any more, and no change tells
    await platform.advance(500);
    const before = ids();
    server.rightsChange();
    await platform.advance(100);

    expect(before).toEqual(["1"]);
    expect(ids()).toEqual([]);
    expect(list.getSnapshot().isLive).toBe(true);
    expect(server.requests).toBe(2);
  });

  test("merges what arrives while it asks", async () => {
    const { platform, server, watch } = world();
    server.httpMs = 200;
    server.put(row("1"));
    const { ids } = watch(ACTIVE);

    await platform.advance(50); // the request is under way, its answer is of before
    server.put(row("2"));
    server.remove("1");
    await platform.advance(400);

    expect(ids()).toEqual(["2"]);
  });

  test("keeps the identity of rows that did not change", async () => {
    const { platform, server, watch } = world();
    server.put(row("1"));
    server.put(row("2"));
    const { list } = watch(ACTIVE);
    await platform.advance(100);
    const before = list.getSnapshot().data;

    server.put(row("2", "active"));
    await platform.advance(100);
    const after = list.getSnapshot().data;
    void list.refetch();
    await platform.advance(100);

    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
    expect(list.getSnapshot().data).toBe(after);
  });

  test("of a limit asks for the successor of a row that leaves", async () => {
    const { platform, server, watch } = world();
    for (const [index, id] of ["1", "2", "3", "4"].entries()) server.put(row(id, "ringing", index));
    const { ids } = watch(TOP);
    await platform.advance(100);

    server.remove("2");
    await platform.advance(1_000);

    expect(ids()).toEqual(["1", "3", "4"]);
  });

  test("F002-33 F004-28 a burst of 1,000 changes is one notification a frame", async () => {
    const { platform, server, watch } = world();
    const { list } = watch(ACTIVE);
    await platform.advance(100);
    let told = 0;
    list.subscribe(() => told++);

    for (let i = 0; i < 1_000; i++) server.put(row(String(i)));
    await platform.advance(16);

    expect(told).toBe(1);
    expect(list.getSnapshot().data).toHaveLength(1_000);
  });

  test("bounds what waits during a request, and asks once more beyond it", async () => {
    const { platform, server, watch } = world();
    server.httpMs = 1_000;
    const { list } = watch(ACTIVE);
    await platform.advance(50);

    for (let i = 0; i < 10_050; i++) server.put(row(String(i % 20), "ringing", i));
    await platform.advance(5_000);

    expect(list.getSnapshot().data).toHaveLength(20);
    expect(server.requests).toBe(2);
  });

  test("F000-30 nothing leaves before the organization is known", async () => {
    const { platform, server, live } = world();

    expect(live.list(() => null)).toBeNull();
    await platform.advance(60_000);
    expect(server.requests).toBe(0);
  });

  test("F000-14 lists of two organizations are two lists", async () => {
    const { platform, server, watch } = world();
    const of =
      (id: string): QueryOf<Row[]> =>
      (sb) =>
        sb.from("calls").select("*").eq("organization_id", id);
    server.put(row("1", "ringing", 1, "a"));
    server.put(row("2", "ringing", 1, "b"));

    const [a, b] = [watch(of("a")), watch(of("b"))];
    await platform.advance(100);

    expect([a.ids(), b.ids()]).toEqual([["1"], ["2"]]);
  });

  test("F000-12 F002-32 the server filters by the organization", async () => {
    const { platform, live, watch } = world();

    watch(ACTIVE);
    await platform.advance(100);

    expect(live.channels.getSnapshot().map(({ name }) => name)).toEqual(["live:public.calls:organization_id=eq.a"]);
  });
});

describe("H2 a channel that goes on where it was", () => {
  const away = async (options: { pollMs?: number; query?: QueryOf<Row[]> } = {}) => {
    const made = world();
    made.server.resumes = true;
    made.server.put(row("1"));
    made.server.put(row("2"));
    const watched = made.watch(options.query ?? ACTIVE, { pollMs: options.pollMs ?? 60_000 });
    await made.platform.advance(100);
    made.server.cut("refused");
    made.server.put(row("3", "active", 0));
    made.server.put(row("1", "completed"));
    await made.platform.advance(100);
    return { ...made, ...watched };
  };

  test("asks nothing: what was missed comes, and the list is live again", async () => {
    const { platform, server, live, list, ids } = await away();
    const changes: string[] = [];
    list.onChange(({ kind, new: { id } }) => changes.push(`${kind} ${id}`));
    const { requests } = server;
    const during = { live: list.getSnapshot().isLive, ids: ids() };

    server.socket = "up";
    live.reconnect();
    await platform.advance(100);

    expect(during).toEqual({ live: false, ids: ["1", "2"] });
    expect(ids()).toEqual(["3", "2"]);
    expect(changes).toEqual(["INSERT 3", "UPDATE 1"]);
    expect(list.getSnapshot()).toMatchObject({ isLive: true, isFetching: false, error: undefined });
    expect(server.requests).toBe(requests);
  });

  test("is right also where it was asked meanwhile", async () => {
    const { platform, server, list, ids } = await away({ pollMs: 300 });
    const changes: string[] = [];
    list.onChange((change) => changes.push(`${change.kind} ${change.new.id ?? change.old.id}`));
    await platform.advance(500);
    const polled = ids();
    server.put(row("4", "active", 5));
    server.remove("2");

    server.socket = "up";
    await platform.advance(1_500);

    expect(polled).toEqual(["3", "2"]);
    expect(ids()).toEqual(["3", "4"]);
    expect(changes.sort()).toEqual(["DELETE 1", "DELETE 2", "INSERT 3", "INSERT 4"]); // each once
    expect(list.getSnapshot().isLive).toBe(true);
  });

  test("is not live before all that it missed has come", async () => {
    const { platform, server, list } = await away();

    server.socket = "up";
    while (list.getSnapshot().channel !== "SUBSCRIBED") await platform.advance(1);
    const joined = list.getSnapshot().isLive;
    await platform.advance(100);

    expect([joined, list.getSnapshot().isLive]).toEqual([false, true]);
  });

  test("asks for what a change that it missed does not say", async () => {
    const { platform, server, live, ids, list } = await away({ query: TOP });
    for (const id of ["4", "5", "6"]) server.put(row(id, "ringing", 3));
    server.remove("2");

    server.socket = "up";
    live.reconnect();
    await platform.advance(1_000);

    expect(ids()).toEqual(["3", "1", "4"]);
    expect(list.getSnapshot().isLive).toBe(true);
  });

  test("asks after all where what it missed does not come", async () => {
    const { platform, server, live, ids, list } = await away();
    server.catchUpMs = 1_000_000;

    server.socket = "up";
    live.reconnect();
    await platform.advance(3_000);
    const waiting = list.getSnapshot().isLive;
    await platform.advance(3_000);

    expect(waiting).toBe(false);
    expect(ids()).toEqual(["3", "2"]);
    expect(list.getSnapshot().isLive).toBe(true);
  });

  test("asks where the channel could not go on, or a change does not say what becomes of the list", async () => {
    const embedded: QueryOf<Row[]> = (sb) => sb.from("calls").select("*, agents(name)").eq("organization_id", "a");
    for (const { resumes, query } of [
      { resumes: false, query: ACTIVE },
      { resumes: true, query: embedded },
    ]) {
      const { platform, server, list } = await away({ query });
      server.resumes = resumes;
      const { requests } = server;

      server.socket = "up";
      await platform.advance(1_500);

      expect(server.requests).toBeGreaterThan(requests);
      expect(list.getSnapshot().isLive).toBe(true);
    }
  });
});

describe("a list that is kept", () => {
  const memory = (): ListCache & { readonly lists: Map<string, CachedList> } => {
    const lists = new Map<string, CachedList>();
    return {
      lists,
      load: async (id) => lists.get(id),
      save: async (id, list) => void lists.set(id, list),
      clear: async () => lists.clear(),
    };
  };
  const visit = (platform: FakePlatform, server: FakeServer, cache: ListCache) => {
    const live = new LiveClient(server.client, { platform, transport: server, cache, pollMs: 60_000 });
    opened.push(live);
    const list = live.list<Row>(ACTIVE);
    if (!list) throw new Error("nothing to ask");
    live.retain(list);
    return { live, list, ids: () => list.getSnapshot().data.map((one) => one.id) };
  };

  test("opens as it was, marked, while nothing is reached; then it is exact, without being asked", async () => {
    const platform = new FakePlatform();
    const server = new FakeServer(platform);
    server.resumes = true;
    const cache = memory();
    server.put(row("1"));
    const first = visit(platform, server, cache);
    await platform.advance(100);
    server.put(row("2", "active", 2));
    await platform.advance(2_000);
    const kept = platform.now();
    first.live.close();
    server.socket = "refused";
    server.http = "down";
    server.put(row("1", "completed"));
    server.put(row("3", "ringing", 0));
    await platform.advance(60_000);

    const second = visit(platform, server, cache);
    await platform.advance(2_000);
    const during = { ids: second.ids(), ...second.list.getSnapshot() };
    const { requests } = server;
    server.socket = "up";
    server.http = "up";
    second.live.reconnect();
    await platform.advance(200);

    expect(during).toMatchObject({ ids: ["1", "2"], isLive: false, status: "success" });
    expect(during.asOf).toBeLessThanOrEqual(kept);
    expect(second.ids()).toEqual(["3", "2"]);
    expect(second.list.getSnapshot().isLive).toBe(true);
    expect(server.requests).toBe(requests);
  });

  test("is forgotten at sign-out", async () => {
    const platform = new FakePlatform();
    const server = new FakeServer(platform);
    server.resumes = true;
    const cache = memory();
    const { live } = visit(platform, server, cache);
    await platform.advance(2_000);
    const kept = cache.lists.size;

    live.signedOut("bye");
    await platform.advance(2_000);

    expect([kept, cache.lists.size]).toEqual([1, 0]);
  });

  test("a cache that fails is none", async () => {
    const platform = new FakePlatform();
    const server = new FakeServer(platform);
    server.put(row("1"));
    const fails = () => Promise.reject(new Error("no space"));
    const { ids } = visit(platform, server, { load: fails, save: fails, clear: fails });
    await platform.advance(2_000);

    expect(ids()).toEqual(["1"]);
  });

  test("H2 a page that was hidden goes on where it was", async () => {
    const { platform, server, live, watch } = world({ pollMs: 60_000 });
    server.resumes = true;
    server.put(row("1"));
    const { ids, list } = watch(ACTIVE);
    await platform.advance(100);
    const { requests } = server;
    live.pause();
    server.put(row("2"));
    await platform.advance(30_000);
    live.resume();
    await platform.advance(200);

    expect(ids()).toEqual(["1", "2"]);
    expect(list.getSnapshot().isLive).toBe(true);
    expect(server.requests).toBe(requests);
  });
});

describe("without a usable socket", () => {
  test("F000-05 refused: new rows within 10 s and a request", async () => {
    const { platform, server, watch, live } = world();
    server.cut("refused");
    const { ids, list } = watch(ACTIVE);
    await platform.advance(2_000);

    server.put(row("1"));
    await platform.advance(10_100);

    expect(ids()).toEqual(["1"]);
    expect(list.getSnapshot().isLive).toBe(false);
    expect(live.connection.getSnapshot().state.kind).toBe("polling");
  });

  test("F000-05 F002-21 black hole: noticed by the heartbeat's limit, rows within 40 s", async () => {
    const { platform, server, watch } = world();
    const { ids } = watch(ACTIVE);
    await platform.advance(100);

    server.cut("black hole");
    server.put(row("1"));
    await platform.advance(40_000);

    expect(ids()).toEqual(["1"]);
  });

  test("F000-08 the limit is a setting", async () => {
    const { platform, server, watch } = world({ unhealthyMs: 5_000 });
    const { ids } = watch(ACTIVE);
    await platform.advance(100);

    server.cut("black hole");
    server.put(row("1"));
    await platform.advance(6_500);

    expect(ids()).toEqual(["1"]);
  });

  test("F000-06 heartbeats that say the server is behind are no proof: not live within 30 s, live again after", async () => {
    const { platform, server, watch, live } = world();
    const { list } = watch(ACTIVE);
    await platform.advance(100);
    const states = [list.getSnapshot().isLive];

    for (let i = 1; i <= 7; i++) {
      server.behindMs = i * 5_000;
      await platform.advance(5_000);
      server.heartbeat();
    }
    states.push(list.getSnapshot().isLive);
    server.behindMs = 0;
    server.heartbeat();
    await platform.advance(100);
    states.push(list.getSnapshot().isLive);

    expect(states).toEqual([true, false, true]);
    expect(server.reconnects).toBe(0);
    expect(live.connection.getSnapshot().state.kind).toBe("live");
  });

  test("F000-06 a server that does not say how far it is, is believed", async () => {
    const { platform, server, watch } = world();
    server.behindMs = undefined;
    const { list } = watch(ACTIVE);

    for (let i = 0; i < 10; i++) {
      await platform.advance(10_000);
      server.heartbeat();
    }

    expect(list.getSnapshot().isLive).toBe(true);
  });

  test.each(["CHANNEL_ERROR", "TIMED_OUT", "CLOSED"] as const)(
    "F000-09 %s starts polling, SUBSCRIBED ends it",
    async (status) => {
      const { platform, server, watch } = world();
      const { list, ids } = watch(ACTIVE);
      await platform.advance(100);

      server.failChannels(status, new Error("why"));
      server.put(row("1"));
      await platform.advance(1_100);
      const polled = ids();
      server.rejoin();
      await platform.advance(100);
      const { requests } = server;
      for (let i = 0; i < 6; i++) {
        await platform.advance(10_000);
        server.heartbeat();
      }

      expect(polled).toEqual(["1"]);
      expect(list.getSnapshot().isLive).toBe(true);
      expect(server.requests).toBe(requests);
    },
  );

  test("what changed during a cut is told once it is known, and once", async () => {
    const { platform, server, watch } = world();
    server.put(row("1"));
    server.put(row("2"));
    const { list } = watch(ACTIVE);
    const heard: string[] = [];
    list.onChange(({ kind, new: now, old }) => heard.push(`${kind} ${now.id ?? old.id}`));
    await platform.advance(100);
    server.cut("refused");
    server.put(row("3"));
    server.put(row("1", "active"));
    server.remove("2");
    await platform.advance(1_100);
    const during = [...heard].sort();
    server.socket = "up";
    await platform.advance(20_000);

    expect(during).toEqual(["DELETE 2", "INSERT 3", "UPDATE 1"]);
    expect(heard).toHaveLength(3);
  });

  test("F000-07 a poll keeps what is shown", async () => {
    const { platform, server, watch } = world();
    server.put(row("1"));
    const { list } = watch(ACTIVE);
    await platform.advance(100);
    server.cut("refused");
    const seen = new Set<string>();
    list.subscribe(() => seen.add(`${list.getSnapshot().status} ${list.getSnapshot().data.length}`));

    await platform.advance(30_000);

    expect([...seen]).toEqual(["success 1"]);
  });

  test("F000-38 F000-37 asking by hand works when nothing else does", async () => {
    const { platform, server, watch } = world({ pollMs: 1e9 });
    server.cut("refused");
    const { list, ids } = watch(ACTIVE);
    await platform.advance(2_000);
    server.put(row("1"));

    void list.refetch();
    await platform.advance(100);

    expect(ids()).toEqual(["1"]);
  });

  test("F000-39 F003-06 a request that fails keeps the rows, says why, and is tried again", async () => {
    const { platform, server, watch } = world();
    server.put(row("1"));
    const { list, ids } = watch(ACTIVE);
    await platform.advance(100);

    server.http = "down";
    void list.refetch();
    await platform.advance(100);
    const failed = list.getSnapshot();
    server.http = "up";
    await platform.advance(10_000);

    expect(failed.error?.message).toContain("fetch failed");
    expect(failed.status).toBe("success");
    expect(ids()).toEqual(["1"]);
    expect(list.getSnapshot().error).toBeUndefined();
  });

  test("F003-04 a session that is over is denied, and nothing is retried until somebody signs in", async () => {
    const { platform, server, watch, live } = world();
    const { ids } = watch(ACTIVE);
    await platform.advance(100);

    server.http = "401";
    void live.refetchAll();
    await platform.advance(1_000);
    const denied = live.connection.getSnapshot().state;
    const { requests } = server;
    await platform.advance(120_000);
    const retried = server.requests - requests;
    server.http = "up";
    server.put(row("1"));
    live.signedIn();
    await platform.advance(1_000);

    expect(denied).toMatchObject({ kind: "denied" });
    expect(retried).toBe(0);
    expect(ids()).toEqual(["1"]);
    expect(live.connection.getSnapshot().state.kind).toBe("live");
  });

  test("F003-06 what is no longer live is as old as the last proof that it was right, not as its last change", async () => {
    const { platform, server, watch } = world();
    server.put(row("1"));
    const { list } = watch(ACTIVE);
    await platform.advance(100);
    for (let passed = 0; passed < 600_000; passed += 10_000) {
      await platform.advance(10_000);
      server.heartbeat();
    }
    const proven = platform.now();
    await platform.advance(4_000);
    server.http = "down";
    server.cut("refused");
    await platform.advance(2_000);
    const { asOf, lastUpdate } = list.getSnapshot();

    expect(asOf).toBe(proven);
    expect(lastUpdate).toBeLessThan(proven - 500_000);
  });

  test("F004-22 paused while nobody reads, nothing is opened for who comes; who listens is told that it is closed", async () => {
    const { platform, server, watch, live } = world();
    const { release } = watch(ACTIVE);
    await platform.advance(100);
    release();
    await platform.advance(2_000);
    live.pause();
    const heard: string[] = [];
    live.join({ name: "room", broadcast: { events: ["*"] } }, { status: (status) => heard.push(status) });
    await platform.advance(1_000);
    const whilePaused = server.channels;
    live.resume();
    await platform.advance(1_000);
    live.pause();
    await platform.advance(1_000);

    expect(whilePaused).toBe(0);
    expect(heard).toEqual(["SUBSCRIBED", "CLOSED"]);
    expect(live.channels.getSnapshot()[0]?.status).toBeUndefined();
  });

  test("F003-04 a page that was hidden does not come back to a session that is over", async () => {
    const { platform, server, watch, live } = world();
    watch(ACTIVE);
    await platform.advance(100);
    server.http = "401";
    void live.refetchAll();
    await platform.advance(1_000);
    const { requests, connects } = server;

    platform.setHidden(true);
    await platform.advance(61_000);
    platform.setHidden(false);
    await platform.advance(61_000);

    expect([server.requests, server.connects]).toEqual([requests, connects]);
    expect(live.connection.getSnapshot().state.kind).toBe("denied");
  });

  test("F000-01 F003-38 after a cut it is live once, when every channel has joined again", async () => {
    const { platform, server, watch, live } = world();
    const { list } = watch(ACTIVE);
    await platform.advance(100);
    const seen: string[] = [];
    live.connection.subscribe(() => {
      const { kind } = live.connection.getSnapshot().state;
      if (seen.at(-1) !== kind) seen.push(kind);
      if (kind === "live") expect(list.getSnapshot().isLive).toBe(true);
    });

    server.cut("refused");
    await platform.advance(100);
    server.cut("up");
    await platform.advance(5_000);

    expect(seen).toEqual(["reconnecting", "polling", "catching_up", "live"]);
  });

  test("the device's network: offline at once, and back without waiting", async () => {
    const { platform, server, watch, live } = world();
    const { list } = watch(ACTIVE);
    await platform.advance(100);

    server.cut("refused");
    platform.setOnline(false);
    const offline = live.connection.getSnapshot().state.kind;
    server.socket = "up";
    platform.setOnline(true);
    await platform.advance(1_200);

    expect(offline).toBe("offline");
    expect(list.getSnapshot().isLive).toBe(true);
  });

  test("F000-41 a socket that neither opens nor fails is dropped and tried again", async () => {
    const { platform, server, watch } = world();
    server.cut("black hole");
    watch(ACTIVE);

    await platform.advance(60_000);

    expect(server.reconnects).toBeGreaterThanOrEqual(3);
    expect(server.reconnects).toBeLessThanOrEqual(6);
  });
});

describe("channels and lists are shared", () => {
  test("F002-10 F002-31 twenty readers of equal queries are one channel and one request", async () => {
    const { platform, server, watch } = world();

    const readers = Array.from({ length: 20 }, () => watch(ACTIVE));
    await platform.advance(100);

    expect(new Set(readers.map(({ list }) => list)).size).toBe(1);
    expect([server.channels, server.requests, server.connects]).toEqual([1, 1, 1]);
  });

  test("different queries of the same rows share the channel", async () => {
    const { platform, server, watch } = world();

    watch(ACTIVE);
    watch(TOP);
    await platform.advance(100);

    expect([server.channels, server.requests]).toEqual([1, 2]);
  });

  test("F000-31 1,000 readers come and go: no channel, no timer, no list", async () => {
    const { platform, server, watch, live } = world();
    for (let i = 0; i < 1_000; i++) {
      const { release } = watch(ACTIVE);
      if (i % 3 === 0) await platform.advance(7);
      release();
    }

    await platform.advance(2_000);

    expect(live.channels.getSnapshot()).toEqual([]);
    expect(server.channels).toBe(0);
    expect(platform.timers).toBe(0);
  });

  test("F000-31 F003-41 thousands of readers leave the heap as it was", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const { platform, server, watch } = world();
    for (let i = 0; i < 50; i++) server.put(row(String(i)));
    const round = async () => {
      for (let i = 0; i < 1_000; i++) {
        const { release } = watch(ACTIVE);
        if (i % 100 === 0) await platform.advance(50);
        release();
      }
      await platform.advance(2_000);
      collect();
      return process.memoryUsage().heapUsed;
    };
    await round();

    const after = await round();
    const later = await round();

    expect(later - after).toBeLessThan(500_000);
  });

  test("who comes back soon finds the rows", async () => {
    const { platform, server, watch } = world();
    server.put(row("1"));
    const first = watch(ACTIVE);
    await platform.advance(100);

    first.release();
    await platform.advance(500);
    const again = watch(ACTIVE);

    expect(again.ids()).toEqual(["1"]);
    expect(server.requests).toBe(1);
  });

  test("a query that was asked for and never read leaves nothing", async () => {
    const { platform, server, live } = world();

    live.list(ACTIVE);
    await platform.advance(2_000);

    expect([server.requests, server.channels, platform.timers]).toEqual([0, 0, 0]);
  });
});

describe("nobody looks", () => {
  test("F004-22 F004-29 paused: no socket, no timer, no request; resumed: what was missed", async () => {
    const { platform, server, watch, live } = world();
    const { ids, list } = watch(ACTIVE);
    await platform.advance(100);

    live.pause();
    await platform.advance(0);
    const quiet = [server.channels, platform.timers, server.isOpen()];
    const { requests } = server;
    server.put(row("1"));
    await platform.advance(3_600_000);
    const asked = server.requests - requests;
    live.resume();
    await platform.advance(200);

    expect(quiet).toEqual([0, 0, false]);
    expect(asked).toBe(0);
    expect(ids()).toEqual(["1"]);
    expect(list.getSnapshot().isLive).toBe(true);
  });

  test("a hidden page pauses after a minute and comes back by itself; a glance away changes nothing", async () => {
    const { platform, server, watch, live } = world();
    watch(ACTIVE);
    await platform.advance(100);

    platform.setHidden(true);
    await platform.advance(30_000);
    platform.setHidden(false);
    const glance = live.isPaused;
    platform.setHidden(true);
    server.heartbeat();
    await platform.advance(61_000);
    const away = live.isPaused;
    platform.setHidden(false);
    await platform.advance(200);

    expect([glance, away, live.isPaused]).toEqual([false, true, false]);
    expect(live.connection.getSnapshot().state.kind).toBe("live");
  });
});

test("F000-03 F000-32 seven kinds of log lines, with channel, from, to and reason", async () => {
  const { platform, server, watch, logs } = world();
  watch(ACTIVE);
  await platform.advance(100);
  server.put(row("1"));
  await platform.advance(100);
  server.failChannels("CHANNEL_ERROR", new Error("row level security is off"));
  await platform.advance(100);
  server.failChannels("TIMED_OUT");
  await platform.advance(100);

  expect(new Set(logs.map(({ kind }) => kind))).toEqual(
    new Set([
      "setting up",
      "subscribed",
      "data fetching",
      "status change",
      "realtime update",
      "channel error",
      "timeout",
    ]),
  );
  expect(logs.find(({ kind }) => kind === "channel error")).toMatchObject({
    channel: "public.calls",
    from: "SUBSCRIBED",
    to: "CHANNEL_ERROR",
    reason: "row level security is off",
  });
});

test("F000-01 F000-04 a refused channel tells its cause", async () => {
  const { platform, server, watch, live } = world();
  server.joinStatus = "CHANNEL_ERROR";
  server.joinError = new Error('table "secrets": permission denied');
  watch(ACTIVE);
  await platform.advance(100);

  expect(live.channels.getSnapshot()[0]).toMatchObject({
    status: "CHANNEL_ERROR",
    error: 'table "secrets": permission denied',
    errors: 1,
  });
});

describe("F000-13 after any workload with cuts, a list equals its query", () => {
  const id = fc.integer({ min: 0, max: 7 }).map(String);
  const state = fc.constantFrom("ringing", "active", "completed");
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("put" as const),
        id,
        state,
        rank: fc.integer({ min: 0, max: 5 }),
        organization: fc.constantFrom("a", "a", "b"),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), id }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 400 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("cut" as const),
        how: fc.constantFrom("refused" as const, "black hole" as const),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("heal" as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("fail" as const),
        status: fc.constantFrom("CHANNEL_ERROR" as const, "TIMED_OUT" as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("http" as const), to: fc.constantFrom("up" as const, "down" as const) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("pause" as const) }) },
  );

  test.each([
    ["filtered", ACTIVE, false],
    ["limited", TOP, false],
    ["filtered, going on where it was", ACTIVE, true],
    ["limited, going on where it was", TOP, true],
  ] as const)(
    "%s",
    async (_, query, resumes) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
          const { platform, server, watch, live } = world();
          server.resumes = resumes;
          const { list } = watch(query);
          for (const one of steps) {
            if (one.kind === "put") server.put(row(one.id, one.state, one.rank, one.organization));
            else if (one.kind === "remove") server.remove(one.id);
            else if (one.kind === "wait") await platform.advance(one.ms);
            else if (one.kind === "cut") server.cut(one.how);
            else if (one.kind === "heal") server.socket = "up";
            else if (one.kind === "fail") server.failChannels(one.status);
            else if (one.kind === "http") server.http = one.to;
            else if (live.isPaused) live.resume();
            else live.pause();
          }
          server.socket = "up";
          server.http = "up";
          live.resume();
          server.rejoin();
          await platform.advance(45_000);
          const asked = await truth(server, platform, query);
          expect(list.getSnapshot().data).toEqual(asked);
          live.close();
        }),
        { numRuns: 400 },
      );
    },
    60_000,
  );
});

async function truth(server: FakeServer, platform: FakePlatform, query: QueryOf<Row[]>): Promise<unknown> {
  const answer = Promise.resolve(query(server.client) as PromiseLike<{ data: unknown }>);
  await settle();
  await platform.advance(100);
  return (await answer).data;
}
