import { settle, toError, toRows } from "./answers.ts";
import { delay } from "./backoff.ts";
import type { CachedList } from "./cache.ts";
import { Comeback } from "./comeback.ts";
import type { ChannelStatus } from "./connection.ts";
import { guarded } from "./guarded.ts";
import { DEFAULT_KEY, EMPTY, type ListHost, type ListOptions, type ListState } from "./list-state.ts";
import { STATUS_KINDS } from "./log.ts";
import type { QueryAnswer, QueryOf, QueryShape } from "./query.ts";
import { decidingColumns, Rows } from "./rows.ts";
import type { Change, ChangesOf, ChannelSpec, Row } from "./transport.ts";

/** Until a channel has answered, nothing is asked: the snapshot belongs after the join. */
const JOIN_GRACE_MS = 600;
const THROTTLE_MS = 250;
/** After a change a list is kept, for the next visit. */
const KEEP_MS = 1_000;
/** For what a channel missed to come, before the list is asked for after all. */
const CATCH_UP_MS = 5_000;
/** Changes kept while a request is under way; with more, they are dropped and the list is asked for once more. */
const MOST_PENDING = 10_000;

/**
 * One query that stays right: joins, then asks for a snapshot, merges what arrives meanwhile by key and version, and
 * applies changes once a frame. Without a usable socket the same query is asked every few seconds. Owned by one
 * `LiveClient`; single-threaded.
 */
export class LiveList<T = Row> {
  readonly shape: QueryShape;
  readonly #host: ListHost;
  readonly #query: QueryOf<unknown>;
  readonly #options: ListOptions;
  readonly #rows: Rows;
  readonly #listeners = new Set<() => void>();
  readonly #changeListeners = new Set<(change: Change) => void>();
  #state: ListState<T> = EMPTY;
  #leaves: (() => void)[] = [];
  readonly #statuses = new Map<ChangesOf, ChannelStatus>();
  #joined = false;
  #wasTrusted = false;
  readonly #comeback = new Comeback();
  #specs: ChannelSpec[] = [];
  /** Where the channel goes on with the rows as they are, of a list that stopped or was kept. */
  #since: string | undefined;
  #cancelSave: (() => void) | undefined;
  #pending: Change[] = [];
  /** Shown already, and merged again into the answer that is on its way. */
  #shown: Change[] = [];
  #overflowed = false;
  #request: AbortController | undefined;
  #askAgain = false;
  #askedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #cancelTimer: (() => void) | undefined;
  #cancelAsk: (() => void) | undefined;
  #running = false;

  constructor(host: ListHost, shape: QueryShape, query: QueryOf<unknown>, options: ListOptions) {
    this.#host = host;
    this.#query = query;
    this.#options = options;
    this.shape = shape;
    this.#rows = new Rows(shape, options.key ?? DEFAULT_KEY, options.deltas ?? false);
  }

  /** The same object until something changes. */
  readonly getSnapshot = (): ListState<T> => this.#state;

  /** @returns stops it */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /**
   * Tells of every change of the table that the channel brings, once its rows are in the list, and of what an answer shows
   * to have changed while there was no channel: nothing that happens to the list's rows is passed over.
   */
  onChange(listener: (change: Change) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /** Asks afresh, whatever the socket does (the third of three layers, FEATURES F000-38). */
  refetch(): Promise<void> {
    return this.#fetch();
  }

  start(): void {
    if (this.#running) {
      return;
    }
    this.#running = true;
    if (this.#options.realtime === false) {
      this.#poll();
      return;
    }
    const { cache } = this.#host;
    if (cache && this.shape.isLocal && this.#state.status === "pending") {
      const open = (cached?: CachedList) => this.#running && this.#leaves.length === 0 && this.#open(cached);
      cache.load(this.shape.id).then(open, () => open());
    } else {
      this.#join();
    }
  }

  /** With its last state, if that was kept. */
  #open(cached: CachedList | undefined): void {
    if (cached && this.#state.status === "pending") {
      const { rows, since, asOf } = cached;
      this.#rows.replace(rows);
      this.#since = since;
      this.#set({ data: this.#data(), status: "success", lastUpdate: asOf, asOf });
    }
    this.#join();
  }

  #join(): void {
    const since = this.#since;
    this.#since = undefined;
    this.#comeback.begin(since !== undefined);
    this.#specs = specsOf(this.shape, this.#options.deltas ?? false, since);
    this.#leaves = this.shape.changes.map((changes, index) => {
      const spec = this.#specs[index] as ChannelSpec;
      this.#host.log({ kind: "setting up", channel: spec.name });
      return this.#host.join(spec, {
        status: (status, error, resumed) => this.#channel(changes, status, error, resumed),
        caughtUp: () => this.#caughtUp(changes),
        rightsChanged: () => {
          this.#flush(); // what came before is not of the answer
          this.#ask();
        },
        change: (change) => this.#take(change),
      });
    });
    if (!this.#wasTrusted) {
      this.#after(JOIN_GRACE_MS, () => this.#poll());
    }
  }

  /** Where its channel goes on with the rows as they are; undefined where something is on its way to them, or asked for. */
  #place(): string | undefined {
    const [spec] = this.#specs;
    const isSettled = this.#state.isLive && this.shape.isLocal && !this.#comeback.isOwed && !this.#request;
    return spec && isSettled && this.#pending.length === 0 ? this.#host.sinceOf(spec) : undefined;
  }

  /** A moment after what it shows has changed, once for all that changes until then. */
  #keep(): void {
    const { cache, platform } = this.#host;
    if (cache && !this.#cancelSave) {
      this.#cancelSave = platform.after(KEEP_MS, () => {
        this.#cancelSave = undefined;
        const since = this.#place();
        if (since !== undefined) {
          cache.save(this.shape.id, { rows: this.#rows.view(), since, asOf: platform.now() }).catch(() => {});
        }
      });
    }
  }

  /** Shows a change before the server has it; what the server says of the row comes after, and counts. */
  foresee(change: Change): void {
    if (this.#rows.foresee(change) === "changed") {
      this.#set({ data: this.#data() });
    }
  }

  /** Nothing of it is left: no channel, no timer, no request. */
  stop(): void {
    this.#flush();
    this.#since = this.#place();
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    this.#running = false;
    for (const leave of this.#leaves) {
      leave();
    }
    this.#leaves = [];
    this.#statuses.clear();
    this.#cancelTimer?.();
    this.#cancelAsk?.();
    this.#cancelTimer = undefined;
    this.#cancelAsk = undefined;
    this.#request?.abort();
    this.#request = undefined;
    this.#joined = false;
    this.#wasTrusted = false;
    this.#comeback.begin(false);
    this.#pending = [];
    this.#shown = [];
    this.#set({ isLive: false, isFetching: false, channel: undefined });
  }

  /** The socket became usable, or stopped to be. */
  reconsider(): void {
    const trusted = this.#joined && this.#host.isTrusted();
    if (!this.#running || trusted === this.#wasTrusted) {
      return;
    }
    this.#wasTrusted = trusted;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (trusted && this.#comeback.goesOn(this.shape.changes.length)) {
      this.#goOn();
    } else if (trusted) {
      void this.#fetch();
    } else {
      this.#comeback.lost(this.shape.isLocal && this.#state.isLive);
      this.#set({ isLive: false });
      this.#host.liveness(this);
      // not all at the same moment, and the first soon: what was missed is missed now
      this.#after(this.#host.platform.random() * Math.min(1_000, this.#pollMs()), () => this.#poll());
    }
  }

  /** Nothing is asked: what was missed comes, and nothing else was; unless that takes too long. */
  #goOn(): void {
    this.#request?.abort();
    this.#request = undefined;
    this.#shown = [];
    this.#set({ isFetching: false });
    if (this.#comeback.isCatchingUp) {
      this.#after(CATCH_UP_MS, () => {
        this.#comeback.end();
        void this.#fetch();
      });
      return;
    }
    this.#flush();
    this.#comeback.end();
    if (this.#comeback.isOwed) {
      void this.#fetch();
    } else {
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      this.#set({
        status: "success",
        error: undefined,
        isFetching: false,
        isLive: true,
        asOf: this.#host.platform.now(),
      });
      this.#host.answered(this, undefined);
      this.#host.liveness(this);
      this.#scheduleNext(false);
      this.#keep();
    }
  }

  #caughtUp(changes: ChangesOf): void {
    if (this.#comeback.caughtUp(changes) && this.#wasTrusted) {
      this.#goOn();
    }
  }

  #channel(changes: ChangesOf, status: ChannelStatus, error: Error | undefined, resumed = false): void {
    const from = this.#statuses.get(changes) ?? "joining";
    const channel = `${changes.schema}.${changes.table}`;
    this.#host.log({
      kind: STATUS_KINDS[status],
      channel,
      from,
      to: status,
      ...(error ? { reason: error.message } : {}),
    });
    const rejoined = status === "SUBSCRIBED" && from === "SUBSCRIBED";
    this.#statuses.set(changes, status);
    const failed = [...this.#statuses.values()].find((one) => one !== "SUBSCRIBED");
    this.#joined = failed === undefined && this.#statuses.size === this.shape.changes.length;
    this.#set({ channel: failed ?? status });
    this.#comeback.heard(changes, status === "SUBSCRIBED", resumed);
    if (rejoined && !resumed) {
      void this.#fetch();
    }
    this.reconsider();
    if (failed !== undefined && this.#cancelTimer === undefined && this.#running) {
      this.#after(0, () => this.#poll());
    }
  }

  #take(change: Change): void {
    if (this.#pending.length + this.#shown.length >= MOST_PENDING) {
      this.#pending = [];
      this.#overflowed = true;
    }
    this.#pending.push(change);
    this.#host.flush(this, this.#flush);
  }

  readonly #flush = (): void => {
    const isAsking = this.#request !== undefined;
    if (!this.#running || (isAsking && !this.#state.isLive)) {
      return; // the snapshot comes first; what waits is merged into it
    }
    const changes = this.#pending;
    this.#pending = [];
    if (isAsking) {
      this.#shown.push(...changes);
    }
    if (this.#overflowed) {
      this.#overflowed = false;
      this.#ask();
    }
    if (changes.length > 0) {
      this.#apply(changes);
    }
  };

  #apply(changes: readonly Change[]): void {
    const applied = this.#applyEach(changes);
    this.#host.log({ kind: "realtime update", channel: this.shape.table, reason: `${changes.length} changes` });
    const data = this.#data();
    if (data !== this.#state.data) {
      this.#set({ data, lastUpdate: this.#host.platform.now() });
    }
    this.#keep();
    const isKnown = this.#comeback.isToldAgain;
    this.#tell(applied.filter(({ effect }) => !isKnown || effect !== "unchanged").map(({ whole }) => whole));
    if (applied.some(({ effect }) => effect === "ask")) {
      this.#ask();
    }
  }

  /** One after the other: what a change is as a whole hangs on those before it. */
  #applyEach(changes: readonly Change[]) {
    return changes.map((change) => {
      const whole = this.#rows.whole(change);
      return { whole, effect: this.#rows.apply(change) };
    });
  }

  #tell(changes: readonly Change[]): void {
    for (const change of changes) {
      for (const listener of this.#changeListeners) {
        guarded(() => listener(change));
      }
    }
  }

  /** At once, then at most once in `throttleMs`: a burst costs two requests. */
  #ask(): void {
    this.#comeback.isOwed = true;
    if (this.#cancelAsk) {
      return;
    }
    const { now, after } = this.#host.platform;
    const wait = this.#askedAt + (this.#options.throttleMs ?? THROTTLE_MS) - now();
    const run = () => {
      this.#cancelAsk = undefined;
      this.#askedAt = now();
      if (this.#request) {
        this.#askAgain = true;
      } else {
        void this.#fetch();
      }
    };
    if (wait <= 0) {
      run();
    } else {
      this.#cancelAsk = after(wait, run);
    }
  }

  #poll(): void {
    if (this.#wasTrusted || !this.#running) {
      return;
    }
    void this.#fetch();
  }

  async #fetch(): Promise<void> {
    const { client, platform, requestTimeoutMs, log } = this.#host;
    const query = this.#query(client);
    if (!this.#running || query === null) {
      return;
    }
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    this.#askAgain = false;
    log({ kind: "data fetching", channel: this.shape.table });
    this.#set({ isFetching: true });
    const giveUp = platform.after(requestTimeoutMs, () => request.abort());
    query.retry?.(false); // lists have a time of their own for that
    const answer = await settle(query.abortSignal(request.signal));
    giveUp();
    if (this.#request !== request) {
      return; // a newer one was asked, or the list stopped
    }
    this.#request = undefined;
    this.#receive(answer);
  }

  #receive(answer: QueryAnswer): void {
    const error = toError(answer);
    const shown = this.#shown;
    this.#shown = [];
    if (error) {
      this.#failures++;
      // whatever was asked for is owed: until it is answered, nothing here is called live
      const status = this.#state.lastUpdate === undefined ? "error" : "success";
      this.#set({ isFetching: false, error, status, isLive: false });
    } else {
      this.#failures = 0;
      this.#comeback.answered();
      const waiting = this.#pending;
      this.#pending = [];
      const rows = this.shape.isValue ? [{ value: answer.data }] : toRows(answer.data);
      const before = this.#rows.held();
      this.#rows.replace(rows);
      const again = this.#applyEach(shown);
      const applied = this.#applyEach(waiting);
      this.#askAgain ||= [...again, ...applied].some(({ effect }) => effect === "ask");
      const at = new Date(this.#host.platform.now()).toISOString();
      // of the first answer everything is new, and nothing was missed
      const missed = this.#state.lastUpdate === undefined ? [] : this.#rows.since(before, waiting, at);
      this.#set({
        data: this.#data(),
        status: "success",
        error: undefined,
        isFetching: false,
        isLive: this.#wasTrusted && !this.#comeback.isCatchingUp,
        lastUpdate: this.#host.platform.now(),
        asOf: this.#host.platform.now(),
        count: answer.count ?? null,
      });
      this.#tell([...missed, ...applied.map(({ whole }) => whole)]);
    }
    this.#keep();
    this.#host.answered(this, error);
    this.#host.liveness(this);
    this.#scheduleNext(error !== undefined);
  }

  #scheduleNext(failed: boolean): void {
    if (!this.#running) {
      return;
    }
    if (this.#askAgain || this.#overflowed) {
      this.#overflowed = false;
      this.#ask();
    }
    if (!this.#wasTrusted) {
      this.#after(this.#pollMs(), () => this.#poll());
    } else if (failed) {
      this.#after(delay(this.#failures, this.#host.platform.random()), () => void this.#fetch());
    } else if ((this.#options.refreshMs ?? 0) > 0) {
      this.#after(this.#options.refreshMs ?? 0, () => void this.#fetch());
    }
  }

  #pollMs(): number {
    return this.#options.pollMs ?? this.#host.pollMs;
  }

  #after(ms: number, run: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#host.platform.after(ms, () => {
      this.#cancelTimer = undefined;
      run();
    });
  }

  /** The rows are what the query's type says they are: PostgREST gave them, or a change of the same table did. */
  #data(): readonly T[] {
    return this.#rows.view() as readonly T[];
  }

  #set(parts: Partial<ListState<T>>): void {
    const wasLive = this.#state.isLive && parts.isLive === false;
    const proven = wasLive ? { asOf: Math.max(this.#state.asOf ?? 0, this.#host.provenAt() ?? 0) } : {};
    const state = { ...this.#state, ...proven, ...parts };
    if (parts.isLive !== undefined && parts.isLive !== this.#state.isLive) {
      this.#host.log({
        kind: "status change",
        channel: this.shape.table,
        from: this.#state.isLive ? "live" : "not live",
        to: parts.isLive ? "live" : "not live",
      });
    }
    if (
      Object.keys(parts).some((name) => state[name as keyof ListState<T>] !== this.#state[name as keyof ListState<T>])
    ) {
      this.#state = state;
      for (const listener of this.#listeners) {
        listener();
      }
    }
  }
}

/** What a list joins, in the order of what it listens to. */
function specsOf(shape: QueryShape, deltas: boolean, since: string | undefined): ChannelSpec[] {
  const delta = deltas ? decidingColumns(shape) : undefined;
  return shape.changes.map((changes) => {
    const name = [`live:${changes.schema}.${changes.table}`, changes.filter, delta?.join()].filter(Boolean).join(":");
    return { name, changes: [{ ...changes, ...(delta ? { delta } : {}), leave: true }], ...(since ? { since } : {}) };
  });
}
