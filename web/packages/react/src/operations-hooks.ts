import type { ListOptions, QueryOf, Row } from "@switchboard/client";
import { useCallback } from "react";
import { type LiveResult, useLiveQuery, useLiveRow } from "./live-query.ts";
import { useLiveClient } from "./provider.tsx";
import type { AgentExecutionRow, NotificationRow, ScanRow, SignalAlertRow, StreamRow } from "./tables.ts";

/** Progress of one stream: `data.current_progress`, `data.goal_status`. */
export function useStreamProgress(streamId: string | null | undefined): LiveResult<StreamRow | null> {
  return useLiveRow<StreamRow>(
    (sb) => (streamId ? sb.from("streams").select("*").eq("id", streamId) : null),
    [streamId],
  );
}

/** Every stream of an organization, by name. */
export function useAllStreamsProgress(orgId: string | null | undefined): LiveResult<readonly StreamRow[]> {
  return useLiveQuery<StreamRow>(
    (sb) => (orgId ? sb.from("streams").select("*").eq("organization_id", orgId).order("name").order("id") : null),
    [orgId],
  );
}

/** One scan, as it goes on. */
export function useScanProgress(scanId: string | null | undefined): LiveResult<ScanRow | null> {
  return useLiveRow<ScanRow>(
    (sb) => (scanId ? sb.from("acquisition_scans").select("*").eq("id", scanId) : null),
    [scanId],
  );
}

const NEWEST = 50;

/** A user's signal alerts, newest first. What is marked as read stays so (FEATURES F002-22). */
export function useSignalAlerts(userId: string | null | undefined) {
  const list = useLiveQuery<SignalAlertRow>(newest("signal_alerts", userId), [userId], { stable: OWNER });
  const { markAsRead, markAllAsRead } = useMarkAsRead("signal_alerts", userId, list.data);
  return { ...list, alerts: list.data, unreadCount: unread(list.data), markAsRead, markAllAsRead };
}

/** The executions of a stream, and which of them run. */
export function useAgentExecutions(streamId: string | null | undefined) {
  const list = useLiveQuery<AgentExecutionRow>(
    (sb) =>
      streamId
        ? sb
            .from("agent_executions")
            .select("*")
            .eq("stream_id", streamId)
            .order("created_at", { ascending: false })
            .limit(NEWEST)
        : null,
    [streamId],
    { stable: STREAM },
  );
  return { ...list, executions: list.data, runningAgents: list.data.filter(({ status }) => status === "running") };
}

/** A user's notifications, newest first; read and unread are kept by the server. */
export function useRealtimeNotifications(userId: string | null | undefined, options: NotificationsOptions = {}) {
  const { onNotification, ...listOptions } = options;
  const list = useLiveQuery<NotificationRow>(newest("notifications", userId), [userId], {
    ...listOptions,
    stable: OWNER,
    onChange: (change) => {
      if (change.kind === "INSERT") {
        onNotification?.(change.new as unknown as NotificationRow);
      }
    },
  });
  const { markAsRead, markAllAsRead } = useMarkAsRead("notifications", userId, list.data);
  return { ...list, notifications: list.data, unreadCount: unread(list.data), markAsRead, markAllAsRead };
}

export interface NotificationsOptions extends ListOptions {
  /** Hears each new one. */
  readonly onNotification?: (notification: NotificationRow) => void;
}

const OWNER: readonly string[] = ["user_id"];
const STREAM: readonly string[] = ["stream_id"];

function newest<T>(table: string, userId: string | null | undefined): QueryOf<readonly T[] | null> {
  return (sb) =>
    userId
      ? sb.from(table).select("*").eq("user_id", userId).order("created_at", { ascending: false }).limit(NEWEST)
      : null;
}

const unread = (rows: readonly { readonly read_at: string | null }[]): number =>
  rows.filter(({ read_at }) => read_at === null).length;

function useMarkAsRead(table: string, userId: string | null | undefined, rows: readonly ReadableRow[]) {
  const client = useLiveClient();
  const mark = useCallback(
    async (id: string | undefined) => {
      if (!userId) {
        return;
      }
      const read_at = new Date(client.platform.now()).toISOString();
      const foreseen = rows
        .filter((one) => one.read_at === null && (id === undefined || one.id === id))
        .map((row) =>
          client.foresee({
            kind: "UPDATE",
            table,
            new: { ...row, read_at },
            old: row as unknown as Row,
            committedAt: read_at,
          }),
        );
      const update = client.supabase.from(table).update({ read_at }).eq("user_id", userId).is("read_at", null);
      const { error } = await (id === undefined ? update : update.eq("id", id));
      for (const one of foreseen) {
        if (error) one.takeBack();
        else one.written();
      }
      if (error) {
        await client.refetchTable(table);
      }
    },
    [client, table, userId, rows],
  );
  return {
    /** One by its id; without one, all (FEATURES C21). */
    markAsRead: useCallback((id?: string) => mark(id), [mark]),
    markAllAsRead: useCallback(() => mark(undefined), [mark]),
  };
}

interface ReadableRow {
  readonly id: string;
  readonly read_at: string | null;
}
