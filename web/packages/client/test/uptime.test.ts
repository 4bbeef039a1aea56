import { expect, test } from "vitest";
import { LiveClient, measureUptime, type UptimeReport } from "../src/index.ts";
import { FakePlatform } from "./fake-platform.ts";
import { FakeServer } from "./fake-server.ts";

async function watching() {
  const platform = new FakePlatform();
  const server = new FakeServer(platform);
  const live = new LiveClient(server.client, { platform, transport: server });
  const list = live.list((sb) => sb.from("calls").select("*"));
  if (!list) throw new Error("nothing to ask");
  const release = live.retain(list);
  const reports: UptimeReport[] = [];
  const { report, stop } = measureUptime(live, (one) => reports.push(one));
  /** Heartbeats go on, as the official client sends them. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      await platform.advance(1_000);
      if (passed % 10_000 === 0) server.heartbeat();
    }
  };
  await pass(1_000);
  return { platform, server, live, release, reports, report, stop, pass };
}

const HOUR = 3_600_000;

test("F004-27 an hour with a server that restarts and a network that is cut for 5 s: over 99.5 %", async () => {
  const { server, pass, report, reports } = await watching();
  await pass(HOUR / 3);
  server.cut("refused"); // for as long as a server takes to start
  await pass(4_000);
  server.cut("up");
  await pass(HOUR / 3);
  server.cut("refused");
  await pass(5_000);
  server.cut("up");
  await pass(HOUR / 3);

  const { uptime, losses, wantedMs, liveMs } = report();
  expect(losses).toBe(2);
  expect(uptime).toBeGreaterThan(0.995);
  expect(uptime).toBeLessThan(1 - 9_000 / HOUR + 0.0001);
  expect(wantedMs - liveMs).toBeGreaterThanOrEqual(9_000);
  expect(reports.length).toBeGreaterThan(55);
});

test("F004-27 what the device or its user pauses does not count; what the server refuses for long does", async () => {
  const { platform, server, live, release, pass, report, stop, reports } = await watching();
  await pass(10_000);
  live.pause();
  await pass(600_000);
  const paused = report();
  live.resume();
  await pass(10_000);
  const resumed = report();
  server.cut("refused");
  await pass(20_000);
  const refused = report();
  platform.setOnline(false);
  platform.setHidden(true);
  await pass(61_000);
  const hidden = report();
  await pass(600_000);
  const stillHidden = report();
  platform.setHidden(false);
  release();
  await pass(2_000);
  const unread = report();
  await pass(600_000);
  const stillUnread = report();
  stop();
  const { length } = reports;
  await pass(120_000);

  expect(paused.wantedMs).toBeLessThan(12_000);
  expect(resumed.uptime).toBeGreaterThan(0.95);
  expect(resumed.losses).toBe(0);
  expect(refused.uptime).toBeLessThan(0.6);
  expect(refused.losses).toBe(1);
  expect(stillHidden.wantedMs).toBe(hidden.wantedMs);
  expect(stillUnread).toEqual(unread);
  expect(reports).toHaveLength(length);
});
