import { LiveClient } from "@switchboard/client";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, describe, expect, test } from "vitest";
import { FakePlatform } from "../../client/test/fake-platform.ts";
import { FakeServer } from "../../client/test/fake-server.ts";
import {
  CallHistory,
  ConnectionStatus,
  LiveMonitoringDashboard,
  LiveProgressIndicator,
  LiveProvider,
  MultiConnectionStatus,
  NotificationPanel,
  RealtimeCallBoard,
  RealtimeCallDetails,
  RealtimeCallsList,
  RealtimeStatus,
  StreamCardRealtime,
  SystemHealthIndicator,
} from "../src/index.ts";

afterEach(cleanup);

async function show(node: ReactNode, locale: "en" | "pt-BR" = "en", prepare: (server: FakeServer) => void = () => {}) {
  const platform = new FakePlatform();
  const server = new FakeServer(platform);
  prepare(server);
  const live = new LiveClient(server.client, { platform, transport: server });
  const { container } = render(
    <LiveProvider client={live} locale={locale}>
      {node}
    </LiveProvider>,
  );
  const advance = (ms: number) => act(() => platform.advance(ms));
  await advance(200);
  return { server, live, container, advance, text: () => container.textContent ?? "" };
}

const call = (id: string, more = {}) => ({
  id,
  organization_id: "o",
  company_name: `Company ${id}`,
  from_number: "+1",
  state: "ringing",
  status: "ringing",
  score: null,
  ai_status: null,
  agent_name: null,
  started_at: "2026-01-01T00:00:00+00:00",
  ended_at: null,
  ...more,
});

describe("ConnectionStatus", () => {
  test.each(["sm", "md", "lg"] as const)("F002-24 size %s, with and without text", async (size) => {
    const { container } = await show(
      <>
        <ConnectionStatus status="connected" size={size} />
        <ConnectionStatus status="connected" size={size} showText={false} />
      </>,
    );

    const [long, short] = [...container.querySelectorAll("[role=status]")];
    expect(long?.textContent).toContain("Connected");
    expect(short?.textContent).not.toContain("Connected");
    expect(short?.getAttribute("aria-label")).toBe("Connected");
    expect(long?.getAttribute("data-size")).toBe(size);
  });

  test("F002-27 four states, each with its own colour, sign and word; F004-17 in Portuguese", async () => {
    const all = ["connected", "connecting", "disconnected", "error"] as const;
    const { container } = await show(
      all.map((status) => <ConnectionStatus key={status} status={status} />),
      "pt-BR",
    );
    const shown = [...container.querySelectorAll<HTMLElement>("[role=status]")];

    expect(new Set(shown.map(({ style }) => style.color)).size).toBe(4);
    expect(new Set(shown.map(({ textContent }) => textContent?.charAt(0))).size).toBe(4);
    expect(shown.map((one) => one.getAttribute("aria-label"))).toEqual([
      "Conectado",
      "Conectando",
      "Desconectado",
      "Erro",
    ]);
  });
});

test("F002-25 F002-39 MultiConnectionStatus takes name and status, and shows the worst", async () => {
  const { container, text } = await show(
    <MultiConnectionStatus
      subscriptions={[
        { name: "streams", status: "connected" },
        { name: "alerts", status: "error" },
      ]}
    />,
  );

  expect(container.querySelector("details")?.getAttribute("data-status")).toBe("error");
  expect(text()).toContain("alerts");
});

test("F002-02 F002-04 F002-39 LiveProgressIndicator renders its documented props", async () => {
  const { text } = await show(
    <LiveProgressIndicator
      title="Scan"
      percentage={41.6}
      status="running"
      currentStep="ranking"
      completed={5}
      total={12}
      lastUpdated="2026-01-01T00:00:00Z"
      connectionStatus="connected"
    />,
  );

  for (const part of ["Scan", "42 %", "running", "ranking", "5 of 12", "Last update", "Connected"]) {
    expect(text()).toContain(part);
  }
  expect(screen.getByRole("progressbar", { name: "Scan" }).getAttribute("value")).toBe("42");
});

test("F002-26 a dashboard of many streams has two channels, and says for how many an agent runs", async () => {
  const { live, server, container, advance } = await show(
    <LiveMonitoringDashboard organizationId="o" />,
    "en",
    (fake) => {
      for (let n = 0; n < 30; n++) {
        fake.put(
          {
            id: `s${n}`,
            organization_id: "o",
            name: `Stream ${n}`,
            goal_status: "active",
            current_progress: { percentage: n, completed: n, total: 100 },
            updated_at: "2026-01-01T00:00:00Z",
          },
          "streams",
        );
      }
      fake.put({ id: "e1", organization_id: "o", stream_id: "s3", status: "running" }, "agent_executions");
    },
  );
  const running = () =>
    [...container.querySelectorAll("small")].filter(({ textContent }) => textContent === "1 running").length;
  const before = running();
  server.put({ id: "e1", organization_id: "o", stream_id: "s3", status: "succeeded" }, "agent_executions");
  await advance(100);

  expect(live.channels.getSnapshot()).toHaveLength(2);
  expect([before, running()]).toEqual([1, 0]);
});

test("F002-26 LiveMonitoringDashboard and StreamCardRealtime follow the rows", async () => {
  const stream = (completed: number) => ({
    id: "s1",
    organization_id: "o",
    name: "Win back",
    goal_status: "active",
    current_progress: { percentage: completed, completed, total: 100 },
    updated_at: "2026-01-01T00:00:00Z",
  });
  const { server, text, advance } = await show(
    <>
      <LiveMonitoringDashboard organizationId="o" />
      <StreamCardRealtime streamId="s1" />
    </>,
    "en",
    (fake) => fake.put(stream(5)),
  );
  const before = text();
  server.put({ ...stream(6), updated_at: "2026-01-01T00:00:01Z" });
  await advance(100);

  expect(before).toContain("5 of 100");
  expect(text()).toContain("6 of 100");
  expect(text()).toContain("active");
});

describe("calls", () => {
  test("F000-27 F000-37 F004-16 board: rows, state of the connection, age, a refresh that works without a socket", async () => {
    const { server, text, advance } = await show(<RealtimeCallBoard organizationId="o" />, "en", (fake) =>
      fake.put(call("1")),
    );
    await act(async () => server.cut("refused"));
    server.put(call("2"));
    fireEvent.click(screen.getByRole("button", { name: "Refresh" }));
    await advance(100);

    expect(text()).toContain("Company 2");
    expect(text()).toContain("Last update");
    expect(screen.getByRole("region", { name: "Calls" }).getAttribute("data-live")).toBe("false");
  });

  test("F004-16 F004-02 the list says how many are new, until it is read; a score replaces its pending", async () => {
    const { server, text, advance, container } = await show(<RealtimeCallsList organizationId="o" />, "pt-BR");
    server.put(call("1", { ai_status: "processing" }));
    server.put(call("2"));
    await advance(100);
    const before = text();
    const isNew = container.querySelectorAll("[data-new=true]").length;
    fireEvent.click(screen.getByRole("button", { name: "Mostrar" }));
    server.put(call("1", { ai_status: "analyzed", score: 91 }));
    await advance(100);

    expect(before).toContain("2 novas chamadas");
    expect(before).toContain("Analisando");
    expect(isNew).toBe(2);
    expect(text()).not.toContain("novas chamadas");
    expect(container.querySelector(".has-score")?.textContent).toBe("Score 91");
  });

  test("F004-03 F004-17 F004-18 details: the transcription grows, partial replaced by final", async () => {
    const { server, text, advance, container } = await show(<RealtimeCallDetails callId="1" />, "pt-BR", (fake) => {
      fake.put(call("1", { call_id: "1", final: false, text: "Olá, eu", track: "inbound", seq: 0, start_ms: 0 }));
    });
    const before = text();
    server.put(
      call("1", { call_id: "1", final: true, text: "Olá, eu queria cancelar", track: "inbound", seq: 0, start_ms: 0 }),
    );
    await advance(100);

    expect(before).toContain("Olá, eu");
    expect(container.querySelector("[data-final=true]")?.textContent).toBe("Olá, eu queria cancelar");
    expect(container.querySelector("[role=log]")?.getAttribute("data-growing")).toBe("true");
  });

  const over = { direction: "inbound", from_number: "+1", started_at: "2026-01-01T00:00:00Z" };
  const ringing = { id: "1", organization_id: "o", state: "ringing", ended_at: null, company_name: "Elm", ...over };
  const ended = { ...ringing, state: "completed", ended_at: "2026-01-01T00:01:00Z" };

  test("F000-15 F000-16 a call that ends leaves the active calls and is in the history: by its change alone", async () => {
    const { server, text, advance } = await show(<CallHistory organizationId="o" />, "en", (fake) => fake.put(ringing));
    const before = text();

    server.put(ended);
    await advance(100);

    expect(before).not.toContain("Elm");
    expect(text()).toContain("Elm");
  });

  test("F000-16 by a refresh alone, where nothing is live", async () => {
    const { server, text, advance } = await show(<CallHistory organizationId="o" />, "en", (fake) => fake.put(ringing));
    server.drops = () => true;
    server.put(ended);
    await advance(100);
    const before = text();

    fireEvent.click(screen.getByRole("button", { name: "Refresh" }));
    await advance(100);

    expect(before).not.toContain("Elm");
    expect(text()).toContain("Elm");
  });

  test("F000-16 by the one who ends it alone, where nothing is live", async () => {
    const { server, live, text, advance } = await show(<CallHistory organizationId="o" />, "en", (fake) =>
      fake.put(ringing),
    );
    server.drops = () => true;
    server.put(ended);
    await advance(100);
    const before = text();

    act(() => void live.refetchTable("calls_enriched"));
    await advance(100);

    expect(before).not.toContain("Elm");
    expect(text()).toContain("Elm");
  });

  test("F000-28 history asks again when the window is looked at after 10 s, and not before", async () => {
    const { server, advance } = await show(<CallHistory organizationId="o" />);
    const look = () => act(async () => globalThis.dispatchEvent(new Event("focus")));
    const { requests } = server;
    await advance(9_000);
    await look();
    const soon = server.requests - requests;
    await advance(2_000);
    await look();
    await advance(100);

    expect([soon, server.requests - requests]).toEqual([0, 1]);
  });
});

test("F000-17 SystemHealthIndicator: healthy, degraded with reasons, down", async () => {
  const answers = [
    { status: "healthy" as const, reasons: [] },
    { status: "degraded" as const, reasons: ["2 calls rang past their limit"] },
  ];
  const report = { activeCalls: 0, recentTimeouts: 0, failureRate: null, totalCalls: 0 };
  const check = async () => {
    const answer = answers.shift();
    if (!answer) throw new Error("no answer");
    return { ...answer, ...report };
  };
  const { container, text, advance } = await show(<SystemHealthIndicator check={check} intervalMs={1_000} />);
  const seen = [container.querySelector("[data-health]")?.getAttribute("data-health")];
  await advance(1_000);
  seen.push(container.querySelector("[data-health]")?.getAttribute("data-health"));
  const reasons = text();
  await advance(1_000);
  seen.push(container.querySelector("[data-health]")?.getAttribute("data-health"));

  expect(seen).toEqual(["healthy", "degraded", "down"]);
  expect(reasons).toContain("2 calls rang past their limit");
  expect(text()).toContain("no answer");
});

test("F003-26 RealtimeStatus: sources with state, newest change, errors, delay, the whole and an action", async () => {
  const { server, text, container } = await show(
    <>
      <RealtimeCallBoard organizationId="o" />
      <RealtimeStatus />
    </>,
  );
  await act(async () => server.failChannels("CHANNEL_ERROR", new Error("permission denied")));
  const failed = text();
  fireEvent.click(screen.getByRole("button", { name: "Reconnect" }));

  expect([...container.querySelectorAll("thead th")].map(({ textContent }) => textContent)).toEqual([
    "Source",
    "State",
    "Last update",
    "Errors",
    "Delay",
  ]);
  expect(failed).toContain("permission denied");
  expect(server.reconnects).toBe(1);
});

test("F003-18 F003-19 F003-27 NotificationPanel: newest first, four looks, filters, read marks", async () => {
  const notification = (id: string, type: string, source: string) => ({
    id,
    user_id: "u",
    type,
    source,
    title: `Title ${id}`,
    body: null,
    persistent: true,
    read_at: null,
    created_at: `2026-01-01T00:00:0${id}Z`,
  });
  const { text, container, advance } = await show(<NotificationPanel userId="u" />, "en", (fake) => {
    fake.put(notification("1", "info", "system"));
    fake.put(notification("2", "error", "security"));
    fake.put(notification("3", "warning", "system"));
    fake.put(notification("4", "success", "recording"));
  });
  const looks = new Set([...container.querySelectorAll("li [role=img]")].map(({ textContent }) => textContent));
  const unread = text();
  fireEvent.change(screen.getByLabelText("Source"), { target: { value: "system" } });
  const filtered = [...container.querySelectorAll("li strong")].map(({ textContent }) => textContent);
  fireEvent.click(screen.getByRole("button", { name: "Mark all as read" }));
  await advance(1);

  expect(looks.size).toBe(4);
  expect(unread).toContain("4 unread");
  expect(filtered.sort()).toEqual(["Title 1", "Title 3"]);
  expect(text()).toContain("0 unread");
  await advance(100);
});
