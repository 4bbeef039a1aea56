import type { RealtimeChannel, SupabaseClient } from "@supabase/supabase-js";
import { BACKOFF, delay } from "./backoff.ts";
import { Place } from "./place.ts";
import type {
  Channel,
  ChannelListener,
  ChannelSpec,
  KeptQuery,
  Row,
  SocketEvent,
  Told,
  Transport,
} from "./transport.ts";

/** Of heartbeats while somebody looks; a silently dead socket is noticed within two of them. */
export const HEARTBEAT_MS = 10_000;

/**
 * Options of `createClient(url, key, { realtime: realtimeOptions() })`: the backoff and heartbeat that the limits of this
 * library assume. It works without them too, more slowly.
 */
export function realtimeOptions(random: () => number = Math.random) {
  return {
    heartbeatIntervalMs: HEARTBEAT_MS,
    reconnectAfterMs: (tries: number) => delay(tries, random(), BACKOFF),
  };
}

/** Begins the references of the questions that are ours. */
const CURRENCY = "behind-";

/** The part of a client that is used: any `SupabaseClient`, whatever its database types. */
// biome-ignore lint/suspicious/noExplicitAny: the generics of SupabaseClient have no common supertype
export type AnySupabaseClient = SupabaseClient<any, any, any, any, any>;

/** The official client's socket as a {@link Transport}. */
export class SupabaseTransport implements Transport {
  /** Per official client the transport that asks: the answer reaches all. */
  static readonly #asking = new WeakMap<AnySupabaseClient, SupabaseTransport>();
  readonly #client: AnySupabaseClient;
  readonly #listeners = new Set<(event: SocketEvent) => void>();
  #latencyMs: number | undefined;
  #asked = 0;
  readonly #channels = new Map<RealtimeChannel, ChannelListener>();
  /** By topic, of channels that listen to changes. */
  readonly #places = new Map<string, Place>();
  /** By name, what is on its way out. */
  readonly #leaving = new Map<string, Promise<unknown>>();
  #closing: Promise<unknown> = Promise.resolve();
  #paused = false;
  #reconnecting = false;

  constructor(client: AnySupabaseClient) {
    this.#client = client;
    SupabaseTransport.#asking.set(client, this);
    const { stateChangeCallbacks } = client.realtime;
    stateChangeCallbacks.open.push(["switchboard", () => this.#emit({ kind: "opened" })]);
    stateChangeCallbacks.close.push(["switchboard", () => this.#emit({ kind: "closed" })]);
    stateChangeCallbacks.message.push(["switchboard", (message: unknown) => this.#message(message)]);
    const former = client.realtime.heartbeatCallback;
    client.realtime.onHeartbeat((status, latencyMs) => {
      former(status, latencyMs);
      if (status === "sent" && SupabaseTransport.#asking.get(client) === this) {
        this.#ask();
      } else if (status === "ok") {
        this.#latencyMs = latencyMs;
      }
    });
  }

  open(spec: ChannelSpec, listener: ChannelListener): Channel {
    const leaving = this.#leaving.get(spec.name);
    if (!leaving) {
      return this.#openNow(spec, listener);
    }
    // the official client knows one channel per name, also while it leaves
    let channel: Channel | undefined;
    let wanted = true;
    void leaving.then(() => {
      if (wanted) {
        channel = this.open(spec, listener);
      }
    });
    return {
      send: async (event, payload) => (await channel?.send(event, payload)) ?? false,
      track: async (state) => (await channel?.track(state)) ?? false,
      untrack: async () => (await channel?.untrack()) ?? false,
      since: () => channel?.since?.(),
      close: () => {
        wanted = false;
        channel?.close();
      },
    };
  }

  #openNow(spec: ChannelSpec, listener: ChannelListener): Channel {
    const { realtime } = this.#client;
    const channel = realtime.channel(spec.name, {
      config: {
        ...(spec.broadcast ? { broadcast: { self: spec.broadcast.self ?? false, ack: true } } : {}),
        ...(spec.presence ? { presence: { key: spec.presence.key, enabled: true } } : {}),
      },
    });
    const place = new Place(listener, spec.since, spec.kept !== undefined);
    if (spec.kept) {
      listenToAnswer(channel, spec.kept, listener);
      this.#places.set(channel.topic, place);
    }
    for (const changes of spec.changes ?? []) {
      listenToChanges(channel, changes, place, listener);
      this.#places.set(channel.topic, place);
    }
    for (const event of spec.broadcast?.events ?? []) {
      channel.on("broadcast", { event }, (message) => listener.broadcast?.(message.event, message.payload ?? {}));
    }
    if (spec.presence) {
      channel.on("presence", { event: "sync" }, () => listener.presence?.(channel.presenceState()));
    }
    this.#channels.set(channel, listener);
    const subscribe = () => {
      if (this.#channels.has(channel)) {
        channel.subscribe((status, error) => {
          if (this.#channels.has(channel)) {
            (this.#places.get(channel.topic) ?? listener).status(status, error);
          }
        });
      }
    };
    if (spec.kept) {
      // joined without its user's token, it would be told at once what nobody in particular may see
      void realtime.setAuth().then(subscribe, subscribe);
    } else {
      subscribe();
    }
    return {
      send: async (event, payload) => (await channel.send({ type: "broadcast", event, payload })) === "ok",
      track: async (state) => (await channel.track(state)) === "ok",
      untrack: async () => (await channel.untrack()) === "ok",
      since: () => place.wish.since,
      close: () => this.#close(spec.name, channel),
    };
  }

  #close(name: string, channel: RealtimeChannel): void {
    this.#channels.delete(channel);
    this.#places.delete(channel.topic);
    const left = this.#client.realtime.removeChannel(channel).finally(() => {
      if (this.#leaving.get(name) === left) {
        this.#leaving.delete(name);
      }
    });
    this.#leaving.set(name, left);
  }

  onSocket(listener: (event: SocketEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  isOpen(): boolean {
    return this.#client.realtime.isConnected();
  }

  ping(): void {
    // with one under way, another would count as its time-out, and end the socket
    if (this.#client.realtime.pendingHeartbeatRef === null) {
      void this.#client.realtime.sendHeartbeat();
    }
  }

  /** With each heartbeat of the official client goes one that asks how current the server is (SPEC W7). */
  #ask(): void {
    const ref = `${CURRENCY}${++this.#asked}`;
    for (const place of this.#places.values()) {
      place.ask();
    }
    this.#client.realtime.push({ topic: "phoenix", event: "heartbeat", payload: { behind: true }, ref });
  }

  reconnect(): void {
    if (this.#reconnecting || this.#paused) {
      return;
    }
    this.#reconnecting = true;
    this.#closing = this.#client.realtime.disconnect().finally(() => {
      this.#reconnecting = false;
      this.#forget();
      if (!this.#paused) {
        this.#client.realtime.connect();
      }
    });
  }

  /**
   * A socket that does not answer its closing frame is given up without a word to its channels: they would believe to be
   * joined to a server that knows none of them. What has failed joins again with the next socket.
   */
  #forget(): void {
    const joined = [...this.#channels].filter(([channel]) => channel.state === "joined" || channel.state === "joining");
    for (const [channel, listener] of joined) {
      channel.state = "errored";
      (this.#places.get(channel.topic) ?? listener).status("CHANNEL_ERROR", new Error("the connection was given up"));
    }
    if (joined.length > 0) {
      this.#emit({ kind: "closed" });
    }
  }

  pause(): void {
    this.#paused = true;
    this.#closing = this.#client.realtime.disconnect();
  }

  resume(): void {
    if (!this.#paused) {
      return;
    }
    this.#paused = false;
    // a socket that is still closing would take new channels along
    void this.#closing.finally(() => {
      if (!this.#paused && this.#channels.size > 0) {
        this.#client.realtime.connect();
      }
    });
  }

  #message(message: unknown): void {
    this.#places.get((message as { topic: string }).topic)?.hear(message as object);
    const heartbeat = parseHeartbeat(message);
    if (heartbeat) {
      const { position, ...behind } = heartbeat;
      if (position !== undefined) {
        for (const place of this.#places.values()) {
          place.answered(position);
        }
      }
      const latency = this.#latencyMs === undefined ? {} : { latencyMs: this.#latencyMs };
      this.#emit({ kind: "heartbeat", ...latency, ...behind });
    }
  }

  #emit(event: SocketEvent): void {
    for (const listener of this.#listeners) {
      listener(event);
    }
  }
}

/** The official client sends bindings, and no other wishes: this one is told of no changes. */
function listenToAnswer(channel: RealtimeChannel, live: KeptQuery, listener: ChannelListener): void {
  const { schema, table } = live;
  const wanted = { event: "*", schema, table, switchboard: { live, changes: false } } as { event: "*"; schema: string };
  channel.on("postgres_changes", wanted, () => {});
  // the overloads know no event of ours; it hands on any
  (channel.on as (type: string, filter: object, heard: (told: Told) => void) => void).call(
    channel,
    "live",
    {},
    (told) => listener.answer?.(told),
  );
}

function listenToChanges(
  channel: RealtimeChannel,
  { schema, table, event, filter, delta, leave }: NonNullable<ChannelSpec["changes"]>[number],
  place: Place,
  listener: ChannelListener,
): void {
  // the overloads want one literal event each; the wire takes any
  const wanted = {
    event: event ?? "*",
    schema,
    table,
    ...(filter ? { filter } : {}),
    ...(leave ? { leave } : {}),
    ...(delta ? { delta: delta.length > 0 ? delta : true } : {}),
    switchboard: place.wish,
  } as {
    event: "*";
    schema: string;
  };
  channel.on<Row>("postgres_changes", wanted, (payload) =>
    listener.change?.({
      kind: payload.eventType,
      table: payload.table,
      new: payload.new,
      old: payload.old,
      committedAt: payload.commit_timestamp,
    }),
  );
}

/** @returns what an answered heartbeat says: by how many milliseconds the server's reader of the log is behind (SPEC W7), and up to where all was told (H1) */
function parseHeartbeat(message: unknown): { behindMs?: number; position?: string } | undefined {
  const { ref, payload } = message as {
    ref?: string | null;
    payload?: { status?: string; response?: { behind_ms?: unknown; position?: string } };
  };
  if (!ref?.startsWith(CURRENCY) || payload?.status !== "ok") {
    return undefined;
  }
  const { behind_ms: behind, position } = payload.response ?? {};
  return { ...(typeof behind === "number" ? { behindMs: behind } : {}), ...(position ? { position } : {}) };
}
