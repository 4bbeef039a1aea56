import { type CallEvent, type CallEventName, type CallEventOf, callEvents } from "./call-events.ts";
import type { ChannelStatus } from "./connection.ts";
import { guarded } from "./guarded.ts";
import type { LiveClient } from "./live-client.ts";
import type { Change } from "./transport.ts";

type Listener = (event: CallEvent) => void;

/**
 * Document 004's service: one channel `calls-changes` on `calls` and `calls_enriched`, and the events made of it. Each
 * instance ends only what it began (FEATURES C16).
 */
export class CallsRealtimeService {
  readonly #client: LiveClient;
  readonly #organizationId: string | undefined;
  readonly #listeners = new Map<CallEventName, Set<Listener>>();
  readonly #enriched = new Set<(change: Change) => void>();
  readonly #statusListeners = new Set<() => void>();
  #leave: (() => void) | undefined;
  #status: ChannelStatus | undefined;

  /** @param organizationId whose calls; without one, those of every organization that the policies show */
  constructor(client: LiveClient, organizationId?: string) {
    this.#client = client;
    this.#organizationId = organizationId;
  }

  /** Joins; again changes nothing. */
  setupCallsChannel(): void {
    if (this.#leave) {
      return;
    }
    const filter = this.#organizationId === undefined ? {} : { filter: `organization_id=eq.${this.#organizationId}` };
    const changes = ["calls", "calls_enriched"].map((table) => ({ schema: "public", table, ...filter }));
    this.#leave = this.#client.join(
      { name: "calls-changes", changes },
      {
        status: (status) => {
          this.#status = status;
          for (const listener of this.#statusListeners) {
            listener();
          }
        },
        change: (change) => this.#changed(change),
      },
    );
  }

  /** @returns removes it */
  addListener<N extends CallEventName>(name: N, callback: (event: CallEventOf<N>) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    const listener: Listener = (event) => {
      if (isNamed(event, name)) {
        callback(event);
      }
    };
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Tells of rows of the projection `calls_enriched`. @returns removes it */
  addEnrichedListener(callback: (change: Change) => void): () => void {
    this.#enriched.add(callback);
    return () => this.#enriched.delete(callback);
  }

  /** @returns removes it */
  onStatus(listener: () => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  get isConnected(): boolean {
    return this.#status === "SUBSCRIBED";
  }

  /** Leaves the channel; listeners stay for the next {@link setupCallsChannel}. */
  disconnect(): void {
    this.#leave?.();
    this.#leave = undefined;
    this.#status = undefined;
  }

  #changed(change: Change): void {
    if (change.table === "calls_enriched") {
      for (const listener of this.#enriched) {
        guarded(() => listener(change));
      }
      return;
    }
    for (const event of callEvents(change)) {
      for (const listener of this.#listeners.get(event.name) ?? []) {
        guarded(() => listener(event));
      }
    }
  }
}

function isNamed<N extends CallEventName>(event: CallEvent, name: N): event is CallEventOf<N> {
  return event.name === name;
}
