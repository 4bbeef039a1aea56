import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { LiveClient, type LiveList, type QueryOf, type Row, realtimeOptions } from "@switchboard/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import ws from "ws";
import { BreakingProxy } from "./proxy.ts";
import { eventually, TestServer } from "./server.ts";

const RHONDA = "00000000-0000-4000-8000-000000010001";
/** What a changed row does not decide: a window with an offset, an embedded table. */
const QUERIES: Readonly<Record<string, QueryOf<Row[]>>> = {
  window: (sb) => sb.from("demo_notes").select("*").order("body").order("id").range(1, 4),
  embedded: (sb) => sb.from("queues").select("id,name,of:organizations(name)").order("name").order("id"),
};

interface Answer {
  readonly data: Row[];
  readonly error: unknown;
}

let server: TestServer;
let proxy: BreakingProxy;
let direct: SupabaseClient;
let live: LiveClient;
const log: string[] = [];

beforeAll(async () => {
  server = await TestServer.start("--demo-preset", "none");
  proxy = new BreakingProxy(server.port);
  const url = await proxy.listen();
  const token = server.token(RHONDA);
  const make = (address: string) =>
    createClient(address, server.anonKey, {
      accessToken: async () => token,
      realtime: { ...realtimeOptions(), transport: ws as never },
    });
  direct = make(server.url);
  live = new LiveClient(make(url), { debug: ({ kind }) => log.push(kind), pollMs: 60_000 });
});
afterAll(async () => {
  live.close();
  await live.supabase.realtime.disconnect();
  await proxy.close();
  await server.stop();
});

function watch(query: QueryOf<Row[]>): LiveList<Row> {
  const list = live.list<Row>(query);
  if (!list) throw new Error("nothing to ask");
  live.retain(list);
  return list;
}

/** What each list shows is what its query says now, and it says that it is live. */
async function areExact(lists: ReadonlyMap<string, LiveList<Row>>): Promise<void> {
  for (const [name, list] of lists) {
    await eventually(
      `${name} is exact`,
      async () => {
        const { data, error } = (await (QUERIES[name] as QueryOf<Row[]>)(direct)) as unknown as Answer;
        if (error) throw error;
        expect(list.getSnapshot().data).toEqual(data);
        expect(list.getSnapshot().isLive).toBe(true);
        return true;
      },
      30_000,
    );
  }
}

test("I1 I3 lists that a changed row does not decide are kept: exact through changes, a cut and a kill, and never asked for", async () => {
  const lists = new Map(Object.entries(QUERIES).map(([name, query]) => [name, watch(query)]));
  await areExact(lists);
  expect(lists.get("embedded")?.getSnapshot().data.length).toBeGreaterThan(0);
  expect(live.channels.getSnapshot().map(({ name }) => name.replace(/\d+$/, ""))).toEqual([
    "live:public.demo_notes:kept:",
    "live:public.queues:kept:",
  ]);

  for (const body of ["m", "c", "x", "a", "q", "b", "z"]) await direct.from("demo_notes").insert({ body });
  await direct.from("demo_notes").update({ done: true, body: "y" }).eq("body", "c");
  await direct.from("demo_notes").delete().eq("body", "m");
  await areExact(lists);
  expect(
    lists
      .get("window")
      ?.getSnapshot()
      .data.map(({ body }) => body),
  ).toEqual(["b", "q", "x", "y"]);

  log.length = 0;
  proxy.down();
  await direct.from("demo_notes").insert({ body: "aa, while it was cut" });
  await eventually("it is noticed", () => [...lists.values()].every((list) => !list.getSnapshot().isLive));
  proxy.up();
  await areExact(lists);

  await server.kill();
  await eventually("it is noticed", () => [...lists.values()].every((list) => !list.getSnapshot().isLive));
  await server.start();
  await direct.from("demo_notes").insert({ body: "ab, after the kill" });
  await areExact(lists);
  // while nothing is trusted a list asks once; once it is joined, never
  expect(log.slice(log.lastIndexOf("subscribed"))).not.toContain("data fetching");
}, 120_000);

test("I1 what the server does not keep is asked for, as with any other", async () => {
  const view: QueryOf<Row[]> = (sb) => sb.from("demo_notes").select("id,again:body").order("id").range(0, 3);
  const refused: QueryOf<Row[]> = (sb) =>
    sb.from("demo_notes").select("id,body").gte("created_at", "now").order("id").range(0, 3);
  const kept = watch(view);
  const asked = watch(refused);
  await eventually("both are live", () => kept.getSnapshot().isLive && asked.getSnapshot().isLive, 10_000);
  const channels = live.channels.getSnapshot().map(({ name }) => name);

  expect(kept.getSnapshot().data.length).toBe(4);
  expect(channels.some((name) => name.startsWith("live:public.demo_notes") && !name.includes("kept"))).toBe(true);
});
