import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { createClient } from "@supabase/supabase-js";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import ws from "ws";
import { openBrowser, openTab } from "./browser.ts";
import { BreakingProxy } from "./proxy.ts";
import { eventually, TestServer } from "./server.ts";

const DOUG = "00000000-0000-4000-8000-000000010002";

/** What a page does: one list, kept in IndexedDB. */
const PAGE = `
import { createClient } from "@supabase/supabase-js";
import { indexedDbCache, LiveClient, realtimeOptions } from "@switchboard/client";
globalThis.visit = (url, key, token, user) => {
  const supabase = createClient(url, key, { accessToken: async () => token, realtime: realtimeOptions() });
  const log = [];
  const cache = indexedDbCache(user);
  const live = new LiveClient(supabase, { cache, pollMs: 60_000, debug: ({ kind }) => log.push(kind) });
  const list = live.list((sb) => sb.from("demo_notes").select("*").order("id"));
  live.retain(list);
  globalThis.seen = () => ({ ...list.getSnapshot(), log });
  globalThis.kept = async () => (await cache.load(list.shape.id))?.rows.map(({ body }) => body);
  globalThis.signOut = () => live.signedOut("bye");
};
`;

interface Seen {
  readonly data: { readonly body: string }[];
  readonly isLive: boolean;
  readonly asOf: number | undefined;
  readonly log: string[];
}

let server: TestServer;
let browser: Browser;
let script: string;
/** Where the page itself comes from, whatever becomes of the server. */
const files = createServer((request, answer) => {
  const isScript = request.url === "/page.js";
  answer.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
  answer.end(isScript ? script : '<!doctype html><script src="/page.js"></script>');
});
let pageUrl = "";

beforeAll(async () => {
  [server, browser, script] = await Promise.all([TestServer.start("--demo-preset", "none"), openBrowser(), bundle()]);
  await new Promise<void>((resolve) => files.listen(0, "127.0.0.1", resolve));
  const address = files.address();
  pageUrl = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}/`;
});
afterAll(async () => {
  await browser.close();
  await server.stop();
  files.close();
});

async function bundle(): Promise<string> {
  const folder = mkdtempSync(join(import.meta.dirname, ".kept-"));
  writeFileSync(join(folder, "page.js"), PAGE);
  const result = await build({
    configFile: false,
    logLevel: "error",
    build: { write: false, lib: { entry: join(folder, "page.js"), formats: ["iife"], name: "page" } },
  });
  rmSync(folder, { recursive: true });
  const outputs = (Array.isArray(result) ? result : [result]).flatMap((one) => ("output" in one ? one.output : []));
  return outputs.map((one) => (one.type === "chunk" ? one.code : "")).join("");
}

const seen = (page: Page) => page.evaluate("globalThis.seen()") as Promise<Seen>;
const kept = (page: Page) => page.evaluate("globalThis.kept()") as Promise<string[] | undefined>;

test("H2 a page opens from its cache while the server is not reached, and is exact a moment later", async () => {
  const proxy = new BreakingProxy(server.port);
  const address = await proxy.listen();
  const token = server.token(DOUG);
  const direct = createClient(server.url, server.anonKey, {
    accessToken: async () => token,
    realtime: { transport: ws as never },
  });
  const { context, page } = await openTab(browser, pageUrl);
  const visit = async (tab: Page) => {
    await tab.evaluate(
      ([url, key, jwt, user]) => (globalThis as never as { visit(...a: unknown[]): void }).visit(url, key, jwt, user),
      [address, server.anonKey, token, DOUG],
    );
  };
  await direct.from("demo_notes").insert({ body: "first" });
  await visit(page);
  await eventually("the list is live", async () => expect((await seen(page)).isLive).toBe(true));
  await direct.from("demo_notes").insert({ body: "second" });
  await eventually("it is kept", async () => expect((await kept(page))?.at(-1)).toBe("second"));
  const before = Date.now();
  await page.close();

  proxy.down();
  await direct.from("demo_notes").insert({ body: "third" });
  const again = await context.newPage();
  await again.goto(pageUrl);
  await visit(again);
  await eventually("the last state is shown", async () => expect((await seen(again)).data.at(-1)?.body).toBe("second"));
  const shown = await seen(again);
  expect(shown.isLive).toBe(false);
  expect(shown.asOf).toBeLessThanOrEqual(before);

  proxy.up();
  await eventually("it is live", async () => expect((await seen(again)).isLive).toBe(true), 30_000);
  const { data, log } = await seen(again);
  const { data: truth } = await direct.from("demo_notes").select("*").order("id");
  expect(data).toEqual(truth);
  expect(data.at(-1)?.body).toBe("third");
  expect(log.slice(log.lastIndexOf("subscribed"))).not.toContain("data fetching");

  await again.evaluate("globalThis.signOut()");
  await eventually("nothing is left", async () => expect(await kept(again)).toBeUndefined());
  await proxy.close();
  await context.close();
}, 90_000);
