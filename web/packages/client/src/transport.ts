import type { ChannelStatus } from "./connection.ts";

/** One row as JSON, by column. */
export interface Row {
  readonly [column: string]: unknown;
}

/** A committed change of one row. */
export interface Change {
  readonly kind: "INSERT" | "UPDATE" | "DELETE";
  readonly table: string;
  /** `{}` of a DELETE. */
  readonly new: Row;
  /** The former row as far as the server tells it: the key at least. */
  readonly old: Row;
  /** ISO 8601, UTC. */
  readonly committedAt: string;
}

/** What a channel listens to. */
export interface ChangesOf {
  readonly schema: string;
  readonly table: string;
  readonly event?: "*" | "INSERT" | "UPDATE" | "DELETE";
  /** In the form of Supabase Realtime: `organization_id=eq.…`. */
  readonly filter?: string;
  /**
   * That an UPDATE may come as its key and what was changed, and which columns come besides (SPEC E4). `old` has the same columns:
   * who has other values there has missed something, and reads the row again.
   */
  readonly delta?: readonly string[];
  /**
   * That a row which is not for its reader any more comes as a DELETE, though it is still there, and that the listener hears of
   * other rights (SPEC A14).
   */
  readonly leave?: boolean;
}

/** A query of the data API whose answer the server keeps for a channel (SPEC I). */
export interface KeptQuery {
  readonly schema: string;
  readonly table: string;
  /** As in a URL, without the question mark. */
  readonly query: string;
  /** What tells its rows apart. */
  readonly key: readonly string[];
  /** Rows that only change are told of at most so often a second. */
  readonly max_rate?: number;
}

/** What becomes of a kept answer, one after the other. */
export type Operation =
  | { readonly op: "reset"; readonly rows: readonly Row[] }
  | { readonly op: "insert" | "update"; readonly at: number; readonly row: Row }
  | { readonly op: "delete"; readonly at: number }
  | { readonly op: "move"; readonly from: number; readonly to: number };

export interface Told {
  readonly ops: readonly Operation[];
  /** The answer cannot be read at the moment. */
  readonly stale: boolean;
}

export interface ChannelSpec {
  readonly name: string;
  readonly changes?: readonly ChangesOf[];
  /** Instead of changes. */
  readonly kept?: KeptQuery;
  /** Names of the events wanted; `*` for all. */
  readonly broadcast?: { readonly self?: boolean; readonly events: readonly string[] };
  readonly presence?: { readonly key: string };
  /** Where its changes go on (SPEC H2); of whoever opens it. */
  readonly since?: string;
}

/** Who shares a presence: by key, what each of its tabs tracks. */
export type PresenceState = Readonly<Record<string, readonly Row[]>>;

export interface ChannelListener {
  /** @param resumed whether it goes on where it was: what it missed comes, then `caughtUp` */
  status(status: ChannelStatus, error?: Error, resumed?: boolean): void;
  /** It has been told all that it had missed. */
  caughtUp?(): void;
  /** Rows may have come into sight, or left it, that nobody touched. */
  rightsChanged?(): void;
  change?(change: Change): void;
  /** Of a query that is kept. */
  answer?(told: Told): void;
  /** It is not: this server keeps none, or not this one. @param ever whether it keeps any */
  notKept?(ever: boolean): void;
  broadcast?(event: string, payload: Row): void;
  presence?(state: PresenceState): void;
}

export interface Channel {
  /** @returns whether it is on its way */
  send(event: string, payload: Row): Promise<boolean>;
  track(state: Row): Promise<boolean>;
  untrack(): Promise<boolean>;
  /** Where its changes would go on, with all that its listener has heard. */
  since?(): string | undefined;
  close(): void;
}

export type SocketEvent =
  | { readonly kind: "opened" }
  | { readonly kind: "closed" }
  /**
   * The server answered.
   * `behindMs`: how long ago it last knew that it had everything, where it says so; undefined otherwise.
   */
  | { readonly kind: "heartbeat"; readonly latencyMs?: number; readonly behindMs?: number };

/**
 * The way to the server, whatever carries it: channels that rejoin by themselves over one socket that reconnects by itself.
 * A second one (server-sent events and HTTP) has the same contract.
 */
export interface Transport {
  /** Opens a channel, connecting first where that is needed. */
  open(spec: ChannelSpec, listener: ChannelListener): Channel;
  onSocket(listener: (event: SocketEvent) => void): () => void;
  isOpen(): boolean;
  /** Asks for a sign of life now. */
  ping(): void;
  /** Drops the socket, whatever state it is in, and connects again. */
  reconnect(): void;
  /** Closes the socket until {@link resume}; channels stay registered. */
  pause(): void;
  /** Connects again after {@link pause}; nothing otherwise. */
  resume(): void;
}
