import { delay } from "./backoff.ts";
import { type ChannelStatus, channelToSimple } from "./connection.ts";
import { DEFAULT_KEY, guarded, type ListHost, type ListOptions, type LiveError, LiveList } from "./live-list.ts";
import { consoleLog, type Log } from "./log.ts";
import { type Connection, Monitor } from "./monitor.ts";
import { defaultPlatform, type Platform } from "./platform.ts";
import { describe, type QueryOf, type QueryShape, type ValueOf, valueShape } from "./query.ts";
import { type AnySupabaseClient, SupabaseTransport } from "./supabase-transport.ts";
import type { Change, ChangesOf, Channel, ChannelListener, ChannelSpec, Row, Transport } from "./transport.ts";

export interface LiveClientOptions {
  /** Between requests without a usable socket. Default: 10 s. */
  readonly pollMs?: number;
  /** Without proof of life and currency for longer, the source is not live. Default: 30 s. */
  readonly unhealthyMs?: number;
  /** For a socket to open. Default: 10 s. */
  readonly connectMs?: number;
  /** For a request to be answered. Default: 10 s. */
  readonly requestTimeoutMs?: number;
  /** How long a list that nobody reads any more is kept, for who comes back. Default: 1 s. */
  readonly lingerMs?: number;
  /** After which a hidden page lets go of the socket; null: never (somebody has to hear it ring). Default: 60 s. */
  readonly hiddenMs?: number | null;
  /** Least time between two pictures while changes stream in; the first comes at once. Default: 0, every frame. */
  readonly batchMs?: number;
  /** Changes after which every list is asked afresh: what decides about what may be seen. */
  readonly refetchOn?: readonly ChangesOf[];
  /** Writes what happens to the console, or to a function. Default: false. */
  readonly debug?: boolean | Log;
  readonly transport?: Transport;
  readonly platform?: Platform;
}

/** One line of the table of channels. */
export interface ChannelReport {
  readonly name: string;
  readonly status: ChannelStatus | undefined;
  readonly error: string | undefined;
  readonly errors: number;
  /** Milliseconds since 1970 of the newest change. */
  readonly lastChange: number | undefined;
  /** From the commit to here, of the newest change, where the clocks agree. */
  readonly delayMs: number | undefined;
  readonly listeners: number;
}

const VALUE_THROTTLE_MS = 2_000;

interface Shared {
  /** What is open: for rooms, everything that any of its users wants. */
  spec: ChannelSpec;
  readonly listeners: Set<ChannelListener>;
  channel: Channel | undefined;
  report: ChannelReport;
  cancelReopen: (() => void) | undefined;
  attempts: number;
}

interface Held {
  readonly id: string;
  readers: number;
  cancelLinger: (() => void) | undefined;
}

/**
 * Live lists on one socket: equal queries share a list, equal subscriptions a channel, all of them one WebSocket. Pauses
 * where nobody looks, and tells how the way to the server is. One per signed-in user; single-threaded.
 */
export class LiveClient {
  readonly supabase: AnySupabaseClient;
  readonly transport: Transport;
  readonly platform: Platform;
  readonly #monitor: Monitor;
  readonly #host: ListHost;
  readonly #log: Log;
  readonly #lingerMs: number;
  readonly #hiddenMs: number | null;
  readonly #refetchOn: readonly ChangesOf[];
  readonly #batchMs: number;
  #shownAt = Number.NEGATIVE_INFINITY;
  readonly #lists = new Map<LiveList<unknown>, Held>();
  readonly #byId = new Map<string, LiveList<unknown>>();
  readonly #channels = new Map<string, Shared>();
  readonly #channelListeners = new Set<() => void>();
  #reports: readonly ChannelReport[] | undefined;
  #flushes = new Map<object, () => void>();
  #cancelFrame: (() => void) | undefined;
  readonly #watched: (() => void)[] = [];
  #cancelHidden: (() => void) | undefined;
  #stopVisibility: (() => void) | undefined;
  #paused = false;
  /** The transport was told to let go of its socket. */
  #asleep = false;
  #started = false;

  constructor(supabase: AnySupabaseClient, options: LiveClientOptions = {}) {
    this.supabase = supabase;
    this.platform = options.platform ?? defaultPlatform();
    this.transport = options.transport ?? new SupabaseTransport(supabase);
    this.#lingerMs = options.lingerMs ?? 1_000;
    this.#hiddenMs = options.hiddenMs === undefined ? 60_000 : options.hiddenMs;
    this.#refetchOn = options.refetchOn ?? [];
    this.#batchMs = options.batchMs ?? 0;
    this.#log = typeof options.debug === "function" ? options.debug : options.debug ? consoleLog : () => {};
    const limits = { unhealthyMs: options.unhealthyMs ?? 30_000, connectMs: options.connectMs ?? 10_000 };
    this.#monitor = new Monitor(this.transport, this.platform, limits, () => this.#trustChanged());
    this.#host = {
      client: supabase,
      platform: this.platform,
      log: this.#log,
      pollMs: options.pollMs ?? 10_000,
      requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
      isTrusted: () => this.#monitor.isTrusted,
      join: (spec, listener) => this.join(spec, listener),
      flush: (list, run) => this.#flush(list, run),
      answered: (_, error) => this.#answered(error),
      liveness: () => this.#liveness(),
    };
  }

  /** How the way to the server is; the same object until that changes. */
  readonly connection = {
    getSnapshot: (): Connection => this.#monitor.getSnapshot(),
    subscribe: (listener: () => void): (() => void) => this.#monitor.subscribe(listener),
  };

  /** The open channels, for a table of them; the same array until something changes. */
  readonly channels = {
    getSnapshot: (): readonly ChannelReport[] => {
      this.#reports ??= [...this.#channels.values()].map(({ report, listeners }) => ({
        ...report,
        listeners: listeners.size,
      }));
      return this.#reports;
    },
    subscribe: (listener: () => void): (() => void) => {
      this.#channelListeners.add(listener);
      return () => this.#channelListeners.delete(listener);
    },
  };

  /**
   * The list of a query; queries that ask the same get the same list. It lives from the first `retain` to the last
   * `release`, and a moment longer.
   *
   * @returns null where the query has nothing to ask yet
   */
  list<T>(query: QueryOf<readonly T[] | T | null>, options: ListOptions = {}): LiveList<T> | null {
    const builder = query(this.supabase);
    const shape = builder && describe(builder, options.stable ?? [], options.key ?? DEFAULT_KEY);
    return shape && this.#held<T>(shape, query, options);
  }

  /**
   * The answer of a question that is asked again when one of some tables changes: at once, then at most once in
   * `throttleMs` (2 s by default). The list has one row, `{ value }`.
   *
   * @param id      equal for questions that ask the same
   * @param changes on what it depends
   */
  value<T>(id: string, question: ValueOf<T>, changes: readonly ChangesOf[], options: ListOptions = {}) {
    return this.#held<{ readonly value: T }>(valueShape(id, changes), question, {
      throttleMs: VALUE_THROTTLE_MS,
      ...(changes.length === 0 ? { realtime: false } : {}),
      ...options,
    });
  }

  /** Shows a change in every list of its table before the server has it. */
  foresee(change: Change): void {
    for (const list of this.#listsOf(change.table)) {
      list.foresee(change);
    }
  }

  /** Asks the lists of a table afresh. */
  async refetchTable(table: string): Promise<void> {
    await Promise.all(this.#listsOf(table).map((list) => list.refetch()));
  }

  /** Starts the list with its first reader. @returns releases it */
  retain<T>(retainedList: LiveList<T>): () => void {
    const list = retainedList as LiveList<unknown>;
    const held = this.#lists.get(list) ?? { id: `${list.shape.id} again`, readers: 0, cancelLinger: undefined };
    this.#lists.set(list, held);
    held.readers++;
    held.cancelLinger?.();
    held.cancelLinger = undefined;
    this.#start();
    if (!this.#paused) {
      list.start();
    }
    let retained = true;
    return () => {
      if (retained) {
        retained = false;
        held.readers--;
        if (held.readers === 0) {
          this.#linger(list);
        }
      }
    };
  }

  /**
   * Shares a channel: the same name and specification is joined once and told to all.
   *
   * @returns leaves it; the last one closes it
   */
  join(spec: ChannelSpec, listener: ChannelListener): () => void {
    this.#start();
    const id = idOf(spec);
    let shared = this.#channels.get(id);
    if (shared) {
      shared.listeners.add(listener);
      this.#widen(shared, spec);
      if (shared.report.status) {
        listener.status(shared.report.status);
      }
    } else {
      const report = emptyReport(spec.name);
      shared = {
        spec,
        listeners: new Set([listener]),
        channel: undefined,
        report,
        cancelReopen: undefined,
        attempts: 0,
      };
      this.#channels.set(id, shared);
      if (!this.#paused) {
        this.#open(shared);
      }
    }
    this.#reported();
    const joined = shared;
    return () => {
      if (joined.listeners.delete(listener) && joined.listeners.size === 0 && this.#channels.get(id) === joined) {
        this.#channels.delete(id);
        this.#shut(joined);
        this.#liveness();
        this.#rest();
      }
      this.#reported();
    };
  }

  /** The channel of a specification that somebody has joined, to send on it. */
  channelOf(spec: ChannelSpec): Channel | undefined {
    return this.#channels.get(idOf(spec))?.channel;
  }

  /** Asks every list afresh. */
  async refetchAll(): Promise<void> {
    await Promise.all([...this.#lists.keys()].map((list) => list.refetch()));
  }

  /** Drops the socket and connects again, now. */
  reconnect(): void {
    this.signedIn();
    this.transport.reconnect();
  }

  /** A token was given or renewed: what was refused is tried again. */
  signedIn(): void {
    const denied = this.#monitor.getSnapshot().state.kind === "denied";
    this.#monitor.dispatch({ kind: "signed_in" });
    if (denied && !this.#paused) {
      this.#wake();
    }
  }

  /** The session is over: nothing is retried. */
  signedOut(reason: string): void {
    this.#monitor.dispatch({ kind: "refused", reason });
    this.#sleep();
  }

  /** Lets go of socket, channels and timers; what was loaded stays (FEATURES F004-22: a shell that goes to the background). */
  pause(): void {
    if (!this.#paused) {
      this.#paused = true;
      this.#sleep();
    }
  }

  /** Comes back: joins, and asks what was missed. */
  resume(): void {
    if (this.#paused) {
      this.#paused = false;
      this.#wake();
    }
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Ends everything. The client can be used again. */
  close(): void {
    this.#sleep();
    for (const { cancelLinger } of this.#lists.values()) {
      cancelLinger?.();
    }
    this.#lists.clear();
    this.#byId.clear();
    this.#channels.clear();
    this.#watched.length = 0;
    this.#cancelHidden?.();
    this.#stopVisibility?.();
    this.#cancelFrame?.();
    this.#started = false;
    this.#paused = false;
  }

  #listsOf(table: string): LiveList<unknown>[] {
    return [...this.#lists.keys()].filter(({ shape }) => shape.changes.some((changes) => changes.table === table));
  }

  #held<T>(shape: QueryShape, query: QueryOf<unknown>, options: ListOptions): LiveList<T> {
    const id = `${shape.id} ${JSON.stringify(options)}`;
    const known = this.#byId.get(id);
    if (known) {
      return known as LiveList<T>; // the id names query and options, and so the type
    }
    const list = new LiveList<T>(this.#host, shape, query, options);
    this.#byId.set(id, list as LiveList<unknown>);
    this.#lists.set(list as LiveList<unknown>, { id, readers: 0, cancelLinger: undefined });
    // who asked and never reads (a render that was thrown away) leaves nothing behind
    this.#linger(list as LiveList<unknown>);
    return list;
  }

  #start(): void {
    if (this.#started) {
      return;
    }
    this.#started = true;
    this.#stopVisibility = this.platform.onVisibility((hidden) => this.#visible(!hidden));
    if (this.#asleep) {
      this.#asleep = false;
      this.transport.resume();
    }
    this.#monitor.start();
    if (this.platform.isHidden()) {
      this.#visible(false);
    }
    for (const changes of this.#refetchOn) {
      const leave = this.join(
        { name: `live:refetch:${changes.schema}.${changes.table}`, changes: [changes] },
        { status: () => {}, change: () => this.#flush(this, () => void this.refetchAll()) },
      );
      this.#watched.push(leave);
    }
  }

  /** Nobody reads: no timers, no listeners. The socket is the official client's, which closes one without channels. */
  #rest(): void {
    const isRead = [...this.#lists.values()].some(({ readers }) => readers > 0);
    if (this.#started && !isRead && this.#channels.size === this.#watched.length) {
      this.#started = false;
      this.#paused = false;
      for (const leave of this.#watched.splice(0)) {
        leave();
      }
      this.#monitor.stop();
      this.#stopVisibility?.();
      this.#cancelHidden?.();
    }
  }

  #visible(visible: boolean): void {
    this.#cancelHidden?.();
    this.#cancelHidden = undefined;
    if (visible) {
      this.resume();
    } else if (this.#hiddenMs !== null) {
      this.#cancelHidden = this.platform.after(this.#hiddenMs, () => this.pause());
    }
  }

  #sleep(): void {
    this.#monitor.stop();
    for (const list of this.#lists.keys()) {
      list.stop();
    }
    for (const shared of this.#channels.values()) {
      this.#shut(shared);
      shared.report = { ...shared.report, status: undefined };
    }
    this.#cancelFrame?.();
    this.#cancelFrame = undefined;
    this.#flushes.clear();
    this.transport.pause();
    this.#asleep = true;
    this.#reported();
  }

  #wake(): void {
    this.#asleep = false;
    this.#monitor.start();
    for (const shared of this.#channels.values()) {
      this.#open(shared);
    }
    for (const [list, { readers }] of this.#lists) {
      if (readers > 0) {
        list.start();
      }
    }
    this.transport.resume();
  }

  #linger(list: LiveList<unknown>): void {
    const held = this.#lists.get(list);
    if (held) {
      held.cancelLinger?.();
      held.cancelLinger = this.platform.after(this.#lingerMs, () => {
        this.#lists.delete(list);
        if (this.#byId.get(held.id) === list) {
          this.#byId.delete(held.id);
        }
        list.stop();
        this.#liveness();
        this.#rest();
      });
    }
  }

  /** A room that somebody else uses otherwise is joined again with what both want. */
  #widen(shared: Shared, { presence, broadcast }: ChannelSpec): void {
    const { spec } = shared;
    const events = [...new Set([...(spec.broadcast?.events ?? []), ...(broadcast?.events ?? [])])];
    const self = (spec.broadcast?.self ?? false) || (broadcast?.self ?? false);
    const wider: ChannelSpec = {
      ...spec,
      ...(events.length > 0 ? { broadcast: { self, events } } : {}),
      ...(spec.presence || presence ? { presence: spec.presence ?? presence ?? { key: "" } } : {}),
    };
    if (JSON.stringify(wider) !== JSON.stringify(spec)) {
      shared.spec = wider;
      if (shared.channel) {
        this.#shut(shared);
        shared.report = { ...shared.report, status: undefined };
        this.#open(shared);
      }
    }
  }

  #shut(shared: Shared): void {
    shared.cancelReopen?.();
    shared.cancelReopen = undefined;
    shared.channel?.close();
    shared.channel = undefined;
  }

  #open(shared: Shared): void {
    if (shared.channel || this.#paused || shared.listeners.size === 0) {
      return;
    }
    const all = (tell: (listener: ChannelListener) => void) => {
      for (const listener of [...shared.listeners]) {
        guarded(() => tell(listener));
      }
    };
    const twins = [...this.#channels.values()].filter(({ spec, channel }) => channel && spec.name === shared.spec.name);
    const name = twins.length === 0 ? shared.spec.name : `${shared.spec.name}#${hash(idOf(shared.spec))}`;
    shared.channel = this.transport.open(
      { ...shared.spec, name },
      {
        status: (status, error) => {
          const failed = status === "CHANNEL_ERROR" || status === "TIMED_OUT";
          shared.report = {
            ...shared.report,
            status,
            error: failed ? (error?.message ?? status) : undefined,
            errors: shared.report.errors + (failed ? 1 : 0),
          };
          this.#reported();
          all((listener) => listener.status(status, error));
          this.#liveness();
          if (status === "SUBSCRIBED") {
            shared.attempts = 0;
          } else if (status === "CLOSED") {
            this.#reopen(shared);
          }
        },
        change: (change) => {
          this.#measure(shared, change);
          all((listener) => listener.change?.(change));
        },
        broadcast: (event, payload: Row) => all((listener) => listener.broadcast?.(event, payload)),
        presence: (state) => all((listener) => listener.presence?.(state)),
      },
    );
  }

  /** A channel that the server closed is gone for the official client; who still listens gets a new one. */
  #reopen(shared: Shared): void {
    this.#shut(shared);
    shared.cancelReopen = this.platform.after(delay(++shared.attempts, this.platform.random()), () =>
      this.#open(shared),
    );
  }

  #measure(shared: Shared, change: Change): void {
    const now = this.platform.now();
    const delayMs = Math.max(0, now - Date.parse(change.committedAt));
    shared.report = { ...shared.report, lastChange: now, delayMs: Number.isNaN(delayMs) ? undefined : delayMs };
    this.#reports = undefined; // seen with the next status, or when somebody looks: not worth a render per change
  }

  #reported(): void {
    this.#reports = undefined;
    for (const listener of this.#channelListeners) {
      listener();
    }
  }

  #flush(list: object, run: () => void): void {
    this.#flushes.set(list, run);
    if (this.#cancelFrame) {
      return;
    }
    const { now, frame, after } = this.platform;
    const show = () => {
      this.#cancelFrame = undefined;
      this.#shownAt = now();
      const flushes = [...this.#flushes.values()];
      this.#flushes.clear();
      for (const flush of flushes) {
        guarded(flush);
      }
    };
    // the first change at once; of a stream of them, no more pictures than wanted
    const wait = this.#shownAt + this.#batchMs - now();
    this.#cancelFrame = wait > 0 ? after(wait, show) : frame(show);
  }

  #trustChanged(): void {
    for (const list of this.#lists.keys()) {
      list.reconsider();
    }
    this.#liveness();
  }

  #answered(error: LiveError | undefined): void {
    if (error?.status === 401) {
      this.signedOut(error.message);
    } else if (!this.#monitor.isTrusted) {
      this.#monitor.dispatch({ kind: error ? "poll_failed" : "poll_succeeded" });
    }
  }

  /** Live once every list that has joined has its snapshot. One whose channel was refused polls, and is behind by itself. */
  #liveness(): void {
    const behind = [...this.#lists].some(([list, { readers }]) => {
      const { isLive, channel, error } = list.getSnapshot();
      return readers > 0 && channel === "SUBSCRIBED" && !isLive && error === undefined;
    });
    const joining = [...this.#channels.values()].some(({ report }) => report.status === undefined);
    this.#monitor.dispatch({ kind: behind || joining ? "fell_behind" : "caught_up" });
  }
}

/** Equal for who may share a channel: rooms by their name, changes by what they are of. */
const idOf = (spec: ChannelSpec): string =>
  spec.presence || spec.broadcast ? `room ${spec.name}` : JSON.stringify([spec.name, spec.changes]);

/** FNV-1a: enough to tell the few channels of one name apart. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  return (value >>> 0).toString(36);
}

/** Whether a channel works, in document 002's words. */
export const simpleStatusOf = (report: ChannelReport) => channelToSimple(report.status);

function emptyReport(name: string): ChannelReport {
  return {
    name,
    status: undefined,
    error: undefined,
    errors: 0,
    lastChange: undefined,
    delayMs: undefined,
    listeners: 0,
  };
}
