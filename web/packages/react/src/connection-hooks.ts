import {
  type ChannelReport,
  type ChannelSpec,
  type Connection,
  channelToSimple,
  HEARTBEAT_MS,
  isConnected,
  type PresenceState,
  type Row,
  type SimpleStatus,
  toSimpleStatus,
} from "@switchboard/client";
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useLiveClient } from "./provider.tsx";

export interface ConnectionResult extends Connection {
  /** Document 002's word for it. */
  readonly status: SimpleStatus;
  readonly isConnected: boolean;
  readonly reconnect: () => void;
}

/** How the way to the server is: state, latency, and when it last proved to have everything. */
export function useConnection(): ConnectionResult {
  const client = useLiveClient();
  const { subscribe, getSnapshot } = client.connection;
  const connection = useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
  const reconnect = useCallback(() => client.reconnect(), [client]);
  return useMemo(
    () => ({
      ...connection,
      status: toSimpleStatus(connection.state),
      isConnected: isConnected(connection.state),
      reconnect,
    }),
    [connection, reconnect],
  );
}

/** The open channels, one line each. */
export function useChannels(): readonly ChannelReport[] {
  const { subscribe, getSnapshot } = useLiveClient().channels;
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}

/**
 * Asks for a sign of life every so often; a socket that is silently dead is noticed within two of them
 * (FEATURES F002-21).
 *
 * @param intervalMs 10 s by default; on a mobile network 25 s spare the battery
 */
export function useConnectionHeartbeat(intervalMs: number = HEARTBEAT_MS) {
  const client = useLiveClient();
  useEffect(() => {
    let cancel = () => {};
    const beat = () => {
      if (!client.isPaused) {
        client.transport.ping();
      }
      cancel = client.platform.after(intervalMs, beat);
    };
    cancel = client.platform.after(intervalMs, beat);
    return () => cancel();
  }, [client, intervalMs]);
  const { isConnected: connected, latencyMs, lastVerified } = useConnection();
  return { isConnected: connected, latencyMs, lastHeartbeat: lastVerified };
}

export interface PresenceOptions {
  /** Who: equal in all tabs of one user. */
  readonly key: string;
  /** What the others see. */
  readonly state: Row;
}

/** Who else is here. `update` changes what the others see of oneself. */
export function usePresence(topic: string, { key, state }: PresenceOptions) {
  const client = useLiveClient();
  const spec = useMemo<ChannelSpec>(() => ({ name: topic, presence: { key } }), [topic, key]);
  const [peers, setPeers] = useState<PresenceState>({});
  const [status, setStatus] = useState<SimpleStatus>("connecting");
  const shown = useRef(state);
  const update = useCallback(
    async (next: Row) => {
      shown.current = next;
      return (await client.channelOf(spec)?.track(next)) ?? false;
    },
    [client, spec],
  );
  useEffect(() => {
    const leave = client.join(spec, {
      status: (channel) => {
        setStatus(channelToSimple(channel));
        if (channel === "SUBSCRIBED") {
          void client.channelOf(spec)?.track(shown.current);
        }
      },
      presence: (everybody) => setPeers({ ...everybody }),
    });
    return () => {
      void client.channelOf(spec)?.untrack(); // the room may live on, for who else listens in it
      leave();
    };
  }, [client, spec]);
  return { peers, self: peers[key] ?? [], update, status };
}

/** Sends, and hears, one event of a topic. A handler hears its own broadcasts too where `self` is set. */
export function useBroadcast(
  topic: string,
  event: string,
  handler?: (payload: Row) => void,
  { self = false }: { self?: boolean } = {},
) {
  const client = useLiveClient();
  const spec = useMemo<ChannelSpec>(() => ({ name: topic, broadcast: { self, events: ["*"] } }), [topic, self]);
  const [status, setStatus] = useState<SimpleStatus>("connecting");
  const heard = useRef(handler);
  useEffect(() => {
    heard.current = handler;
  });
  useEffect(
    () =>
      client.join(spec, {
        status: (channel) => setStatus(channelToSimple(channel)),
        broadcast: (name, payload) => {
          if (name === event) {
            heard.current?.(payload);
          }
        },
      }),
    [client, spec, event],
  );
  const send = useCallback(
    async (payload: Row) => (await client.channelOf(spec)?.send(event, payload)) ?? false,
    [client, spec, event],
  );
  return { send, status };
}
