import { type SimpleStatus, worst } from "@switchboard/client";
import { useState } from "react";
import { Clock, ConnectionStatus } from "./connection-components.tsx";
import { useLiveQuery } from "./live-query.ts";
import {
  useAgentExecutions,
  useAllStreamsProgress,
  useRealtimeNotifications,
  useStreamProgress,
} from "./operations-hooks.ts";
import type { AgentExecutionRow, NotificationRow, StreamRow } from "./tables.ts";
import { useTexts } from "./texts.ts";

export interface LiveProgressIndicatorProps {
  readonly title: string;
  /** 0 to 100. */
  readonly percentage: number;
  readonly status?: string | null;
  readonly currentStep?: string | null;
  readonly completed?: number;
  readonly total?: number;
  /** ISO 8601, or milliseconds since 1970. */
  readonly lastUpdated?: string | number | Date | null;
  readonly connectionStatus?: SimpleStatus;
  readonly className?: string;
}

/** How far something is (FEATURES F002-39). */
export function LiveProgressIndicator(props: LiveProgressIndicatorProps) {
  const { title, percentage, status, currentStep, completed, total, lastUpdated, connectionStatus, className } = props;
  const texts = useTexts();
  const shown = Math.round(Math.min(100, Math.max(0, percentage)));
  return (
    <div className={className} data-progress={shown}>
      <div>
        <strong>{title}</strong> {connectionStatus && <ConnectionStatus status={connectionStatus} size="sm" />}
      </div>
      <progress aria-label={title} max={100} value={shown}>
        {shown} %
      </progress>
      <div>
        <span>{shown} %</span>
        {completed !== undefined && total !== undefined && (
          <span> {texts.completedOf.replace("{completed}", String(completed)).replace("{total}", String(total))}</span>
        )}
        {status && <span> {status}</span>}
        {currentStep && <span> {currentStep}</span>}
      </div>
      {lastUpdated && (
        <small>
          {texts.lastUpdate}: <Clock at={lastUpdated instanceof Date ? lastUpdated.getTime() : lastUpdated} />
        </small>
      )}
    </div>
  );
}

export interface StreamCardRealtimeProps {
  readonly streamId: string;
  readonly className?: string;
}

/** One stream: its progress, its goal and the agents that run for it. */
export function StreamCardRealtime({ streamId, className }: StreamCardRealtimeProps) {
  const { data, connectionStatus } = useStreamProgress(streamId);
  const { runningAgents } = useAgentExecutions(streamId);
  return data ? (
    <StreamCard stream={data} running={runningAgents.length} {...{ connectionStatus, className }} />
  ) : (
    <article className={className} aria-busy="true" />
  );
}

interface StreamCardProps {
  readonly stream: StreamRow;
  readonly running: number;
  readonly connectionStatus: SimpleStatus;
  readonly className?: string | undefined;
}

function StreamCard({ stream, running, connectionStatus, className }: StreamCardProps) {
  const texts = useTexts();
  return (
    <article className={className}>
      <StreamProgress stream={stream} connectionStatus={connectionStatus} />
      <small>{texts.running.replace("{count}", String(running))}</small>
    </article>
  );
}

function StreamProgress({
  stream,
  connectionStatus,
}: {
  readonly stream: StreamRow;
  readonly connectionStatus: SimpleStatus;
}) {
  const { percentage, completed, total } = stream.current_progress;
  return (
    <LiveProgressIndicator
      title={stream.name}
      percentage={percentage}
      completed={completed}
      total={total}
      status={stream.goal_status}
      lastUpdated={stream.updated_at}
      connectionStatus={connectionStatus}
    />
  );
}

export interface LiveMonitoringDashboardProps {
  readonly organizationId: string | null | undefined;
  readonly className?: string;
}

/** Every stream of an organization as it goes on. */
export function LiveMonitoringDashboard({ organizationId, className }: LiveMonitoringDashboardProps) {
  const { data, connectionStatus, status, error, refetch } = useAllStreamsProgress(organizationId);
  // one list for all streams: a channel for each would soon be more than a connection may have
  const executions = useLiveQuery<AgentExecutionRow>(
    (sb) =>
      organizationId
        ? sb.from("agent_executions").select("*").eq("organization_id", organizationId).eq("status", "running")
        : null,
    [organizationId],
  ).data;
  const running = (id: string) => executions.filter(({ stream_id }) => stream_id === id).length;
  const texts = useTexts();
  return (
    <section className={className} aria-label={texts.streams}>
      <ConnectionStatus status={worst([connectionStatus])} />
      {status === "error" && (
        <p role="alert">
          {texts.failed}: {error?.message}{" "}
          <button type="button" onClick={() => void refetch()}>
            {texts.retry}
          </button>
        </p>
      )}
      {status === "success" && data.length === 0 && <p>{texts.noStreams}</p>}
      <ul>
        {data.map((stream) => (
          <li key={stream.id}>
            <StreamCard stream={stream} running={running(stream.id)} connectionStatus={connectionStatus} />
          </li>
        ))}
      </ul>
    </section>
  );
}

const LOOKS = {
  info: { icon: "ℹ", color: "var(--switchboard-info, #2b7fd4)" },
  success: { icon: "✓", color: "var(--switchboard-connected, #1a9467)" },
  warning: { icon: "▲", color: "var(--switchboard-connecting, #c27803)" },
  error: { icon: "✕", color: "var(--switchboard-error, #bf2621)" },
} as const;

export interface NotificationPanelProps {
  readonly userId: string | null | undefined;
  readonly className?: string;
}

/** The user's notifications, newest first, by type and source; read marks are kept by the server (FEATURES F003-27). */
export function NotificationPanel({ userId, className }: NotificationPanelProps) {
  const { notifications, unreadCount, markAsRead, markAllAsRead } = useRealtimeNotifications(userId);
  const texts = useTexts();
  const [type, setType] = useState("");
  const [source, setSource] = useState("");
  const sources = [...new Set(notifications.map((one) => one.source))].sort();
  const shown = notifications.filter(
    (one) => (type === "" || one.type === type) && (source === "" || one.source === source),
  );
  return (
    <section className={className} aria-label={texts.notifications}>
      <p aria-live="polite">
        {unreadCount} {texts.unread}
      </p>
      <Choice label={texts.type} all={texts.all} values={Object.keys(LOOKS)} value={type} onChange={setType} />
      <Choice label={texts.source} all={texts.all} values={sources} value={source} onChange={setSource} />
      <button type="button" disabled={unreadCount === 0} onClick={() => void markAllAsRead()}>
        {texts.markAllAsRead}
      </button>
      {shown.length === 0 && <p>{texts.noNotifications}</p>}
      <ul>
        {shown.map((one) => (
          <NotificationLine key={one.id} notification={one} onRead={() => void markAsRead(one.id)} />
        ))}
      </ul>
    </section>
  );
}

function NotificationLine({
  notification,
  onRead,
}: {
  readonly notification: NotificationRow;
  readonly onRead: () => void;
}) {
  const texts = useTexts();
  const { icon, color } = LOOKS[notification.type];
  return (
    <li data-type={notification.type} data-unread={notification.read_at === null}>
      <span style={{ color }} role="img" aria-label={notification.type}>
        {icon}
      </span>{" "}
      <strong>{notification.title}</strong> {notification.body} <Clock at={notification.created_at} />
      {notification.read_at === null && (
        <button type="button" onClick={onRead}>
          {texts.markAsRead}
        </button>
      )}
    </li>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly all: string;
  readonly values: readonly string[];
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function Choice({ label, all, values, value, onChange }: ChoiceProps) {
  return (
    <label>
      {label}{" "}
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{all}</option>
        {values.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}
