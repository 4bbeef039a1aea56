import type { ListCache } from "./cache.ts";
import type { ChannelStatus } from "./connection.ts";
import type { Log } from "./log.ts";
import type { Platform } from "./platform.ts";
import type { AnySupabaseClient } from "./supabase-transport.ts";
import type { ChannelListener, ChannelSpec, Row } from "./transport.ts";

/** Why a list could not be asked, with the server's code where it gave one. */
export interface LiveError {
  readonly message: string;
  readonly code: string | undefined;
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
}

/** What a list shows. Immutable; `data` keeps its identity until a row changes. */
export interface ListState<T = Row> {
  readonly data: readonly T[];
  /** Whether anything has ever been loaded, in TanStack's words. */
  readonly status: "pending" | "success" | "error";
  readonly error: LiveError | undefined;
  /** Joined, asked afresh since, and the socket answers: what is shown is what the server has. */
  readonly isLive: boolean;
  readonly isFetching: boolean;
  readonly channel: ChannelStatus | undefined;
  /** Milliseconds since 1970 of the newest data, by change or by request; undefined: none yet. */
  readonly lastUpdate: number | undefined;
  /** Milliseconds since 1970, when what is shown was last known to be right; while it is live, it is right now. */
  readonly asOf: number | undefined;
  /** Of a query with `{ count: … }`. */
  readonly count: number | null;
}

export interface ListOptions {
  /** The table's key; `id` by default. */
  readonly key?: readonly string[];
  /** Columns that never change, by which the server may filter changes. */
  readonly stable?: readonly string[];
  /** Least time between two requests that changes cause, where a change does not say by itself what becomes of the list. */
  readonly throttleMs?: number;
  /** Time between requests while there is no usable socket. */
  readonly pollMs?: number;
  /** Time between requests while all is well, to be sure of it; 0: none. */
  readonly refreshMs?: number;
  /** false: only requests, no channel. */
  readonly realtime?: boolean;
  /**
   * true: changes of rows that the list has come as what was changed, where that saves more than half; a row that enters the list
   * by a change costs a request. For wide rows with a `version` or an `updated_at` that change often and seldom enter.
   */
  readonly deltas?: boolean;

  /**
   * Whether the server keeps the answer and tells what becomes of it, where it can (SPEC I). Default: for what a changed row does not decide
   * by itself (embedded tables, offsets, sums). true for other lists spares them every request, and costs the server more.
   */
  readonly kept?: boolean;
  /**
   * Of a list that the server keeps: rows that only change come at most so often a second, the last of their values; what comes, goes or
   * moves comes at once (SPEC I6). For screens that need no more, and networks that bear no more; live means then: right but for what is held
   * back. 0.01 to 1000. Default: every change.
   */
  readonly maxRate?: number;
}

/** What a list asks of who holds it. */
export interface ListHost {
  readonly client: AnySupabaseClient;
  readonly platform: Platform;
  readonly log: Log;
  readonly pollMs: number;
  readonly requestTimeoutMs: number;
  /** Whether the socket is open and answers. */
  isTrusted(): boolean;
  /** When the server last proved that it had sent everything. */
  provenAt(): number | undefined;
  readonly cache?: ListCache;
  /** Whether a query may be kept: until the server has refused it, or said that it keeps none. */
  isKept(id: string): boolean;
  /** @param id of the query; undefined: none is */
  notKept(id: string | undefined): void;
  /** Where the open channel of a specification would go on. */
  sinceOf(spec: ChannelSpec): string | undefined;
  /** Shares a channel with who asks for the same. @returns leaves it */
  join(spec: ChannelSpec, listener: ChannelListener): () => void;
  /** Runs before the next paint, together with others'. */
  flush(list: object, run: () => void): void;
  answered(list: object, error: LiveError | undefined): void;
  liveness(list: object): void;
}

/** Of a list that has asked nothing yet. */
export const EMPTY: ListState<never> = {
  data: [],
  status: "pending",
  error: undefined,
  isLive: false,
  isFetching: false,
  channel: undefined,
  lastUpdate: undefined,
  asOf: undefined,
  count: null,
};
export const DEFAULT_KEY: readonly string[] = ["id"];

/**
 * A state with other parts; the same object where they are as they were. One that is live no more was right until then, or until the server
 * last proved it.
 */
function withParts<T>(former: ListState<T>, parts: Partial<ListState<T>>, provenAt: number | undefined): ListState<T> {
  const wasLive = former.isLive && parts.isLive === false;
  const proven = wasLive ? { asOf: Math.max(former.asOf ?? 0, provenAt ?? 0) } : {};
  const state = { ...former, ...proven, ...parts };
  const names = Object.keys(parts) as (keyof ListState<T>)[];
  return names.some((name) => state[name] !== former[name]) ? state : former;
}

/** What one list shows, and who is told of it. Single-threaded. */
export class ListStore<T> {
  readonly #host: ListHost;
  readonly #table: string;
  readonly #heldMs: number;
  readonly #listeners = new Set<() => void>();
  #state: ListState<T> = EMPTY;

  /** @param heldMs for so long what has changed may be held back from a list that calls itself live */
  constructor(host: ListHost, table: string, heldMs = 0) {
    this.#host = host;
    this.#table = table;
    this.#heldMs = heldMs;
  }

  get state(): ListState<T> {
    return this.#state;
  }

  /** @returns stops it */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(parts: Partial<ListState<T>>): void {
    const { isLive } = this.#state;
    const provenAt = this.#host.provenAt();
    const state = withParts(this.#state, parts, provenAt === undefined ? undefined : provenAt - this.#heldMs);
    if (state.isLive !== isLive) {
      const [from, to] = isLive ? ["live", "not live"] : ["not live", "live"];
      this.#host.log({ kind: "status change", channel: this.#table, from, to });
    }
    if (state !== this.#state) {
      this.#state = state;
      for (const listener of this.#listeners) {
        listener();
      }
    }
  }
}
