import { type CallEvent, type CallEventName, type CallEventOf, CallsRealtimeService } from "@switchboard/client";
import { useCallback, useEffect, useMemo, useState } from "react";
import { type LiveQueryOptions, useLiveQuery, useLiveRow } from "./live-query.ts";
import { useLiveClient } from "./provider.tsx";
import type { CallRow } from "./tables.ts";

/** Document 004's hook: the channel `calls-changes` while mounted; leaving it ends no other's (FEATURES C16). */
export function useCallsRealtime(orgId?: string) {
  const client = useLiveClient();
  const service = useMemo(() => new CallsRealtimeService(client, orgId), [client, orgId]);
  const [isConnected, setConnected] = useState(false);
  useEffect(() => {
    const stop = service.onStatus(() => setConnected(service.isConnected));
    service.setupCallsChannel();
    return () => {
      stop();
      service.disconnect();
    };
  }, [service]);
  const addListener = useCallback(
    <N extends CallEventName>(name: N, callback: (event: CallEventOf<N>) => void) =>
      service.addListener(name, callback),
    [service],
  );
  return { isConnected, addListener, service };
}

/** One call as it goes on, and when it last changed. */
export function useCallUpdates(callId: string | null | undefined) {
  const row = useLiveRow<CallRow>(
    (sb) => (callId ? sb.from("calls_enriched").select("*").eq("id", callId) : null),
    [callId],
  );
  return { ...row, call: row.data, lastUpdate: row.lastSyncedAt === undefined ? null : new Date(row.lastSyncedAt) };
}

export interface CallsListOptions extends LiveQueryOptions<CallRow> {
  /** Newest calls shown. Default: 50. */
  readonly limit?: number;
  /** Only calls that are over. */
  readonly ended?: boolean;
}

/** The newest calls, and how many have come since they were last looked at (FEATURES F004-16). */
export function useCallsList(
  orgId: string | null | undefined,
  { limit = 50, ended = false, ...options }: CallsListOptions = {},
) {
  const [unseen, setUnseen] = useState<ReadonlySet<string>>(NONE);
  const list = useLiveQuery<CallRow>(
    (sb) => {
      if (!orgId) {
        return null;
      }
      const calls = sb.from("calls_enriched").select("*").eq("organization_id", orgId);
      const order = ended ? "ended_at" : "started_at";
      return (ended ? calls.not("ended_at", "is", null) : calls)
        .order(order, { ascending: false })
        .order("id")
        .limit(limit);
    },
    [orgId, limit, ended],
    {
      ...options,
      onChange: (change) => {
        options.onChange?.(change);
        if (change.kind === "INSERT") {
          setUnseen((seen) => new Set([...seen, String(change.new.id)]));
        }
      },
    },
  );
  const markAsRead = useCallback(() => setUnseen(NONE), []);
  return { ...list, calls: list.data, newCallIds: unseen, newCallsCount: unseen.size, markAsRead };
}

const NONE: ReadonlySet<string> = new Set();

/** Something happened to a call: for components that only listen. */
export function useCallEvent<N extends CallEvent["name"]>(
  orgId: string | undefined,
  name: N,
  callback: (event: CallEventOf<N>) => void,
) {
  const { addListener, isConnected } = useCallsRealtime(orgId);
  useEffect(() => addListener(name, callback), [addListener, name, callback]);
  return { isConnected };
}
