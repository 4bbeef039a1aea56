import { type ChannelReport, type SimpleStatus, simpleStatusOf, worst } from "@switchboard/client";
import { useEffect, useState } from "react";
import { useChannels, useConnection } from "./connection-hooks.ts";
import { useLiveClient, useLocale } from "./provider.tsx";
import { STATUS_LOOKS, useTexts } from "./texts.ts";

export interface ConnectionStatusProps {
  /** Default: the provider's connection. */
  readonly status?: SimpleStatus;
  /** Default: true. Without it, the word is still read out. */
  readonly showText?: boolean;
  readonly size?: "sm" | "md" | "lg";
  readonly className?: string;
}

const SIZES = { sm: "0.75rem", md: "0.875rem", lg: "1rem" } as const;

/** Whether this screen is connected, in colour, sign and word (FEATURES F002-24, F002-27). */
export function ConnectionStatus({ status, showText = true, size = "md", className }: ConnectionStatusProps) {
  const connection = useConnection();
  const texts = useTexts();
  const shown = status ?? connection.status;
  const { color, icon } = STATUS_LOOKS[shown];
  return (
    <span
      role="status"
      aria-label={texts[shown]}
      className={className}
      data-status={shown}
      data-size={size}
      style={{ color, fontSize: SIZES[size] }}
    >
      <span aria-hidden="true">{icon}</span>
      {showText && <span aria-hidden="true"> {texts[shown]}</span>}
    </span>
  );
}

export interface MultiConnectionStatusProps {
  readonly subscriptions: readonly { readonly name: string; readonly status: SimpleStatus }[];
  readonly className?: string;
}

/** Several connections as one: the worst of them, and each by its name (FEATURES F002-25). */
export function MultiConnectionStatus({ subscriptions, className }: MultiConnectionStatusProps) {
  const overall = worst(subscriptions.map(({ status }) => status));
  return (
    <details className={className} data-status={overall}>
      <summary>
        <ConnectionStatus status={overall} />
      </summary>
      <ul>
        {subscriptions.map(({ name, status }) => (
          <li key={name}>
            {name} <ConnectionStatus status={status} size="sm" />
          </li>
        ))}
      </ul>
    </details>
  );
}

/** What `/api/calls/health-check` answers. */
export interface HealthReport {
  readonly status: "healthy" | "degraded";
  readonly reasons: readonly string[];
  readonly activeCalls: number;
  readonly recentTimeouts: number;
  readonly failureRate: number | null;
  readonly totalCalls: number;
}

export type Health = { readonly kind: "healthy" | "degraded" | "down"; readonly reasons: readonly string[] };

export interface SystemHealthIndicatorProps {
  /** Asks how the system is: `/api/calls/health-check` of an organization. */
  readonly check: () => Promise<HealthReport>;
  /** Milliseconds between two questions. Default: 30 s. */
  readonly intervalMs?: number;
  readonly className?: string;
  /** Draws it; by default, a word with its reasons. */
  readonly children?: (health: Health | undefined) => React.ReactNode;
}

/** Healthy, degraded or down, and why (FEATURES F000-17). */
export function SystemHealthIndicator({ check, intervalMs = 30_000, className, children }: SystemHealthIndicatorProps) {
  const health = useSystemHealth(check, intervalMs);
  const texts = useTexts();
  if (children) {
    return children(health);
  }
  const kind = health?.kind ?? "degraded";
  const look = { healthy: "connected", degraded: "connecting", down: "error" } as const;
  const { color, icon } = STATUS_LOOKS[look[kind]];
  return (
    <div role="status" className={className} data-health={health?.kind}>
      <span style={{ color }}>
        <span aria-hidden="true">{icon}</span> {health ? texts[kind] : texts.loading}
      </span>
      {health && health.reasons.length > 0 && (
        <ul>
          {health.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Asks again every so often, and at once when the connection changes; a question that fails is `down`. */
export function useSystemHealth(check: () => Promise<HealthReport>, intervalMs = 30_000): Health | undefined {
  const client = useLiveClient();
  const { state } = useConnection();
  const [health, setHealth] = useState<Health | undefined>();
  const reachable = state.kind === "live";
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again when the connection comes or goes
  useEffect(() => {
    let current = true;
    let cancel = () => {};
    const ask = async () => {
      const next = await check().then(
        ({ status, reasons }): Health => ({ kind: status, reasons }),
        (error: unknown): Health => ({
          kind: "down",
          reasons: [error instanceof Error ? error.message : String(error)],
        }),
      );
      if (current) {
        setHealth(next);
        cancel = client.platform.after(intervalMs, () => void ask());
      }
    };
    void ask();
    return () => {
      current = false;
      cancel();
    };
  }, [check, intervalMs, client, reachable]);
  return health;
}

export interface RealtimeStatusProps {
  readonly className?: string;
}

/** Every source with its state, newest change, errors and delay, the whole, and what to do (FEATURES F003-26). */
export function RealtimeStatus({ className }: RealtimeStatusProps) {
  const texts = useTexts();
  const { reconnect, status } = useConnection();
  const channels = useChannels();
  return (
    <section className={className} aria-label={texts.state}>
      <ConnectionStatus status={channels.length > 0 ? worst([status, ...channels.map(simpleStatusOf)]) : status} />
      <table>
        <thead>
          <tr>
            {[texts.channel, texts.state, texts.lastUpdate, texts.errors, texts.delay].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {channels.map((channel) => (
            <ChannelLine key={channel.name} channel={channel} />
          ))}
        </tbody>
      </table>
      <button type="button" onClick={reconnect}>
        {texts.reconnect}
      </button>
    </section>
  );
}

function ChannelLine({ channel }: { readonly channel: ChannelReport }) {
  return (
    <tr>
      <th scope="row">{channel.name}</th>
      <td>
        <ConnectionStatus status={simpleStatusOf(channel)} size="sm" />
        {channel.error && <span> {channel.error}</span>}
      </td>
      <td>
        <Clock at={channel.lastChange} />
      </td>
      <td>{channel.errors}</td>
      <td>{channel.delayMs === undefined ? "–" : `${channel.delayMs} ms`}</td>
    </tr>
  );
}

/** A time of day in the reader's language; a word where there is none. */
export function Clock({ at }: { readonly at: number | string | null | undefined }) {
  const locale = useLocale();
  const texts = useTexts();
  if (at === undefined || at === null) {
    return <>{texts.never}</>;
  }
  const date = new Date(at);
  return <time dateTime={date.toISOString()}>{date.toLocaleTimeString(locale)}</time>;
}
