import { type ChannelStatus, channelToSimple, type SimpleStatus } from "./connection.ts";
import type { LiveClient } from "./live-client.ts";
import type { StatusListener, Subscription } from "./subscription.ts";
import type { Change, ChangesOf, ChannelSpec, Row } from "./transport.ts";

/** What a subscriber of document 002's service gets: the payload of Supabase's clients. */
export interface ServicePayload<T = Row> {
  readonly eventType: Change["kind"];
  readonly new: T;
  readonly old: Row;
  readonly commit_timestamp: string;
}

type Callback<T> = (payload: ServicePayload<T>) => void;

interface Open {
  readonly leaves: Set<() => void>;
  status: ChannelStatus | undefined;
}

/**
 * Document 002's service (FEATURES F002-10 to F002-19): subscriptions by purpose, named `kind:id:topic`, counted, on the
 * client's one socket.
 */
export class RealtimeService {
  readonly #client: LiveClient;
  readonly #open = new Map<string, Open>();

  constructor(client: LiveClient) {
    this.#client = client;
  }

  subscribeToStreamProgress<T = Row>(streamId: string, callback: Callback<T>, onStatus?: StatusListener): Subscription {
    return this.#subscribe(`stream:${streamId}:progress`, of("streams", `id=eq.${streamId}`), callback, onStatus);
  }

  subscribeToAllStreams<T = Row>(orgId: string, callback: Callback<T>, onStatus?: StatusListener): Subscription {
    return this.#subscribe(`org:${orgId}:streams`, of("streams", `organization_id=eq.${orgId}`), callback, onStatus);
  }

  subscribeToScanProgress<T = Row>(scanId: string, callback: Callback<T>, onStatus?: StatusListener): Subscription {
    return this.#subscribe(`scan:${scanId}:progress`, of("acquisition_scans", `id=eq.${scanId}`), callback, onStatus);
  }

  subscribeToSignalAlerts<T = Row>(userId: string, callback: Callback<T>, onStatus?: StatusListener): Subscription {
    return this.#subscribe(`user:${userId}:signals`, of("signal_alerts", `user_id=eq.${userId}`), callback, onStatus);
  }

  subscribeToAgentExecutions<T = Row>(
    streamId: string,
    callback: Callback<T>,
    onStatus?: StatusListener,
  ): Subscription {
    const changes = of("agent_executions", `stream_id=eq.${streamId}`);
    return this.#subscribe(`stream:${streamId}:executions`, changes, callback, onStatus);
  }

  subscribeToNotifications<T = Row>(userId: string, callback: Callback<T>, onStatus?: StatusListener): Subscription {
    const changes = of("notifications", `user_id=eq.${userId}`);
    return this.#subscribe(`user:${userId}:notifications`, changes, callback, onStatus);
  }

  /** Ends every subscription of this service, and no other. */
  unsubscribeAll(): void {
    for (const { leaves } of this.#open.values()) {
      for (const leave of leaves) {
        leave();
      }
    }
    this.#open.clear();
  }

  /** Names, as `stream:abc123:progress`. */
  getActiveSubscriptions(): string[] {
    return [...this.#open.keys()];
  }

  /** @returns `disconnected` for a name that nobody subscribed to */
  getChannelStatus(name: string): SimpleStatus {
    const open = this.#open.get(name);
    return open ? channelToSimple(open.status) : "disconnected";
  }

  #subscribe<T>(name: string, changes: ChangesOf, callback: Callback<T>, onStatus?: StatusListener): Subscription {
    const spec: ChannelSpec = { name, changes: [changes] };
    const open: Open = this.#open.get(name) ?? { leaves: new Set(), status: undefined };
    this.#open.set(name, open);
    const leave = this.#client.join(spec, {
      status: (status, error) => {
        open.status = status;
        onStatus?.(channelToSimple(status), error);
      },
      change: (change) => callback(payload<T>(change)),
    });
    open.leaves.add(leave);
    return {
      unsubscribe: () => {
        leave();
        open.leaves.delete(leave);
        if (open.leaves.size === 0 && this.#open.get(name) === open) {
          this.#open.delete(name);
        }
      },
    };
  }
}

const of = (table: string, filter: string): ChangesOf => ({ schema: "public", table, filter });

/** The row is what the caller's database types say of the table. */
function payload<T>(change: Change): ServicePayload<T> {
  return {
    eventType: change.kind,
    new: change.new as T,
    old: change.old,
    commit_timestamp: change.committedAt,
  };
}

const services = new WeakMap<LiveClient, RealtimeService>();

/** The one service of a client (FEATURES F002-10). */
export function getRealtimeService(client: LiveClient): RealtimeService {
  const service = services.get(client) ?? new RealtimeService(client);
  services.set(client, service);
  return service;
}
