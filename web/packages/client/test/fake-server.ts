import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import type {
  Change,
  Channel,
  ChannelListener,
  ChannelSpec,
  ChannelStatus,
  Operation,
  PresenceState,
  Row,
  SocketEvent,
  Transport,
} from "../src/index.ts";
import type { FakePlatform } from "./fake-platform.ts";

export type SocketState = "up" | "refused" | "black hole";

/**
 * One table, whatever it is called, behind a socket and HTTP, in memory: commits reach who is joined, in order; the socket can be refused, cut or
 * swallow everything. Answers of the data API take `httpMs`.
 */
export class FakeServer implements Transport {
  readonly rows = new Map<string, Row>();
  readonly client: SupabaseClient;
  socket: SocketState = "up";
  http: "up" | "down" | "401" = "up";
  httpMs = 20;
  requests = 0;
  behindMs: number | undefined = 0;
  reconnects = 0;
  connects = 0;
  /** Changes that the network swallows although the socket works: what a lost signal is. */
  drops: (change: Change) => boolean = () => false;
  /** Whether channels that were joined before go on where they were. */
  resumes = false;
  /** Whether it keeps queries for channels. */
  keeps = false;
  /** From the last that they missed to the word that it was. */
  catchUpMs = 20;
  joinStatus: ChannelStatus = "SUBSCRIBED";
  joinError: Error | undefined;
  /** By row, for tests that need several tables. */
  readonly #tables = new Map<string, string>();
  readonly #platform: FakePlatform;
  readonly #channels = new Map<number, FakeChannel>();
  /** All that was committed: places are numbers of it. */
  readonly #log: Change[] = [];
  readonly #listeners = new Set<(event: SocketEvent) => void>();
  #next = 1;
  #open = false;
  #paused = false;
  #version = 0;

  constructor(platform: FakePlatform) {
    this.#platform = platform;
    this.client = createClient("http://127.0.0.1:1", "key", {
      accessToken: async () => "token",
      global: { fetch: (input, init) => this.#answer(new URL(String(input)), init?.signal ?? undefined) },
      realtime: { transport: NoSocket },
    });
  }

  get channels(): number {
    return this.#channels.size;
  }

  /** Commits one row. @param table where it is; without one, in whichever is asked */
  put(row: Row, table?: string): void {
    const id = String(row.id);
    if (table) this.#tables.set(id, table);
    const old = this.rows.get(id);
    const now = { ...row, version: ++this.#version };
    this.rows.set(id, now);
    this.#commit({
      kind: old ? "UPDATE" : "INSERT",
      table: "calls",
      new: now,
      old: old ?? {},
      committedAt: this.#time(),
    });
  }

  remove(id: string): void {
    const old = this.rows.get(id);
    if (old) {
      this.rows.delete(id);
      this.#commit({ kind: "DELETE", table: "calls", new: {}, old, committedAt: this.#time() });
    }
  }

  /** Ends the socket; it comes back at the next attempt, if it may. */
  cut(state: SocketState): void {
    this.socket = state;
    if (state === "refused" && this.#open) {
      this.#down();
      this.#retry();
    }
  }

  heartbeat(): void {
    if (this.#open && this.socket === "up") {
      this.#emit({
        kind: "heartbeat",
        latencyMs: 5,
        ...(this.behindMs === undefined ? {} : { behindMs: this.behindMs }),
      });
    }
  }

  /** The server ends channels, as it does where a token has expired. */
  failChannels(status: ChannelStatus, error?: Error): void {
    for (const channel of this.#channels.values()) {
      channel.joined = false;
      channel.listener.status(status, error);
    }
  }

  rejoin(): void {
    for (const channel of this.#channels.values()) this.#join(channel);
  }

  presence(state: PresenceState): void {
    for (const { listener } of this.#channels.values()) listener.presence?.(state);
  }

  broadcast(event: string, payload: Row): void {
    for (const { listener } of this.#channels.values()) listener.broadcast?.(event, payload);
  }

  open(spec: ChannelSpec, listener: ChannelListener): Channel {
    const id = this.#next++;
    const missed = this.resumes && spec.since !== undefined ? this.#log.slice(Number(spec.since)) : undefined;
    const channel: FakeChannel = {
      spec,
      listener,
      joined: false,
      holding: false,
      missed: missed?.filter((change) => this.#isWanted(spec, change)),
    };
    this.#channels.set(id, channel);
    if (this.#open) this.#join(channel);
    else this.#connect();
    return {
      send: async (event, payload) => {
        this.broadcast(event, payload);
        return true;
      },
      track: async () => true,
      untrack: async () => true,
      since: () => (this.resumes && channel.joined && !channel.holding ? String(this.#log.length) : undefined),
      close: () => this.#channels.delete(id),
    };
  }

  onSocket(listener: (event: SocketEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  isOpen = () => this.#open;
  ping = () => this.heartbeat();

  reconnect(): void {
    this.reconnects++;
    if (this.#open) this.#down();
    this.#connect();
  }

  pause(): void {
    this.#paused = true;
    if (this.#open) this.#down();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#connect();
  }

  #connect(): void {
    this.connects++;
    this.#platform.after(5, () => {
      if (this.#paused || this.#open) return;
      if (this.socket === "up") {
        this.#open = true;
        this.#emit({ kind: "opened" });
        for (const channel of this.#channels.values()) this.#join(channel);
      } else if (this.socket === "refused") {
        this.#emit({ kind: "closed" });
        this.#retry();
      }
    });
  }

  /** The official client's own attempts. */
  #retry(): void {
    this.#platform.after(1_000, () => {
      if (!this.#open && !this.#paused) this.#connect();
    });
  }

  #down(): void {
    this.#open = false;
    for (const channel of this.#channels.values()) {
      channel.joined = false;
      channel.listener.status("CHANNEL_ERROR", new Error("socket closed"));
    }
    this.#emit({ kind: "closed" });
  }

  #join(channel: FakeChannel): void {
    this.#platform.after(5, () => {
      if (this.#open && this.socket === "up" && [...this.#channels.values()].includes(channel)) {
        const { missed } = channel;
        channel.joined = this.joinStatus === "SUBSCRIBED";
        const resumed = this.resumes && channel.joined && missed !== undefined;
        channel.listener.status(this.joinStatus, this.joinError, resumed);
        channel.holding = resumed;
        if (resumed) this.#platform.after(5, () => this.#catchUp(channel));
        else if (channel.joined) channel.missed = [];
        if (channel.spec.kept && channel.joined) {
          channel.told = undefined;
          if (this.keeps) this.#platform.after(5, () => this.tellKept(false));
          else channel.listener.notKept?.(false);
        }
      }
    });
  }

  /** What has come meanwhile follows. */
  #catchUp(channel: FakeChannel): void {
    if (channel.joined && this.socket === "up") {
      channel.holding = false;
      for (const change of channel.missed?.splice(0) ?? []) channel.listener.change?.(change);
      this.#platform.after(this.catchUpMs, () => channel.joined && channel.listener.caughtUp?.());
    }
  }

  #isWanted(spec: ChannelSpec, change: Change): boolean {
    const only = this.#tables.get(String(change.new.id ?? change.old.id));
    return (
      spec.changes?.some(({ table, filter }) => (only === undefined || only === table) && matches(filter, change)) ??
      false
    );
  }

  /** Tells the answers of kept queries. @param stale that they cannot be read */
  tellKept(stale: boolean): void {
    for (const channel of this.#channels.values()) {
      const { spec, listener, joined, told } = channel;
      if (spec.kept && joined && this.keeps && this.socket === "up") {
        const rows = this.#select(spec.kept.table, new URLSearchParams(spec.kept.query));
        listener.answer?.({ ops: stale ? [] : difference(told, rows), stale });
        channel.told = stale ? told : rows;
      }
    }
  }

  /** A kept query is refused. */
  refuseKept(): void {
    for (const { listener } of [...this.#channels.values()].filter(({ spec }) => spec.kept)) listener.notKept?.(true);
  }

  /** A membership, or a policy, is another one. */
  rightsChange(): void {
    for (const channel of this.#channels.values()) {
      if (channel.joined) channel.listener.rightsChanged?.();
    }
  }

  #commit(change: Change): void {
    this.#log.push(change);
    for (const channel of this.#channels.values()) {
      const wanted = this.#isWanted(channel.spec, change);
      if (!wanted || (this.socket === "up" && this.drops(change))) continue;
      if (channel.joined && !channel.holding && this.socket === "up") channel.listener.change?.(change);
      else channel.missed?.push(change);
    }
    this.tellKept(false);
  }

  #emit(event: SocketEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  #time = () => new Date(this.#platform.now()).toISOString();

  /** What the data API answers: a small reading of its own of `col=op.value`, `order` and `limit`. */
  #answer(url: URL, signal: AbortSignal | undefined): Promise<Response> {
    this.requests++;
    const { http } = this;
    const body = JSON.stringify(this.#select(url.pathname.split("/").at(-1), url.searchParams));
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      this.#platform.after(this.httpMs, () => {
        if (http === "down") reject(new TypeError("fetch failed"));
        else if (http === "401") resolve(new Response('{"message":"JWT expired","code":"PGRST303"}', { status: 401 }));
        else resolve(new Response(body, { status: 200, headers: { "content-type": "application/json" } }));
      });
    });
  }

  #select(table: string | undefined, params: URLSearchParams): readonly Row[] {
    let rows = [...this.rows].filter(([id]) => (this.#tables.get(id) ?? table) === table).map(([, row]) => row);
    for (const [name, value] of params) {
      const [operator, ...rest] = value.split(".");
      const text = rest.join(".");
      if (["select", "limit", "order"].includes(name)) continue;
      rows = rows.filter((row) =>
        operator === "eq"
          ? String(row[name]) === text
          : operator === "is" || operator === "not"
            ? (row[name] === null) === (operator === "is")
            : operator === "in"
              ? text.slice(1, -1).split(",").includes(String(row[name]))
              : Number(row[name]) >= Number(text),
      );
    }
    rows.sort((a, b) => Number(a.rank) - Number(b.rank) || (String(a.id) < String(b.id) ? -1 : 1));
    const limit = params.get("limit");
    return limit ? rows.slice(0, Number(limit)) : rows;
  }
}

/** `missed`: since it was joined first; undefined before. `holding`: until what it missed is told. */
interface FakeChannel {
  readonly spec: ChannelSpec;
  readonly listener: ChannelListener;
  joined: boolean;
  holding: boolean;
  missed: Change[] | undefined;
  /** Of a kept query, since it was joined. */
  told?: readonly Row[] | undefined;
}

/** All of it once, then row by row. */
function difference(told: readonly Row[] | undefined, rows: readonly Row[]): Operation[] {
  if (!told) return [{ op: "reset", rows }];
  const gone = told.map((_, at): Operation => ({ op: "delete", at: told.length - 1 - at }));
  return [...gone, ...rows.map((row, at): Operation => ({ op: "insert", at, row }))];
}

/** `column=eq.value`, at most one: on both images, as the server does for DELETE and for the rest. */
function matches(filter: string | undefined, change: Change): boolean {
  if (filter === undefined) return true;
  const [, column = "", value = ""] = /^(\w+)=eq\.(.*)$/.exec(filter) ?? [];
  const row = change.kind === "DELETE" ? change.old : change.new;
  return String(row[column]) === value;
}

class NoSocket {
  constructor() {
    throw new Error("the fake server is its own transport");
  }
}
