import { delay } from "./backoff.ts";
import { type ConnectionEvent, type ConnectionState, INITIAL, next } from "./connection.ts";
import type { Platform } from "./platform.ts";
import type { SocketEvent, Transport } from "./transport.ts";

/** What is known of the way to the server. Immutable. */
export interface Connection {
  readonly state: ConnectionState;
  /** Since when it is in this state, milliseconds since 1970. */
  readonly since: number;
  /** Of the last heartbeat, there and back. */
  readonly latencyMs: number | undefined;
  /** When the server last proved that it had everything: a heartbeat with its watermark. */
  readonly lastVerified: number | undefined;
}

export interface MonitorLimits {
  /** Without proof for longer, the source is not shown as live and lists poll. */
  readonly unhealthyMs: number;
  /** For a socket to open. */
  readonly connectMs: number;
}

/**
 * Watches the socket: heartbeats within their limit, attempts that hang, the device's network. Tells when the socket can be
 * trusted and when not. Owns the machine of connection.ts and two timers.
 */
export class Monitor {
  readonly #transport: Transport;
  readonly #platform: Platform;
  readonly #limits: MonitorLimits;
  readonly #onTrust: () => void;
  readonly #listeners = new Set<() => void>();
  #connection: Connection;
  #openedAt = 0;
  #trusted = false;
  #active = false;
  #cancelDeadline: (() => void) | undefined;
  #cancelConnect: (() => void) | undefined;
  #unsubscribe: (() => void)[] = [];

  constructor(transport: Transport, platform: Platform, limits: MonitorLimits, onTrust: () => void) {
    this.#transport = transport;
    this.#platform = platform;
    this.#limits = limits;
    this.#onTrust = onTrust;
    this.#connection = { state: INITIAL, since: platform.now(), latencyMs: undefined, lastVerified: undefined };
  }

  readonly getSnapshot = (): Connection => this.#connection;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  get isTrusted(): boolean {
    return this.#trusted;
  }

  start(): void {
    if (this.#active) {
      return;
    }
    this.#active = true;
    this.#unsubscribe = [
      this.#transport.onSocket((event) => this.#socket(event)),
      this.#platform.onNetwork((online) => this.dispatch({ kind: online ? "network_found" : "network_lost" })),
    ];
    if (this.#transport.isOpen()) {
      this.#opened();
    } else {
      this.#expectSocket();
    }
  }

  stop(): void {
    this.#active = false;
    for (const stop of this.#unsubscribe) {
      stop();
    }
    this.#unsubscribe = [];
    this.#cancelDeadline?.();
    this.#cancelConnect?.();
    this.#trusted = false;
    this.dispatch({ kind: "socket_closed" });
  }

  dispatch(event: ConnectionEvent): void {
    const state = next(this.#connection.state, event);
    if (state === this.#connection.state) {
      return;
    }
    const changed = state.kind !== this.#connection.state.kind;
    this.#set({ state, ...(changed ? { since: this.#platform.now() } : {}) });
    if (!this.#active) {
      return;
    }
    if (event.kind === "network_found") {
      this.#transport.reconnect();
      this.#expectSocket();
    }
    if (state.kind === "offline" || state.kind === "denied") {
      this.#distrust();
    }
  }

  #socket(event: SocketEvent): void {
    switch (event.kind) {
      case "opened":
        this.#opened();
        break;
      case "closed":
        this.#cancelDeadline?.();
        this.#distrust();
        this.dispatch({ kind: "socket_closed" });
        this.#expectSocket();
        break;
      case "heartbeat":
        this.#heartbeat(event.latencyMs ?? this.#connection.latencyMs, event.behindMs ?? 0);
        break;
    }
  }

  #opened(): void {
    this.#cancelConnect?.();
    this.#openedAt = this.#platform.now(); // believed until its first heartbeat is due
    this.#trust();
    this.#transport.ping();
  }

  #heartbeat(latencyMs: number | undefined, behindMs: number): void {
    this.#set({ latencyMs });
    const proof = this.#platform.now() - behindMs;
    if (proof > (this.#connection.lastVerified ?? 0)) {
      this.#set({ lastVerified: proof });
    }
    if (behindMs >= this.#limits.unhealthyMs) {
      this.#fail();
    } else if (this.#transport.isOpen()) {
      this.#trust();
    }
  }

  #fail(): void {
    this.#cancelDeadline?.();
    this.#distrust();
    this.dispatch({ kind: "heartbeat_missed" });
    this.#expectSocket(); // the client may give its socket up without a word
  }

  #trust(): void {
    this.#armDeadline();
    if (!this.#trusted) {
      this.#trusted = true;
      this.dispatch({ kind: "socket_opened" });
      this.#onTrust();
    }
  }

  #distrust(): void {
    if (this.#trusted) {
      this.#trusted = false;
      this.#onTrust();
    }
  }

  /** Runs out where nothing has proved for too long that the server is there and has everything. */
  #armDeadline(): void {
    this.#cancelDeadline?.();
    const { now, after } = this.#platform;
    const proven = Math.max(this.#openedAt, this.#connection.lastVerified ?? 0);
    this.#cancelDeadline = after(Math.max(0, proven + this.#limits.unhealthyMs - now()), () => this.#fail());
  }

  /** A socket that neither opens nor fails is dropped, and tried again after a while. */
  #expectSocket(): void {
    this.#cancelConnect?.();
    const { state } = this.#connection;
    const attempt = state.kind === "reconnecting" || state.kind === "polling" ? state.attempt : 1;
    const patience = this.#limits.connectMs + delay(attempt, this.#platform.random());
    this.#cancelConnect = this.#platform.after(patience, () => {
      if (!this.#transport.isOpen() && this.#connection.state.kind !== "denied") {
        this.dispatch({ kind: "socket_closed" });
        this.#transport.reconnect();
        this.#expectSocket();
      }
    });
  }

  #set(parts: Partial<Connection>): void {
    this.#connection = { ...this.#connection, ...parts };
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
