import type { ListCache } from "./cache.ts";
import { type ChannelReport, Channels } from "./channels.ts";
import { channelToSimple } from "./connection.ts";
import { guarded } from "./guarded.ts";
import { DEFAULT_KEY, type ListHost, type ListOptions, type LiveError } from "./list-state.ts";
import { LiveList } from "./live-list.ts";
import { consoleLog, type Log } from "./log.ts";
import { type Connection, Monitor } from "./monitor.ts";
import { defaultPlatform, type Platform } from "./platform.ts";
import { describe, type QueryOf, type QueryShape, type ValueOf, valueShape } from "./query.ts";
import { type AnySupabaseClient, SupabaseTransport } from "./supabase-transport.ts";
import type { Change, ChangesOf, Channel, ChannelListener, ChannelSpec, Transport } from "./transport.ts";

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
  /** Lists open as they were at the last visit, marked as of when, and go on from there: `indexedDbCache(user.id)`. Default: none. */
  readonly cache?: ListCache;
}

const VALUE_THROTTLE_MS = 2_000;

/** A change that is shown before the server has it. */
export interface Foreseen {
  /** The server refused it: rows are again as they were. */
  takeBack(): void;
  /** The server has it: where its changes do not bring it, though all have been told, the list is asked for. */
  written(): void;
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
  /** Queries that the server does not keep; undefined: it keeps none. */
  readonly #notKept = new Set<string | undefined>();
  #shownAt = Number.NEGATIVE_INFINITY;
  readonly #lists = new Map<LiveList<unknown>, Held>();
  readonly #byId = new Map<string, LiveList<unknown>>();
  readonly #channels: Channels;
  #flushes = new Map<object, () => void>();
  #cancelFrame: (() => void) | undefined;
  readonly #watched: (() => void)[] = [];
  #cancelHidden: (() => void) | undefined;
  #stopVisibility: (() => void) | undefined;
  /** Somebody reads or listens. */
  #started = false;
  /** By {@link pause}. */
  #paused = false;
  /** For longer than `hiddenMs`. */
  #hidden = false;
  /** Lists, channels and monitor run: while somebody reads, nothing pauses, and the session is not over. */
  #awake = false;
  readonly #activityListeners = new Set<() => void>();

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
    this.#channels = new Channels(this.transport, this.platform, () => this.#liveness());
    this.channels = this.#channels.reports;
    this.#monitor = new Monitor(this.transport, this.platform, limits, () => this.#trustChanged());
    this.#host = {
      client: supabase,
      platform: this.platform,
      log: this.#log,
      pollMs: options.pollMs ?? 10_000,
      requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
      isTrusted: () => this.#monitor.isTrusted,
      provenAt: () => this.#monitor.getSnapshot().lastVerified,
      ...(options.cache ? { cache: options.cache } : {}),
      isKept: (id) => !this.#notKept.has(id) && !this.#notKept.has(undefined),
      notKept: (id) => void this.#notKept.add(id),
      join: (spec, listener) => this.join(spec, listener),
      sinceOf: (spec) => this.#channels.of(spec)?.since?.(),
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

  /** Whether it runs: somebody reads, nothing pauses, and the session is not over. */
  readonly activity = {
    getSnapshot: (): boolean => this.#awake,
    subscribe: (listener: () => void): (() => void) => {
      this.#activityListeners.add(listener);
      return () => this.#activityListeners.delete(listener);
    },
  };

  /** The channels, for a table of them; the same array until something changes. */
  readonly channels: Channels["reports"];

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

  /**
   * Shows a change in every list of its table before the server has it.
   *
   * @returns what to call once the server has answered
   */
  foresee(change: Change): Foreseen {
    const lists = this.#listsOf(change.table);
    for (const list of lists) {
      list.foresee(change);
    }
    return {
      takeBack: () => {
        for (const list of lists) {
          list.takeBack(change);
        }
      },
      written: () =>
        this.#onceTold(() => {
          for (const list of lists) {
            list.settle(change);
          }
        }),
    };
  }

  /** Once the server has proved that it has told everything that was committed until now. */
  #onceTold(run: () => void): void {
    const now = this.platform.now();
    const stop = this.#monitor.subscribe(() => {
      const { lastVerified = 0, latencyMs = 0 } = this.#monitor.getSnapshot();
      if (lastVerified - latencyMs >= now) {
        stop();
        run();
      }
    });
    this.transport.ping();
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
    if (this.#awake) {
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
    const leave = this.#channels.join(spec, listener);
    return () => {
      leave();
      this.#liveness();
      this.#rest();
    };
  }

  /** The channel of a specification that somebody has joined, to send on it. */
  channelOf(spec: ChannelSpec): Channel | undefined {
    return this.#channels.of(spec);
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
    this.#monitor.dispatch({ kind: "signed_in" });
    this.#settle();
  }

  /** The session is over: nothing is retried. */
  signedOut(reason: string): void {
    this.#monitor.dispatch({ kind: "refused", reason });
    this.#settle();
    this.#host.cache?.clear().catch(() => {});
  }

  /** Lets go of socket, channels and timers; what was loaded stays (FEATURES F004-22: a shell that goes to the background). */
  pause(): void {
    this.#paused = true;
    this.#settle();
  }

  /** Comes back: joins, and asks what was missed. */
  resume(): void {
    this.#paused = false;
    this.#settle();
  }

  get isPaused(): boolean {
    return this.#paused || this.#hidden;
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
    this.#unwatch();
    this.#paused = false;
    this.#monitor.dispatch({ kind: "signed_in" });
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
    this.#settle();
    if (this.platform.isHidden()) {
      this.#visible(false);
    }
    for (const changes of this.#refetchOn) {
      const leave = this.join(
        { name: `live:refetch:${changes.schema}.${changes.table}`, changes: [changes] },
        { status: () => {}, change: () => this.#flush(this, () => this.#lists.forEach((_, list) => void list.ask())) },
      );
      this.#watched.push(leave);
    }
  }

  /** Nobody reads: no timers, no listeners. The socket is the official client's, which closes one without channels. */
  #rest(): void {
    const isRead = [...this.#lists.values()].some(({ readers }) => readers > 0);
    if (this.#started && !isRead && this.#channels.size === this.#watched.length) {
      this.#unwatch();
      for (const leave of this.#watched.splice(0)) {
        leave();
      }
      this.#wakes(false);
      this.#channels.shut();
      this.#monitor.stop();
    }
  }

  #unwatch(): void {
    this.#started = false;
    this.#hidden = false;
    this.#stopVisibility?.();
    this.#cancelHidden?.();
  }

  #visible(visible: boolean): void {
    this.#cancelHidden?.();
    this.#cancelHidden = undefined;
    if (visible) {
      this.#hidden = false;
      this.#settle();
    } else if (this.#hiddenMs !== null) {
      this.#cancelHidden = this.platform.after(this.#hiddenMs, () => {
        this.#hidden = true;
        this.#settle();
      });
    }
  }

  #settle(): void {
    const wanted = this.#started && !this.isPaused && this.#monitor.getSnapshot().state.kind !== "denied";
    if (wanted && !this.#awake) {
      this.#wake();
    } else if (!wanted && this.#awake) {
      this.#sleep();
    }
  }

  #sleep(): void {
    this.#wakes(false);
    this.#monitor.stop();
    for (const list of this.#lists.keys()) {
      list.stop();
    }
    this.#channels.shut();
    this.#cancelFrame?.();
    this.#cancelFrame = undefined;
    this.#flushes.clear();
    this.transport.pause();
  }

  #wakes(awake: boolean): void {
    this.#awake = awake;
    for (const listener of this.#activityListeners) {
      listener();
    }
  }

  #wake(): void {
    this.#wakes(true);
    this.#monitor.start();
    this.#channels.open();
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
    if (this.#monitor.isTrusted) {
      this.#channels.retried();
    }
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
    this.#monitor.dispatch({ kind: behind || this.#channels.isJoining ? "fell_behind" : "caught_up" });
  }
}

/** Whether a channel works, in document 002's words. */
export const simpleStatusOf = (report: ChannelReport) => channelToSimple(report.status);
