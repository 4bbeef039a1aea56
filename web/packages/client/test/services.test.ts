import { afterEach, describe, expect, test, vi } from "vitest";
import { CallsRealtimeService, getRealtimeService, LiveClient, RealtimeNotifications } from "../src/index.ts";
import { FakePlatform } from "./fake-platform.ts";
import { FakeServer } from "./fake-server.ts";

function world() {
  const platform = new FakePlatform();
  const server = new FakeServer(platform);
  const live = new LiveClient(server.client, { platform, transport: server });
  return { platform, server, live };
}

const call = (id: string, more = {}) => ({ id, organization_id: "a", status: "ringing", company_name: "Elm", ...more });

afterEach(() => vi.restoreAllMocks());

describe("document 002's service", () => {
  test("F002-10 is one per client", () => {
    const { live } = world();

    expect(getRealtimeService(live)).toBe(getRealtimeService(live));
  });

  test("F002-11 F002-18 F002-19 subscriptions have names, states and counts", async () => {
    const { platform, server, live } = world();
    const service = getRealtimeService(live);
    const seen: string[] = [];
    const statuses: string[] = [];

    const one = service.subscribeToStreamProgress(
      "abc123",
      ({ new: row }) => seen.push(String(row.state)),
      (status) => statuses.push(status),
    );
    const two = service.subscribeToStreamProgress("abc123", () => seen.push("two"));
    const before = service.getChannelStatus("stream:abc123:progress");
    await platform.advance(100);
    server.put({ id: "abc123", state: "42 %" });
    const names = service.getActiveSubscriptions();
    one.unsubscribe();
    one.unsubscribe();
    const half = service.getActiveSubscriptions();
    two.unsubscribe();

    expect(seen).toEqual(["42 %", "two"]);
    expect(statuses).toEqual(["connected"]);
    expect(before).toBe("connecting");
    expect(names).toEqual(["stream:abc123:progress"]);
    expect(half).toEqual(["stream:abc123:progress"]);
    expect(service.getActiveSubscriptions()).toEqual([]);
    expect(service.getChannelStatus("stream:abc123:progress")).toBe("disconnected");
    expect(server.channels).toBe(0);
  });

  test("F002-12 to F002-17 six subscriptions, and all of them ended", async () => {
    const { platform, server, live } = world();
    const service = getRealtimeService(live);
    const others = live.join({ name: "mine", changes: [] }, { status: () => {} });
    service.subscribeToAllStreams("o", () => {});
    service.subscribeToScanProgress("s", () => {});
    service.subscribeToSignalAlerts("u", () => {});
    service.subscribeToAgentExecutions("t", () => {});
    service.subscribeToNotifications("u", () => {});
    await platform.advance(100);
    const names = service.getActiveSubscriptions();

    service.unsubscribeAll();

    expect(names).toEqual([
      "org:o:streams",
      "scan:s:progress",
      "user:u:signals",
      "stream:t:executions",
      "user:u:notifications",
    ]);
    expect(service.getActiveSubscriptions()).toEqual([]);
    expect(server.channels).toBe(1);
    others();
  });
});

describe("document 004's service", () => {
  async function calls() {
    const { platform, server, live } = world();
    const service = new CallsRealtimeService(live, "a");
    service.setupCallsChannel();
    service.setupCallsChannel();
    await platform.advance(100);
    return { platform, server, live, service };
  }

  test("F004-09 one channel, calls-changes, of one organization", async () => {
    const { live, service } = await calls();

    expect(live.channels.getSnapshot().map(({ name }) => name)).toEqual(["calls-changes"]);
    expect(service.isConnected).toBe(true);
  });

  test("F004-12 each event once per real change, with its payload", async () => {
    const { server, service } = await calls();
    const events: object[] = [];
    for (const name of [
      "call-created",
      "call-deleted",
      "call-status-changed",
      "call-transcription-updated",
      "call-score-updated",
      "call-analysis-completed",
    ] as const) {
      service.addListener(name, (event) => events.push(event));
    }
    let changed = 0;
    service.addListener("call-changed", () => changed++);

    server.put(call("1"));
    server.put(call("1", { status: "active" }));
    server.put(call("1", { status: "active" })); // nothing of this is a difference
    server.put(call("1", { status: "active", transcription: "Hello", score: null, ai_status: "processing" }));
    server.put(
      call("1", {
        status: "active",
        transcription: "Hello",
        score: 91,
        scorecard: { a: 1 },
        ai_status: "analyzed",
        insights: [1],
      }),
    );
    server.remove("1");

    expect(events).toMatchObject([
      { name: "call-created", callId: "1" },
      { name: "call-status-changed", callId: "1", oldStatus: "ringing", newStatus: "active" },
      { name: "call-score-updated", callId: "1", score: 91, previous: null, scorecard: { a: 1 } },
      { name: "call-analysis-completed", callId: "1", insights: [1] },
      { name: "call-deleted", callId: "1" },
    ]);
    expect(changed).toBe(6);
  });

  test("F004-35 completed means analyzed, and is told of once", async () => {
    const { server, service } = await calls();
    let analyses = 0;
    service.addListener("call-analysis-completed", () => analyses++);

    server.put(call("1", { ai_status: "processing" }));
    server.put(call("1", { ai_status: "completed" }));
    server.put(call("1", { ai_status: "analyzed" }));
    expect(analyses).toBe(1);
    server.put(call("1", { ai_status: "processing" }));
    server.put(call("1", { ai_status: "analyzed" }));
    expect(analyses).toBe(2);
  });

  test("F004-13 a listener that throws does not break the next", async () => {
    const { server, service } = await calls();
    vi.spyOn(console, "error").mockImplementation(() => {});
    let heard = 0;
    service.addListener("call-created", () => {
      throw new Error("mine");
    });
    const stop = service.addListener("call-created", () => heard++);

    server.put(call("1"));
    stop();
    server.put(call("2"));

    expect(heard).toBe(1);
  });

  test("F004-14 disconnect ends its own subscriptions only", async () => {
    const { platform, server, live, service } = await calls();
    const other = new CallsRealtimeService(live, "a");
    other.setupCallsChannel();
    await platform.advance(100);
    let heard = 0;
    other.addListener("call-created", () => heard++);

    service.disconnect();
    server.put(call("1"));

    expect(heard).toBe(1);
    expect(other.isConnected).toBe(true);
    other.disconnect();
    expect(server.channels).toBe(0);
  });
});

describe("F004-23 the queue of notifications", () => {
  async function queue(locale: "pt-BR" | "en" = "pt-BR") {
    const { platform, server, live } = world();
    const service = new CallsRealtimeService(live);
    service.setupCallsChannel();
    const shown: { title: string; body: string; icon: string; badge: string; tag: string }[] = [];
    const notifications = new RealtimeNotifications(platform, {
      locale,
      icon: "/icon.svg",
      showDesktop: (title, options) => shown.push({ title, ...options }),
    });
    const stop = notifications.listenTo(service);
    await platform.advance(100);
    return { platform, server, notifications, shown, stop };
  }

  test("F004-07 F004-08 F004-30 the kinds and texts of the document", async () => {
    const { server, notifications } = await queue();

    server.put(call("1", { score: null }));
    server.put(call("1", { score: 90 }));
    server.put(call("1", { score: 95 })); // still high: said already
    server.put(call("1", { score: 31 }));
    server.put(call("1", { score: 30 }));
    server.put(call("1", { score: 30, ai_status: "processing" }));
    server.put(call("1", { score: 30, ai_status: "analyzed" }));

    expect(
      notifications
        .getNotifications()
        .map(({ type, message }) => `${type}: ${message}`)
        .reverse(),
    ).toEqual([
      "new-call: Nova call de Elm",
      "high-score: Score excelente: 90 (Elm)",
      "low-score: Score baixo: 30 (Elm)",
      "analysis-complete: Análise completada para Elm",
    ]);
  });

  test("in English too, and a missed call once", async () => {
    const { server, notifications } = await queue("en");

    server.put(call("1", { direction: "inbound", state: "ringing" }));
    server.put(call("1", { direction: "inbound", state: "missed" }));
    server.put(call("1", { direction: "inbound", state: "missed", score: null }));

    expect(
      notifications
        .getNotifications()
        .map(({ message }) => message)
        .reverse(),
    ).toEqual(["New call from Elm", "Missed call from Elm"]);
  });

  test("each goes after 30 s, and can be cleared", async () => {
    const { platform, server, notifications, stop } = await queue();
    server.put(call("1"));
    await platform.advance(29_000);
    const before = notifications.getNotifications().length;
    await platform.advance(2_000);
    const after = notifications.getNotifications().length;
    server.put(call("2"));
    notifications.clearNotifications();
    stop();
    server.put(call("3"));

    expect([before, after, notifications.getNotifications().length]).toEqual([1, 0, 0]);
  });

  test("the desktop's has icon, badge and a tag per call and kind; the DOM hears realtime-notification", async () => {
    const { server, shown } = await queue();
    const heard: Event[] = [];
    vi.stubGlobal("dispatchEvent", (event: Event) => heard.push(event));

    server.put(call("1"));
    vi.unstubAllGlobals();

    expect(shown).toEqual([
      { title: "Switchboard", body: "Nova call de Elm", icon: "/icon.svg", badge: "/icon.svg", tag: "new-call:1" },
    ]);
    expect(heard.map(({ type }) => type)).toEqual(["realtime-notification"]);
  });

  test("at most 100 are kept", async () => {
    const { platform, server, notifications } = await queue();

    for (let i = 0; i < 150; i++) server.put(call(String(i)));

    expect(notifications.getNotifications()).toHaveLength(100);
    expect(notifications.getNotifications()[0]?.data.id).toBe("149");
    notifications.clearNotifications();
    await platform.advance(0);
  });
});
