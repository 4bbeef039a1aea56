import { LiveClient, type Row } from "@switchboard/client";
import { act, cleanup, render, renderHook } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FakePlatform } from "../../client/test/fake-platform.ts";
import { FakeServer } from "../../client/test/fake-server.ts";
import {
  LiveProvider,
  useAdminNotifications,
  useAgentExecutions,
  useAllStreamsProgress,
  useBroadcast,
  useCallsList,
  useCallsRealtime,
  useCallUpdates,
  useConnection,
  useConnectionHeartbeat,
  useDashboardMetrics,
  useKpiMetrics,
  useLiveAggregate,
  useLiveMutation,
  useLiveQuery,
  useLiveRow,
  usePresence,
  useRealtimeNotifications,
  useScanProgress,
  useSignalAlerts,
  useStreamProgress,
  useSupabaseLive,
  useUserManagement,
} from "../src/index.ts";

function world() {
  const platform = new FakePlatform();
  const server = new FakeServer(platform);
  const live = new LiveClient(server.client, { platform, transport: server });
  const wrapper = ({ children }: { children: ReactNode }) => (
    <StrictMode>
      <LiveProvider client={live}>{children}</LiveProvider>
    </StrictMode>
  );
  const advance = (ms: number) => act(() => platform.advance(ms));
  return { platform, server, live, wrapper, advance };
}

const call = (id: string, more: Row = {}): Row => ({
  id,
  organization_id: "a",
  state: "ringing",
  status: "ringing",
  ended_at: null,
  ...more,
});

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

const useCalls = (organization = "a", options = {}) =>
  useLiveQuery<Row>((sb) => sb.from("calls").select("*").eq("organization_id", organization), [organization], options);

function Reader() {
  return <p>{useCalls().data.length}</p>;
}

describe("useLiveQuery", () => {
  test("F002-20 loads, follows, and tells how it is", async () => {
    const { server, wrapper, advance } = world();
    server.put(call("1"));
    const { result } = renderHook(() => useCalls(), { wrapper });
    const first = { ...result.current };
    await advance(100);
    server.put(call("2"));
    await advance(100);

    expect(first).toMatchObject({ status: "pending", isLoading: true, data: [], isLive: false });
    expect(result.current).toMatchObject({
      status: "success",
      isLive: true,
      isConnected: true,
      connectionStatus: "connected",
      error: undefined,
    });
    expect(result.current.data.map(({ id }) => id)).toEqual(["1", "2"]);
  });

  test("F002-31 F002-10 twenty components are one socket, one channel and one request, in StrictMode too", async () => {
    const { server, wrapper: Wrapper, advance } = world();
    render(
      <Wrapper>
        {Array.from({ length: 20 }, (_, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
          <Reader key={index} />
        ))}
      </Wrapper>,
    );

    await advance(100);

    expect([server.channels, server.requests, server.connects]).toEqual([1, 1, 1]);
  });

  test("F002-33 a burst of 1,000 changes renders once a frame", async () => {
    const { server, wrapper, advance } = world();
    let renders = 0;
    const { result } = renderHook(
      () => {
        renders++;
        return useCalls();
      },
      { wrapper },
    );
    await advance(100);
    renders = 0;

    for (let i = 0; i < 1_000; i++) server.put(call(String(i)));
    await advance(16);

    expect(result.current.data).toHaveLength(1_000);
    expect(renders).toBeLessThanOrEqual(2); // StrictMode renders each render twice
  });

  test("F000-31 F003-41 1,000 mounts and unmounts leave no channel and no timer", async () => {
    const { platform, server, live, wrapper, advance } = world();
    for (let i = 0; i < 1_000; i++) {
      const { unmount } = renderHook(() => useCalls(), { wrapper });
      if (i % 50 === 0) await advance(30);
      unmount();
    }

    await advance(2_000);

    expect(server.channels).toBe(0);
    expect(live.channels.getSnapshot()).toEqual([]);
    expect(platform.timers).toBe(0);
  }, 30_000);

  test("F000-14 another organization shows none of the former's rows", async () => {
    const { server, wrapper, advance } = world();
    server.put(call("1"));
    server.put(call("2", { organization_id: "b" }));
    const { result, rerender } = renderHook(({ organization }) => useCalls(organization), {
      wrapper,
      initialProps: { organization: "a" },
    });
    await advance(100);

    rerender({ organization: "b" });
    const between = result.current.data;
    await advance(100);

    expect(between).toEqual([]);
    expect(result.current.data.map(({ id }) => id)).toEqual(["2"]);
  });

  test("keepPreviousData shows the former rows until the new are there", async () => {
    const { server, wrapper, advance } = world();
    server.put(call("1"));
    const { result, rerender } = renderHook(({ organization }) => useCalls(organization, { keepPreviousData: true }), {
      wrapper,
      initialProps: { organization: "a" },
    });
    await advance(100);

    rerender({ organization: "b" });
    const between = result.current.data.length;
    await advance(100);

    expect([between, result.current.data.length]).toEqual([1, 0]);
  });

  test("F000-30 enabled: false and a null query ask nothing; F002-34 what is not mounted holds no channel", async () => {
    const { server, wrapper, advance } = world();
    renderHook(() => [useCalls("a", { enabled: false }), useLiveQuery<Row>(() => null)], { wrapper });

    await advance(60_000);

    expect([server.requests, server.channels]).toEqual([0, 0]);
  });

  test("select gives what is needed, onChange hears changes", async () => {
    const { server, wrapper, advance } = world();
    const heard: string[] = [];
    const { result } = renderHook(
      () =>
        useLiveQuery<Row, number>((sb) => sb.from("calls").select("*"), [], {
          select: (rows) => rows.length,
          onChange: ({ kind }) => heard.push(kind),
        }),
      { wrapper },
    );
    await advance(100);
    server.put(call("1"));
    server.put(call("1", { state: "active" }));
    server.remove("1");
    await advance(100);

    expect(result.current.data).toBe(0);
    expect(heard).toEqual(["INSERT", "UPDATE", "DELETE"]);
  });

  test("outside of a provider it says what is missing", () => {
    vi.spyOn(console, "error").mockImplementation(() => {});

    expect(() => renderHook(() => useCalls())).toThrow("<LiveProvider client={supabase}>");
  });
});

test("what a policy hides from who writes is taken back and told", async () => {
  const { server, wrapper, advance } = world();
  server.put(call("1"));
  const { result } = renderHook(() => ({ list: useCalls(), mutation: useLiveMutation("calls") }), { wrapper });
  await advance(100);
  server.rows.delete("1"); // so that the answer to the write is an empty list, as where a policy hides the row
  let told: { error: unknown } | undefined;
  act(() => void result.current.mutation.update(call("1"), { state: "active" }).then((answer) => (told = answer)));
  await advance(5);
  const foreseen = result.current.list.data[0]?.state;
  await advance(200);

  expect(foreseen).toBe("active");
  expect(result.current.mutation.error).toMatchObject({ code: "NothingWritten" });
  expect(told).toMatchObject({ error: { code: "NothingWritten" } });
  expect(result.current.list.data).toEqual([]);
});

test("useLiveRow is the row, or null", async () => {
  const { server, wrapper, advance } = world();
  const { result } = renderHook(() => useLiveRow<Row>((sb) => sb.from("calls").select("*").eq("id", "1")), { wrapper });
  await advance(100);
  const before = result.current.data;
  server.put(call("1"));
  await advance(100);

  expect(before).toBeNull();
  expect(result.current.data).toMatchObject({ id: "1" });
});

test("F004-21 F003-40 an aggregate: 100 changes in 1 s are the leading question and one more", async () => {
  const { server, wrapper, advance } = world();
  renderHook(
    () =>
      useLiveAggregate<number>("figures", (sb) => sb.rpc("figures"), {
        changes: [{ schema: "public", table: "calls" }],
      }),
    { wrapper },
  );
  await advance(5_000);
  const { requests } = server;

  for (let i = 0; i < 100; i++) {
    server.put(call(String(i)));
    await advance(10);
  }
  await advance(3_000);

  expect(server.requests - requests).toBe(2);
});

describe("useLiveMutation", () => {
  test("shows a change at once, and takes back what is refused", async () => {
    const { server, wrapper, advance } = world();
    server.put(call("1", { rank: 1 }));
    const { result } = renderHook(() => ({ list: useCalls(), mutation: useLiveMutation("calls") }), { wrapper });
    await advance(100);

    server.http = "401";
    const row = result.current.list.data[0] ?? {};
    act(() => void result.current.mutation.update(row, { state: "active" }));
    await advance(10);
    const foreseen = result.current.list.data[0]?.state;
    server.http = "up";
    await advance(30);
    await advance(200);

    expect(foreseen).toBe("active");
    expect(result.current.mutation.error?.message).toBe("JWT expired");
    expect(result.current.mutation.isPending).toBe(false);
    expect(result.current.list.data[0]?.state).toBe("ringing");
  });

  test("takes a row back at once that is refused, before the list is asked for", async () => {
    const { server, wrapper, advance } = world();
    server.put(call("1", { rank: 1 }));
    const { result } = renderHook(() => ({ list: useCalls(), mutation: useLiveMutation("calls") }), { wrapper });
    await advance(100);
    const ids = () => result.current.list.data.map(({ id }) => id);

    server.http = "401";
    act(() => void result.current.mutation.insert(call("2", { rank: 2 })));
    act(() => void result.current.mutation.remove(call("1")));
    await advance(10);
    const foreseen = ids();
    await advance(11); // what was written is answered; what is asked for is not
    const back = ids();

    expect(foreseen).toEqual(["2"]);
    expect(back).toEqual(["1"]);
  });

  test("settles: what its changes do not bring, though all have been told, is asked for", async () => {
    const { server, wrapper, advance } = world();
    server.put(call("1", { rank: 1 }));
    const { result } = renderHook(() => ({ list: useCalls(), mutation: useLiveMutation("calls") }), { wrapper });
    await advance(100);
    server.drops = () => true; // as where the row is not for who wrote it

    const row = result.current.list.data[0] ?? {};
    act(() => void result.current.mutation.update(row, { state: "active" }));
    await advance(10);
    const foreseen = result.current.list.data[0]?.state;
    const { requests } = server;
    await advance(5_000);
    const [shown, asked] = [result.current.list.data[0]?.state, server.requests - requests];
    act(() => server.heartbeat()); // the server has told everything until now
    await advance(100);
    act(() => server.heartbeat());
    await advance(100);

    expect([foreseen, shown, asked]).toEqual(["active", "active", 0]);
    expect(result.current.list.data[0]?.state).toBe("ringing");
    expect(server.requests - requests).toBe(1);
  });
});

describe("the connection's hooks", () => {
  test("useConnection: live with its latency, then reconnecting", async () => {
    const { server, wrapper, advance } = world();
    const { result } = renderHook(() => ({ connection: useConnection(), list: useCalls() }), { wrapper });
    await advance(100);
    const live = result.current.connection;
    act(() => server.cut("refused"));
    const cut = result.current.connection.status;

    expect(live).toMatchObject({ status: "connected", isConnected: true, latencyMs: 5 });
    expect(cut).toBe("connecting");
  });

  test("F002-21 useConnectionHeartbeat asks every 10 s, and stops with its component", async () => {
    const { server, wrapper, advance } = world();
    const ping = vi.spyOn(server, "ping");
    const { unmount, result } = renderHook(() => ({ beat: useConnectionHeartbeat(), list: useCalls() }), { wrapper });
    await advance(100);
    const before = ping.mock.calls.length;
    await advance(30_000);
    const during = ping.mock.calls.length - before;
    expect(result.current.beat.isConnected).toBe(true);
    unmount();
    await advance(30_000);

    expect(during).toBe(3);
    expect(ping.mock.calls.length - before).toBe(3);
  });

  test("F003-03 F003-30 presence by user, broadcast to oneself where wanted", async () => {
    const { server, wrapper, advance } = world();
    const heard: Row[] = [];
    const { result } = renderHook(
      () => ({
        presence: usePresence("room", { key: "me", state: { page: "board" } }),
        broadcast: useBroadcast("room", "wave", (payload) => heard.push(payload), { self: true }),
      }),
      { wrapper },
    );
    await advance(100);
    act(() => server.presence({ me: [{ page: "board" }], you: [{ page: "admin" }] }));
    await act(() => result.current.broadcast.send({ hi: 1 }));

    expect(Object.keys(result.current.presence.peers)).toEqual(["me", "you"]);
    expect(result.current.presence.self).toEqual([{ page: "board" }]);
    expect(heard).toEqual([{ hi: 1 }]);
    expect(result.current.presence.status).toBe("connected");
  });
});

describe("documents' hooks under their names", () => {
  test("F002-20 six of document 002: data, status, error, isConnected", async () => {
    const { wrapper, advance } = world();
    const { result } = renderHook(
      () => [
        useStreamProgress("s"),
        useAllStreamsProgress("a"),
        useScanProgress("c"),
        useSignalAlerts("u"),
        useAgentExecutions("s"),
        useRealtimeNotifications("u"),
      ],
      { wrapper },
    );
    await advance(200);

    for (const one of result.current) {
      expect(one).toMatchObject({ status: "success", error: undefined, isConnected: true });
      expect(one).toHaveProperty("data");
    }
  });

  test("F002-22 alerts, unreadCount, markAsRead", async () => {
    const { server, wrapper, advance } = world();
    server.put({ id: "1", user_id: "u", read_at: null, created_at: "2026-01-01T00:00:00Z" });
    server.put({ id: "2", user_id: "u", read_at: null, created_at: "2026-01-01T00:00:01Z" });
    const { result } = renderHook(() => useSignalAlerts("u"), { wrapper });
    await advance(100);
    const before = result.current.unreadCount;

    act(() => void result.current.markAsRead("1"));
    await advance(5);

    expect([before, result.current.unreadCount, result.current.alerts.length]).toEqual([2, 1, 2]);
    await advance(100);
  });

  test("F002-23 executions and the running of them", async () => {
    const { server, wrapper, advance } = world();
    server.put({ id: "1", stream_id: "s", status: "running", created_at: "2026-01-01T00:00:00Z" });
    server.put({ id: "2", stream_id: "s", status: "succeeded", created_at: "2026-01-01T00:00:01Z" });
    const { result } = renderHook(() => useAgentExecutions("s"), { wrapper });
    await advance(100);

    expect(result.current.executions).toHaveLength(2);
    expect(result.current.runningAgents.map(({ id }) => id)).toEqual(["1"]);
  });

  const notification = (id: string, more: Row = {}): Row => ({
    id,
    organization_id: "o",
    user_id: "u",
    type: "info",
    kind: "missed-call",
    title: id,
    body: null,
    persistent: false,
    read_at: null,
    created_at: `2026-01-01T00:00:0${id}Z`,
    ...more,
  });
  const adminWorld = async (options: object = {}) => {
    const made = world();
    const desktop: string[] = [];
    const asked: string[] = [];
    class Shown {
      static permission = "granted";
      static requestPermission = async () => {
        asked.push("asked");
        return "granted";
      };
      constructor(title: string) {
        desktop.push(title);
      }
    }
    vi.stubGlobal("Notification", Shown);
    let sounds = 0;
    const playSound = () => sounds++;
    const { result } = renderHook(() => useAdminNotifications({ userId: "u", playSound, ...options }), {
      wrapper: made.wrapper,
    });
    await made.advance(100);
    const arrive = async (id: string, more: Row = {}) => {
      made.server.put(notification(id, more), "notifications");
      await made.advance(100);
    };
    return { ...made, result, desktop, asked, arrive, sounds: () => sounds };
  };

  test("F003-16 F003-17 useAdminNotifications: desktop and sound obey the options, all are read at once", async () => {
    const silent = await adminWorld();
    await silent.arrive("1", { type: "error" });
    const quiet = [silent.desktop.length, silent.sounds(), silent.result.current.unreadCount];
    cleanup();
    const loud = await adminWorld({ enableDesktop: true, enableSound: true });
    await loud.arrive("1");
    await loud.arrive("2", { type: "error" });
    const unread = loud.result.current.unreadCount;
    act(() => void loud.result.current.markAllAsRead());
    await loud.advance(5);

    expect(quiet).toEqual([0, 0, 1]);
    expect(loud.desktop).toEqual(["1", "2"]);
    expect(loud.sounds()).toBe(1);
    expect([unread, loud.result.current.unreadCount]).toEqual([2, 0]);
    vi.unstubAllGlobals();
    await loud.advance(100);
  });

  test("F003-24 permission is asked for only by a gesture; a kind can be muted, its desktop or its sound alone", async () => {
    const { server, result, desktop, asked, arrive, sounds, advance } = await adminWorld({
      enableDesktop: true,
      enableSound: true,
    });
    const preference = { organization_id: "o", user_id: "u", desktop: true, sound: true, muted: false };
    server.put({ ...preference, id: "p0", kind: "c", organization_id: "another", muted: true }, "notification_prefs");
    server.put({ ...preference, id: "p1", kind: "a", muted: true }, "notification_prefs");
    server.put({ ...preference, id: "p2", kind: "b", desktop: false }, "notification_prefs");
    server.put({ ...preference, id: "p3", kind: "c", sound: false }, "notification_prefs");
    await advance(100);
    await arrive("1", { type: "error", kind: "a" });
    await arrive("2", { type: "error", kind: "b" });
    await arrive("3", { type: "error", kind: "c" });
    const before = asked.length;
    await act(async () => {
      await result.current.askPermission();
    });

    expect(desktop).toEqual(["3"]);
    expect(sounds()).toBe(1);
    expect(result.current.toasts.map(({ id }) => id).sort()).toEqual(["2", "3"]);
    expect(result.current.unreadCount).toBe(3);
    expect([before, asked.length]).toEqual([0, 1]);
    vi.unstubAllGlobals();
  });

  test("L18 what an alert was about has passed: it leaves the front, and stays in the feed", async () => {
    const { result, arrive } = await adminWorld();
    await arrive("1", { type: "error", persistent: true, data: { rule: "Long wait" } });
    const before = result.current.toasts.length;
    await arrive("1", {
      type: "error",
      persistent: false,
      data: { rule: "Long wait", ended_at: "2026-01-01T12:00:00Z" },
    });

    expect([before, result.current.toasts.length, result.current.notifications.length]).toEqual([1, 0, 1]);
    vi.unstubAllGlobals();
  });

  test("F003-25 C24 an important toast stays until it is read, another for 30 s; both stay in the feed", async () => {
    const { result, arrive, advance } = await adminWorld();
    const toasts = () => result.current.toasts.map(({ id }) => id).sort();
    await arrive("1");
    await arrive("2", { persistent: true });
    const first = toasts();
    await advance(31_000);
    const later = toasts();
    act(() => void result.current.markAsRead("2"));
    await advance(5);

    expect([first, later, toasts()]).toEqual([["1", "2"], ["2"], []]);
    expect(result.current.notifications).toHaveLength(2);
    await advance(100);
  });

  test("F003-16 useKpiMetrics and useUserManagement", async () => {
    const { server, wrapper, advance } = world();
    server.put({ id: "u", organization_id: "o", display_name: "Rhonda", last_seen_at: null }, "profiles");
    server.put({ id: "r", organization_id: "o", user_id: "u", role: "supervisor" }, "user_roles");
    const { result } = renderHook(() => ({ kpi: useKpiMetrics("o"), management: useUserManagement("o") }), {
      wrapper,
    });
    await advance(200);
    const { users } = result.current.management;
    server.put({ id: "r", organization_id: "o", user_id: "u", role: "admin" }, "user_roles");
    await advance(100);

    expect(users).toEqual([{ id: "u", display_name: "Rhonda", last_seen_at: null, role: "supervisor" }]);
    expect(result.current.management.users[0]?.role).toBe("admin");
    expect(result.current.kpi).toMatchObject({ isLive: true, error: undefined });
  });

  test("F003-01 useSupabaseLive: data, isConnected, reconnect, and callbacks", async () => {
    const { server, wrapper, advance } = world();
    const heard: string[] = [];
    const { result } = renderHook(
      () =>
        useSupabaseLive("calls", {
          onInsert: (row) => heard.push(`+${row.id}`),
          onUpdate: (row, old) => heard.push(`${old.state}>${row.state}`),
          onDelete: (old) => heard.push(`-${old.id}`),
        }),
      { wrapper },
    );
    await advance(100);
    server.put(call("1"));
    server.put(call("1", { state: "active" }));
    server.remove("1");
    await advance(100);
    act(() => result.current.reconnect());
    await advance(100);

    expect(heard).toEqual(["+1", "ringing>active", "-1"]);
    expect(result.current).toMatchObject({ isConnected: true, loading: false });
    expect(server.reconnects).toBe(1);
  });

  test("F003-01 enableRealtime: false asks every refreshInterval and opens no channel", async () => {
    const { server, wrapper, advance } = world();
    renderHook(() => useSupabaseLive("calls", { enableRealtime: false, refreshInterval: 30_000 }), { wrapper });

    await advance(61_000);

    expect([server.channels, server.requests]).toEqual([0, 3]);
  });

  test("F004-15 F004-16 useCallsList counts what is new until it is read", async () => {
    const { server, wrapper, advance } = world();
    const { result } = renderHook(() => useCallsList("a"), { wrapper });
    await advance(100);
    server.put(call("1", { started_at: "2026-01-01T00:00:00Z" }));
    server.put(call("1", { started_at: "2026-01-01T00:00:00Z", state: "active" }));
    server.put(call("2", { started_at: "2026-01-01T00:00:01Z" }));
    await advance(100);
    const count = result.current.newCallsCount;
    act(() => result.current.markAsRead());

    expect([count, result.current.newCallsCount]).toEqual([2, 0]);
    expect(result.current.calls.map(({ id }) => id)).toEqual(["2", "1"]);
  });

  test("F004-15 useCallUpdates and useDashboardMetrics", async () => {
    const { server, wrapper, advance } = world();
    server.put(call("1"));
    const { result } = renderHook(() => ({ call: useCallUpdates("1"), figures: useDashboardMetrics("a") }), {
      wrapper,
    });
    await advance(100);

    expect(result.current.call.call).toMatchObject({ id: "1" });
    expect(result.current.call.lastUpdate).toBeInstanceOf(Date);
    expect(result.current.figures.isLive).toBe(true);
    expect(result.current.figures.metrics).not.toBeNull();
  });

  test("F004-14 C16 two users of useCallsRealtime: one leaves, the other still hears", async () => {
    const { server, wrapper, advance } = world();
    const one = renderHook(() => useCallsRealtime("a"), { wrapper });
    const two = renderHook(() => useCallsRealtime("a"), { wrapper });
    await advance(100);
    const connected: boolean[] = [one.result.current.isConnected, two.result.current.isConnected];
    let heard = 0;
    two.result.current.addListener("call-created", () => heard++);

    one.unmount();
    server.put(call("1"));
    await advance(100);

    expect(connected).toEqual([true, true]);
    expect(heard).toBe(1);
  });
});
