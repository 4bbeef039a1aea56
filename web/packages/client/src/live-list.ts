import { settle, toError, toRows } from "./answers.ts";
import { delay } from "./backoff.ts";
import { type CachedList, Saving } from "./cache.ts";
import { Comeback } from "./comeback.ts";
import type { ChannelStatus } from "./connection.ts";
import { tellEach } from "./guarded.ts";
import { KeptAnswer } from "./kept-answer.ts";
import { channelOfKept, channelsOf } from "./list-channels.ts";
import { DEFAULT_KEY, type ListHost, type ListOptions, type ListState, ListStore } from "./list-state.ts";
import { STATUS_KINDS } from "./log.ts";
import type { QueryAnswer, QueryOf, QueryShape } from "./query.ts";
import { Rows } from "./rows.ts";
import { Throttle, Timer } from "./timers.ts";
import type { Change, ChangesOf, ChannelSpec, Row, Told } from "./transport.ts";

/** Until a channel has answered, nothing is asked: the snapshot belongs after the join. */
const JOIN_GRACE_MS = 600;
const THROTTLE_MS = 250;
/** For what a channel missed to come, or an answer that is kept, before the list is asked for after all. */
const CATCH_UP_MS = 5_000;
/** Changes kept while a request is under way; with more, they are dropped and the list is asked for once more. */
const MOST_PENDING = 10_000;

/**
 * One query that stays right: joins, asks for a snapshot, merges what arrives meanwhile by key and version. What a
 * changed row does not decide the server keeps. Without a usable socket it asks every few seconds. Single-threaded.
 */
export class LiveList<T = Row> {
  readonly shape: QueryShape;
  readonly #host: ListHost;
  readonly #query: QueryOf<unknown>;
  readonly #options: ListOptions;
  readonly #rows: Rows;
  readonly #changeListeners = new Set<(change: Change) => void>();
  readonly #store: ListStore<T>;
  #leaves: (() => void)[] = [];
  readonly #statuses = new Map<ChangesOf, ChannelStatus>();
  #joined = false;
  #wasTrusted = false;
  readonly #comeback = new Comeback();
  #specs: ChannelSpec[] = [];
  /** Where the channel goes on with the rows as they are, of a list that stopped or was kept. */
  #since: string | undefined;
  readonly #saving: Saving | undefined;
  #pending: Change[] = [];
  /** Shown already, and merged again into the answer that is on its way. */
  #shown: Change[] = [];
  #overflowed = false;
  #request: AbortController | undefined;
  #askAgain = false;
  readonly #asking: Throttle;
  /** The server keeps the answer. */
  #kept: KeptAnswer | undefined;
  #failures = 0;
  readonly #timer: Timer;
  #running = false;

  constructor(host: ListHost, shape: QueryShape, query: QueryOf<unknown>, options: ListOptions) {
    this.#host = host;
    this.#query = query;
    this.#options = options;
    this.shape = shape;
    this.#rows = new Rows(shape, options.key ?? DEFAULT_KEY, options.deltas ?? false);

    this.#timer = new Timer(host.platform);
    this.#saving = host.cache && new Saving(host.cache, host.platform, shape.id, this.#rows, () => this.#place());
    this.#asking = new Throttle(host.platform, options.throttleMs ?? THROTTLE_MS, () => {
      this.#askAgain = this.#request !== undefined;
      if (!this.#askAgain) {
        void this.#fetch();
      }
    });
    this.#kept = KeptAnswer.of(shape, options);
    this.#store = new ListStore(host, shape.table, this.#kept?.heldMs);
  }

  /** The same object until something changes. */
  readonly getSnapshot = (): ListState<T> => this.#store.state;

  /** @returns stops it */
  readonly subscribe = (listener: () => void): (() => void) => this.#store.subscribe(listener);

  /**
   * Tells of every change of the table that the channel brings, once its rows are in the list, and of what an answer shows
   * to have changed while there was none. Of a list that the server keeps, of what becomes of its rows alone.
   */
  onChange(listener: (change: Change) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /** Asks afresh, whatever the socket does (the third of three layers, F000-38); not for what the server keeps and tells. */
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
    if (cache && (this.shape.isLocal || this.#kept) && this.#store.state.status === "pending") {
      const open = (cached?: CachedList) => this.#running && this.#leaves.length === 0 && this.#open(cached);
      cache.load(this.shape.id).then(open, () => open());
    } else {
      this.#join();
    }
  }

  /** With its last state, if that was kept. */
  #open(cached: CachedList | undefined): void {
    if (cached && this.#store.state.status === "pending") {
      const { rows, since, asOf } = cached;
      this.#rows.replace(rows);
      this.#since = since;
      this.#store.set({ data: this.#data(), status: "success", lastUpdate: asOf, asOf });
    }
    this.#join();
  }

  #join(): void {
    this.#kept = this.#host.isKept(this.shape.id) ? this.#kept : undefined;
    const since = this.#kept ? undefined : this.#since;
    this.#since = undefined;
    this.#comeback.begin(since !== undefined);
    this.#specs = this.#kept
      ? [channelOfKept(this.#kept.query)]
      : channelsOf(this.shape, this.#options.deltas ?? false, since);
    this.#leaves = this.shape.changes.map((changes, index) => {
      const spec = this.#specs[index] as ChannelSpec;
      this.#host.log({ kind: "setting up", channel: spec.name });
      return this.#host.join(spec, {
        status: (status, error, resumed) => this.#channel(changes, status, error, resumed),
        caughtUp: () => this.#caughtUp(changes),
        rightsChanged: () => {
          this.#flush(); // what came before is not of the answer
          this.ask();
        },
        change: (change) => this.#take(change),
        answer: (told) => this.#answer(told),
        notKept: (ever) => this.#notKept(ever),
      });
    });
    if (!this.#wasTrusted) {
      this.#timer.after(JOIN_GRACE_MS, () => this.#poll());
    }
  }

  /** Where its channel goes on with the rows as they are; undefined where something is on its way to them, or asked for. */
  #place(): string | undefined {
    if (this.#kept) {
      return this.#store.state.isLive ? "" : undefined; // it is told whole whenever it is joined
    }
    const [spec] = this.#specs;
    const isSettled = this.#store.state.isLive && this.shape.isLocal && !this.#comeback.isOwed && !this.#request;
    return spec && isSettled && this.#pending.length === 0 ? this.#host.sinceOf(spec) : undefined;
  }

  /** Shows a change before the server has it; what the server says of the row comes after, and counts. */
  foresee(change: Change): void {
    if (!this.#kept) {
      this.#rows.foresee(change); // what is kept would come without it until it is written
      this.#store.set({ data: this.#data() });
    }
  }

  /** The server refused what was foreseen. */
  takeBack(change: Change): void {
    this.#rows.takeBack(change);
    this.#store.set({ data: this.#data() });
  }

  /** All that the write changed has been told: what is still foreseen came otherwise, or not at all. */
  settle(change: Change): void {
    if (this.#rows.isForeseen(change)) {
      this.ask();
    }
  }

  /** Nothing of it is left: no channel, no timer, no request. */
  stop(): void {
    this.#flush();
    this.#since = this.#place();
    this.#saving?.cancel();
    this.#running = false;
    this.#leave();
    this.#timer.cancel();
    this.#asking.cancel();
    this.#request?.abort();
    this.#request = undefined;
    this.#comeback.begin(false);
    this.#pending = [];
    this.#shown = [];
    this.#store.set({ isFetching: false });
  }

  #leave(): void {
    this.#leaves.forEach((leave) => void leave());
    this.#leaves = [];
    this.#statuses.clear();
    this.#kept?.lost();
    this.#joined = false;
    this.#wasTrusted = false;
    this.#store.set({ isLive: false, channel: undefined });
  }

  #answer(told: Told): void {
    this.#kept?.take(told);
    if (!this.#showKept()) {
      this.#doubt();
    }
  }

  /** What is shown is not known to be right, and will be told, or is asked for after a while. */
  #doubt(): void {
    this.#store.set({ isLive: false });
    this.#host.liveness(this);
    if (!this.#timer.isSet) {
      this.#timer.after(CATCH_UP_MS * (1 + this.#host.platform.random()), () => this.#poll());
    }
  }

  #showKept(): boolean {
    if (!this.#kept?.isCurrent) {
      return false;
    }
    this.#request?.abort();
    this.#receive({ data: this.#kept.rows, error: null, status: 200 });
    return true;
  }

  #notKept(ever: boolean): void {
    this.#host.notKept(ever ? this.shape.id : undefined);
    this.#kept = undefined;
    this.#rejoin();
  }

  #rejoin(): void {
    this.#leave();
    this.#join();
  }

  /** Whether what comes is all there is to know: of a kept answer once it was told whole. */
  #isTold(): boolean {
    return this.#wasTrusted && (this.#kept?.isCurrent ?? true);
  }

  /** The socket became usable, or stopped to be. */
  reconsider(): void {
    const trusted = this.#joined && this.#host.isTrusted();
    if (!this.#running || trusted === this.#wasTrusted) {
      return;
    }
    this.#wasTrusted = trusted;
    this.#timer.cancel();
    if (trusted && this.#kept?.isLost) {
      this.#rejoin(); // its channel is there, and what it was told is not sure
    } else if (trusted && this.#kept) {
      if (!this.#showKept()) {
        this.#doubt();
      }
    } else if (trusted && this.#comeback.goesOn(this.shape.changes.length)) {
      this.#goOn();
    } else if (trusted) {
      void this.#fetch();
    } else {
      this.#kept?.lost();
      this.#comeback.lost(this.shape.isLocal && this.#store.state.isLive);
      this.#store.set({ isLive: false });
      this.#host.liveness(this);
      // not all at the same moment, and the first soon: what was missed is missed now
      this.#timer.after(this.#host.platform.random() * Math.min(1_000, this.#pollMs()), () => this.#poll());
    }
  }

  /** Nothing is asked: what was missed comes, and nothing else was; unless that takes too long. */
  #goOn(): void {
    this.#request?.abort();
    this.#request = undefined;
    this.#shown = [];
    this.#store.set({ isFetching: false });
    if (this.#comeback.isCatchingUp) {
      this.#timer.after(CATCH_UP_MS, () => {
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
      this.#timer.cancel();
      this.#store.set({ ...this.#right(), isLive: true });
      this.#host.answered(this, undefined);
      this.#host.liveness(this);
      this.#scheduleNext(false);
      this.#saving?.changed();
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
    this.#store.set({ channel: failed ?? status });
    this.#comeback.heard(changes, status === "SUBSCRIBED", resumed);
    if (this.#kept && status !== "SUBSCRIBED") {
      this.#kept.lost();
    } else if (this.#kept) {
      this.#kept.joined();
      this.#doubt();
    } else if (rejoined && !resumed) {
      void this.#fetch();
    }
    this.reconsider();
    if (failed !== undefined && !this.#timer.isSet && this.#running) {
      this.#timer.after(0, () => this.#poll());
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
    if (!this.#running || (isAsking && !this.#store.state.isLive)) {
      return; // the snapshot comes first; what waits is merged into it
    }
    const changes = this.#pending;
    this.#pending = [];
    if (isAsking) {
      this.#shown.push(...changes);
    }
    if (this.#overflowed) {
      this.#overflowed = false;
      this.ask();
    }
    if (changes.length > 0) {
      this.#apply(changes);
    }
  };

  #apply(changes: readonly Change[]): void {
    const applied = this.#applyEach(changes);
    this.#host.log({ kind: "realtime update", channel: this.shape.table, reason: `${changes.length} changes` });
    const data = this.#data();
    if (data !== this.#store.state.data) {
      this.#store.set({ data, lastUpdate: this.#host.platform.now() });
    }
    this.#saving?.changed();
    const isKnown = this.#comeback.isToldAgain;
    tellEach(
      this.#changeListeners,
      applied.filter(({ effect }) => !isKnown || effect !== "unchanged").map(({ whole }) => whole),
    );
    if (applied.some(({ effect }) => effect === "ask")) {
      this.ask();
    }
  }

  /** One after the other: what a change is as a whole hangs on those before it. */
  #applyEach(changes: readonly Change[]) {
    return changes.map((change) => {
      const whole = this.#rows.whole(change);
      return { whole, effect: this.#rows.apply(change) };
    });
  }

  /** What it shows may be another now: asked for at once, then seldom, and what is on its way comes first. */
  ask(): void {
    this.#comeback.isOwed = true;
    this.#asking.ask();
  }

  #poll(): void {
    if (this.#running && !this.#isTold()) {
      void this.#fetch();
    }
  }

  async #fetch(): Promise<void> {
    const { client, platform, requestTimeoutMs, log } = this.#host;
    const query = this.#query(client);
    if (!this.#running || query === null || (this.#isTold() && this.#showKept())) {
      return;
    }
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    this.#askAgain = false;
    log({ kind: "data fetching", channel: this.shape.table });
    this.#store.set({ isFetching: true });
    const giveUp = platform.after(requestTimeoutMs, () => request.abort());
    query.retry?.(false); // lists have a time of their own for that
    const answer = await settle(query.abortSignal(request.signal));
    giveUp();
    if (this.#request !== request) {
      return; // a newer one was asked, or the list stopped
    }
    this.#receive(answer);
  }

  #receive(answer: QueryAnswer): void {
    this.#request = undefined;
    const error = toError(answer);
    const shown = this.#shown;
    this.#shown = [];
    if (error) {
      this.#failures++;
      // whatever was asked for is owed: until it is answered, nothing here is called live
      const status = this.#store.state.lastUpdate === undefined ? "error" : "success";
      this.#store.set({ isFetching: false, error, status, isLive: false });
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
      const missed = this.#store.state.lastUpdate === undefined ? [] : this.#rows.since(before, waiting, at);
      this.#store.set({
        ...this.#right(),
        data: this.#data(),
        isLive: this.#isTold() && !this.#comeback.isCatchingUp,
        lastUpdate: this.#host.platform.now(),
        count: answer.count ?? null,
      });
      tellEach(this.#changeListeners, [...missed, ...applied.map(({ whole }) => whole)]);
    }
    this.#saving?.changed();
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
      this.ask();
    }
    if (!this.#isTold()) {
      this.#timer.after(this.#pollMs(), () => this.#poll());
    } else if (failed) {
      this.#timer.after(delay(this.#failures, this.#host.platform.random()), () => void this.#fetch());
    } else if ((this.#options.refreshMs ?? 0) > 0) {
      this.#timer.after(this.#options.refreshMs ?? 0, () => void this.#fetch());
    }
  }

  #pollMs(): number {
    return this.#options.pollMs ?? this.#host.pollMs;
  }

  /** The rows are what the query's type says they are: PostgREST gave them, or a change of the same table did. */
  #data(): readonly T[] {
    return this.#rows.view() as readonly T[];
  }

  #right() {
    return { status: "success", error: undefined, isFetching: false, asOf: this.#host.platform.now() } as const;
  }
}
