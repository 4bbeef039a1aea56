import { delay } from "./backoff.ts";
import type { ChannelStatus } from "./connection.ts";
import { guarded } from "./guarded.ts";
import type { Platform } from "./platform.ts";
import type { Change, Channel, ChannelListener, ChannelSpec, Row, Transport } from "./transport.ts";

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

interface Shared {
  /** What is open: for rooms, everything that any of its users wants. */
  spec: ChannelSpec;
  readonly listeners: Set<ChannelListener>;
  channel: Channel | undefined;
  report: ChannelReport;
  cancelReopen: (() => void) | undefined;
  attempts: number;
}

/**
 * Who listens to what: the same name and specification is one channel, told to all. Channels are open from `open` to
 * `shut`; who joins in between waits. Single-threaded.
 */
export class Channels {
  readonly #transport: Transport;
  readonly #platform: Platform;
  readonly #onStatus: () => void;
  readonly #shared = new Map<string, Shared>();
  readonly #watchers = new Set<() => void>();
  #reports: readonly ChannelReport[] | undefined;
  #isOpen = false;

  /** @param onStatus after a channel has joined, failed or closed, and its listeners know */
  constructor(transport: Transport, platform: Platform, onStatus: () => void) {
    this.#transport = transport;
    this.#platform = platform;
    this.#onStatus = onStatus;
  }

  /** A table of them; the same array until something changes. */
  readonly reports = {
    getSnapshot: (): readonly ChannelReport[] => {
      this.#reports ??= [...this.#shared.values()].map(({ report, listeners }) => ({
        ...report,
        listeners: listeners.size,
      }));
      return this.#reports;
    },
    subscribe: (listener: () => void): (() => void) => {
      this.#watchers.add(listener);
      return () => this.#watchers.delete(listener);
    },
  };

  get size(): number {
    return this.#shared.size;
  }

  /** Whether one of them has not been answered yet. */
  get isJoining(): boolean {
    return [...this.#shared.values()].some(({ report }) => report.status === undefined);
  }

  /** A socket that works again: what had failed with the former one is on its way to be joined. */
  retried(): void {
    for (const shared of this.#shared.values()) {
      if (shared.report.status !== "SUBSCRIBED") {
        shared.report = { ...shared.report, status: undefined };
      }
    }
    this.#reported();
  }

  /** @returns leaves; the last one closes the channel */
  join(spec: ChannelSpec, listener: ChannelListener): () => void {
    const id = idOf(spec);
    const known = this.#shared.get(id);
    const shared: Shared = known ?? {
      spec,
      listeners: new Set(),
      channel: undefined,
      report: emptyReport(spec.name),
      cancelReopen: undefined,
      attempts: 0,
    };
    const own = known && known.spec.since !== spec.since ? notResumed(listener) : listener;
    shared.listeners.add(own);
    if (known) {
      this.#widen(shared, spec);
      if (shared.report.status) {
        own.status(shared.report.status);
      }
    } else {
      this.#shared.set(id, shared);
      this.#open(shared);
    }
    this.#reported();
    return () => {
      if (shared.listeners.delete(own) && shared.listeners.size === 0 && this.#shared.get(id) === shared) {
        this.#shared.delete(id);
        this.#shut(shared);
      }
      this.#reported();
    };
  }

  /** The open channel of a specification that somebody has joined, to send on it. */
  of(spec: ChannelSpec): Channel | undefined {
    return this.#shared.get(idOf(spec))?.channel;
  }

  open(): void {
    this.#isOpen = true;
    for (const shared of this.#shared.values()) {
      this.#open(shared);
    }
  }

  /** Closes them; who still listens is told, and hears again after the next `open`. */
  shut(): void {
    this.#isOpen = false;
    for (const shared of this.#shared.values()) {
      const wasOpen = shared.channel !== undefined;
      this.#shut(shared);
      if (wasOpen) {
        tell(shared, (listener) => listener.status("CLOSED"));
      }
    }
    this.#reported();
  }

  /** Forgets who listens. */
  clear(): void {
    this.shut();
    this.#shared.clear();
    this.#reported();
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
        this.#open(shared);
      }
    }
  }

  #shut(shared: Shared): void {
    shared.cancelReopen?.();
    shared.cancelReopen = undefined;
    shared.channel?.close();
    shared.channel = undefined;
    shared.report = { ...shared.report, status: undefined };
  }

  #open(shared: Shared): void {
    if (shared.channel || !this.#isOpen || shared.listeners.size === 0) {
      return;
    }
    const twins = [...this.#shared.values()].filter(({ spec, channel }) => channel && spec.name === shared.spec.name);
    const name = twins.length === 0 ? shared.spec.name : `${shared.spec.name}#${hash(idOf(shared.spec))}`;
    shared.channel = this.#transport.open(
      { ...shared.spec, name },
      {
        status: (status, error, resumed) => {
          const failed = status === "CHANNEL_ERROR" || status === "TIMED_OUT";
          shared.report = {
            ...shared.report,
            status,
            error: failed ? (error?.message ?? status) : undefined,
            errors: shared.report.errors + (failed ? 1 : 0),
          };
          this.#reported();
          tell(shared, (listener) => listener.status(status, error, resumed));
          this.#onStatus();
          if (status === "SUBSCRIBED") {
            shared.attempts = 0;
          } else if (status === "CLOSED") {
            this.#reopen(shared);
          }
        },
        caughtUp: () => tell(shared, (listener) => listener.caughtUp?.()),
        rightsChanged: () => tell(shared, (listener) => listener.rightsChanged?.()),
        answer: (told) => tell(shared, (listener) => listener.answer?.(told)),
        notKept: (ever) => tell(shared, (listener) => listener.notKept?.(ever)),
        change: (change) => {
          this.#measure(shared, change);
          tell(shared, (listener) => listener.change?.(change));
        },
        broadcast: (event, payload: Row) => tell(shared, (listener) => listener.broadcast?.(event, payload)),
        presence: (state) => tell(shared, (listener) => listener.presence?.(state)),
      },
    );
  }

  /** A channel that the server closed is gone for the official client; who still listens gets a new one. */
  #reopen(shared: Shared): void {
    const { report } = shared;
    this.#shut(shared);
    shared.report = report; // closed, not joining, until it is tried again
    shared.cancelReopen = this.#platform.after(delay(++shared.attempts, this.#platform.random()), () =>
      this.#open(shared),
    );
  }

  #measure(shared: Shared, change: Change): void {
    const now = this.#platform.now();
    const delayMs = Math.max(0, now - Date.parse(change.committedAt));
    shared.report = { ...shared.report, lastChange: now, delayMs: Number.isNaN(delayMs) ? undefined : delayMs };
    this.#reports = undefined; // seen with the next status, or when somebody looks: not worth a render per change
  }

  #reported(): void {
    this.#reports = undefined;
    for (const watcher of this.#watchers) {
      watcher();
    }
  }
}

/** Of a channel that another has opened, and that goes on elsewhere: for this one it begins with its first join. */
function notResumed(listener: ChannelListener): ChannelListener {
  let isFirst = true;
  return {
    ...listener,
    status: (status, error, resumed) => {
      listener.status(status, error, resumed && !isFirst);
      isFirst &&= status !== "SUBSCRIBED";
    },
  };
}

function tell(shared: Shared, what: (listener: ChannelListener) => void): void {
  for (const listener of [...shared.listeners]) {
    guarded(() => what(listener));
  }
}

/** Equal for who may share a channel: rooms by their name, changes by what they are of. */
const idOf = (spec: ChannelSpec): string =>
  spec.presence || spec.broadcast ? `room ${spec.name}` : JSON.stringify([spec.name, spec.changes, spec.kept]);

/** FNV-1a: enough to tell the few channels of one name apart. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  return (value >>> 0).toString(36);
}

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
