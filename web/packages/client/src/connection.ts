/**
 * The state of one browser's way to the server, as a pure machine: `next(state, event)` is total, and the class that owns
 * sockets and timers (`Monitor`) only feeds it. One machine for all vocabularies (FEATURES C7); the older documents' names
 * are made from it by the functions below.
 */
export type ConnectionState =
  /** The device says that it has no network. */
  | { readonly kind: "offline" }
  /** No socket; another attempt is under way or waits. `attempt` counts from 1, 0 is the very first. */
  | { readonly kind: "reconnecting"; readonly attempt: number }
  /** The socket is there, lists ask for what they missed. */
  | { readonly kind: "catching_up" }
  /** Every list has asked afresh since the socket opened, and heartbeats are answered. */
  | { readonly kind: "live" }
  /** The socket cannot be used (or its server lags), plain requests work: lists ask every few seconds. */
  | { readonly kind: "polling"; readonly attempt: number }
  /** Refused: the session is over. Nothing is retried until somebody signs in. */
  | { readonly kind: "denied"; readonly reason: string };

export type ConnectionEvent =
  | { readonly kind: "network_lost" }
  | { readonly kind: "network_found" }
  | { readonly kind: "socket_opened" }
  | { readonly kind: "socket_closed" }
  /** No proof of life, or of being current, within the limit (30 s by default). */
  | { readonly kind: "heartbeat_missed" }
  | { readonly kind: "caught_up" }
  /** A list has to ask afresh, because its channel failed or joined late. */
  | { readonly kind: "fell_behind" }
  | { readonly kind: "poll_succeeded" }
  | { readonly kind: "poll_failed" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "signed_in" };

export const INITIAL: ConnectionState = { kind: "reconnecting", attempt: 0 };

export function next(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  switch (event.kind) {
    case "refused":
      return { kind: "denied", reason: event.reason };
    case "network_lost":
      return state.kind === "denied" ? state : { kind: "offline" };
    case "network_found":
      return state.kind === "offline" ? { kind: "reconnecting", attempt: 1 } : state;
    case "signed_in":
      return state.kind === "denied" ? { kind: "reconnecting", attempt: 1 } : state;
    case "socket_opened":
      return state.kind === "denied" || state.kind === "live" ? state : { kind: "catching_up" };
    case "socket_closed":
    case "heartbeat_missed":
      return lost(state);
    case "caught_up":
      return state.kind === "catching_up" ? { kind: "live" } : state;
    case "fell_behind":
      return state.kind === "live" ? { kind: "catching_up" } : state;
    case "poll_succeeded":
      return state.kind === "reconnecting" ? { kind: "polling", attempt: state.attempt } : state;
    case "poll_failed":
      return state.kind === "polling" ? { kind: "reconnecting", attempt: state.attempt } : state;
  }
}

/** A socket that is gone: one more attempt. Polling goes on as polling. */
function lost(state: ConnectionState): ConnectionState {
  switch (state.kind) {
    case "offline":
    case "denied":
      return state;
    case "reconnecting":
      return { kind: "reconnecting", attempt: state.attempt + 1 };
    case "polling":
      return { kind: "polling", attempt: state.attempt + 1 };
    case "catching_up":
    case "live":
      return { kind: "reconnecting", attempt: 1 };
  }
}

/** What official clients report of a channel. */
export type ChannelStatus = "SUBSCRIBED" | "CHANNEL_ERROR" | "TIMED_OUT" | "CLOSED";

/** Document 002's four states. */
export type SimpleStatus = "connected" | "connecting" | "disconnected" | "error";

/** @returns document 002's name of a state (FEATURES C7) */
export function toSimpleStatus(state: ConnectionState): SimpleStatus {
  switch (state.kind) {
    case "live":
      return "connected";
    case "reconnecting":
    case "catching_up":
    case "polling":
      return "connecting";
    case "offline":
      return "disconnected";
    case "denied":
      return "error";
  }
}

/** @returns documents 003's and 004's yes or no */
export function isConnected(state: ConnectionState): boolean {
  return state.kind === "live";
}

/** @returns document 002's name of a channel's status; undefined: it has not answered yet */
export function channelToSimple(status: ChannelStatus | undefined): SimpleStatus {
  switch (status) {
    case "SUBSCRIBED":
      return "connected";
    case undefined:
      return "connecting";
    case "CLOSED":
      return "disconnected";
    case "CHANNEL_ERROR":
    case "TIMED_OUT":
      return "error";
  }
}

const WORST_FIRST: readonly SimpleStatus[] = ["error", "disconnected", "connecting", "connected"];

/** @returns the worst of several, `connected` of none */
export function worst(statuses: readonly SimpleStatus[]): SimpleStatus {
  return WORST_FIRST.find((status) => statuses.includes(status)) ?? "connected";
}
