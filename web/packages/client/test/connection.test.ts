import { describe, expect, test } from "vitest";
import {
  type ConnectionEvent,
  type ConnectionState,
  channelToSimple,
  INITIAL,
  isConnected,
  next,
  toSimpleStatus,
  worst,
} from "../src/index.ts";

type Kind = ConnectionState["kind"];

const STATES: Record<Kind, ConnectionState> = {
  offline: { kind: "offline" },
  reconnecting: { kind: "reconnecting", attempt: 2 },
  catching_up: { kind: "catching_up" },
  live: { kind: "live" },
  polling: { kind: "polling", attempt: 2 },
  denied: { kind: "denied", reason: "signed out" },
};

const EVENTS: Record<ConnectionEvent["kind"], ConnectionEvent> = {
  network_lost: { kind: "network_lost" },
  network_found: { kind: "network_found" },
  socket_opened: { kind: "socket_opened" },
  socket_closed: { kind: "socket_closed" },
  heartbeat_missed: { kind: "heartbeat_missed" },
  caught_up: { kind: "caught_up" },
  fell_behind: { kind: "fell_behind" },
  poll_succeeded: { kind: "poll_succeeded" },
  poll_failed: { kind: "poll_failed" },
  refused: { kind: "refused", reason: "signed out" },
  signed_in: { kind: "signed_in" },
};

/** Every state times every event: a cell that is missing does not compile. `reconnecting 3` is its third attempt. */
const TABLE: Record<Kind, Record<ConnectionEvent["kind"], string>> = {
  offline: {
    network_lost: "offline",
    network_found: "reconnecting 1",
    socket_opened: "catching_up",
    socket_closed: "offline",
    heartbeat_missed: "offline",
    caught_up: "offline",
    fell_behind: "offline",
    poll_succeeded: "offline",
    poll_failed: "offline",
    refused: "denied",
    signed_in: "offline",
  },
  reconnecting: {
    network_lost: "offline",
    network_found: "reconnecting 2",
    socket_opened: "catching_up",
    socket_closed: "reconnecting 3",
    heartbeat_missed: "reconnecting 3",
    caught_up: "reconnecting 2",
    fell_behind: "reconnecting 2",
    poll_succeeded: "polling 2",
    poll_failed: "reconnecting 2",
    refused: "denied",
    signed_in: "reconnecting 2",
  },
  catching_up: {
    network_lost: "offline",
    network_found: "catching_up",
    socket_opened: "catching_up",
    socket_closed: "reconnecting 1",
    heartbeat_missed: "reconnecting 1",
    caught_up: "live",
    fell_behind: "catching_up",
    poll_succeeded: "catching_up",
    poll_failed: "catching_up",
    refused: "denied",
    signed_in: "catching_up",
  },
  live: {
    network_lost: "offline",
    network_found: "live",
    socket_opened: "live",
    socket_closed: "reconnecting 1",
    heartbeat_missed: "reconnecting 1",
    caught_up: "live",
    fell_behind: "catching_up",
    poll_succeeded: "live",
    poll_failed: "live",
    refused: "denied",
    signed_in: "live",
  },
  polling: {
    network_lost: "offline",
    network_found: "polling 2",
    socket_opened: "catching_up",
    socket_closed: "polling 3",
    heartbeat_missed: "polling 3",
    caught_up: "polling 2",
    fell_behind: "polling 2",
    poll_succeeded: "polling 2",
    poll_failed: "reconnecting 2",
    refused: "denied",
    signed_in: "polling 2",
  },
  denied: {
    network_lost: "denied",
    network_found: "denied",
    socket_opened: "denied",
    socket_closed: "denied",
    heartbeat_missed: "denied",
    caught_up: "denied",
    fell_behind: "denied",
    poll_succeeded: "denied",
    poll_failed: "denied",
    refused: "denied",
    signed_in: "reconnecting 1",
  },
};

const name = (state: ConnectionState) => ("attempt" in state ? `${state.kind} ${state.attempt}` : state.kind);

describe("the connection's machine", () => {
  for (const [kind, row] of Object.entries(TABLE) as [Kind, (typeof TABLE)[Kind]][]) {
    for (const [event, expected] of Object.entries(row) as [ConnectionEvent["kind"], string][]) {
      test(`${kind} on ${event} is ${expected}`, () => {
        expect(name(next(STATES[kind], EVENTS[event]))).toBe(expected);
      });
    }
  }

  test("begins as reconnecting, before the first attempt", () => {
    expect(name(INITIAL)).toBe("reconnecting 0");
  });
});

describe("older documents' names of its states", () => {
  test("F002-27 four states in lower case", () => {
    const names = Object.fromEntries(Object.values(STATES).map((state) => [state.kind, toSimpleStatus(state)]));

    expect(names).toEqual({
      live: "connected",
      catching_up: "connecting",
      reconnecting: "connecting",
      polling: "connecting",
      offline: "disconnected",
      denied: "error",
    });
  });

  test("F000-02 the four of channels", () => {
    const statuses = ["SUBSCRIBED", "CHANNEL_ERROR", "TIMED_OUT", "CLOSED", undefined] as const;

    expect(statuses.map(channelToSimple)).toEqual(["connected", "error", "error", "disconnected", "connecting"]);
  });

  test("F003 connected or not", () => {
    expect(Object.values(STATES).filter(isConnected)).toEqual([STATES.live]);
  });

  test("F002-25 the worst of several", () => {
    expect(worst(["connected", "error", "connecting"])).toBe("error");
    expect(worst(["connected", "connecting"])).toBe("connecting");
    expect(worst([])).toBe("connected");
  });
});
