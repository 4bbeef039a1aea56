import { type ReactNode, useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { secondsSince, ticker, timeOfDay, useNow } from "./clock.tsx";
import { Icon, type IconName } from "./icon.tsx";

/** What a panel must know of what it shows. */
export interface PanelSource {
  readonly status: "pending" | "success" | "error";
  readonly isLive: boolean;
  readonly error:
    | { readonly message: string; readonly code?: string | undefined; readonly status?: number }
    | undefined;
  /** Milliseconds since 1970 by the device's clock, when it was last known to be right. */
  readonly asOf: number | undefined;
  readonly refetch: () => unknown;
}

interface PanelProps {
  readonly title: string;
  readonly count?: ReactNode;
  readonly className?: string;
  readonly actions?: ReactNode;
  readonly source?: PanelSource;
  /** Who looks may not see it: an empty answer says nothing. */
  readonly isDenied?: boolean;
  /** Shown where there is nothing. */
  readonly empty?: { readonly when: boolean; readonly icon: IconName; readonly title: string; readonly text?: string };
  readonly footer?: ReactNode;
  readonly children: ReactNode | ((stoppedAt: number | undefined) => ReactNode);
}

/** Most drops heal in a moment; before that nothing is marked. */
const GRACE_MS = 5_000;
const LOADING_MS = 300;

/** One thing on a page: its heading, and what it is worth: loading, empty, stale with its age, broken, denied. */
export function Panel({
  title,
  count,
  className = "",
  actions,
  source,
  isDenied = false,
  empty,
  footer,
  children,
}: PanelProps) {
  const id = useId();
  const stoppedAt = useStaleSince(source);
  const content = typeof children === "function" ? children(stoppedAt) : children;
  return (
    <section className={`panel ${className} ${stoppedAt === undefined ? "" : "stale"}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {count !== undefined && !isDenied && <span className="count">{count}</span>}
        <span className="end row">{actions}</span>
      </header>
      {stoppedAt !== undefined && source && <Age since={stoppedAt} onRefresh={source.refetch} />}
      <Body source={source} isDenied={isDenied} empty={empty} isStale={stoppedAt !== undefined}>
        {content}
      </Body>
      {footer}
    </section>
  );
}

interface BodyProps {
  readonly source: PanelSource | undefined;
  readonly isDenied: boolean;
  readonly empty: PanelProps["empty"] | undefined;
  readonly isStale: boolean;
  readonly children: ReactNode;
}

function Body({ source, isDenied, empty, isStale, children }: BodyProps) {
  if (isDenied) {
    return <Denied />;
  }
  if (source?.status === "error" && source.error) {
    return isRefused(source.error) ? <Denied /> : <Broken error={source.error} onRetry={source.refetch} />;
  }
  if (source?.status === "pending") {
    return <Loading />;
  }
  if (empty?.when) {
    return (
      <div className="blank">
        <Icon name={empty.icon} size="m" />
        <b>{empty.title}</b>
        {empty.text && <span>{empty.text}</span>}
      </div>
    );
  }
  return isStale ? <div className="was contents">{children}</div> : children;
}

const isRefused = (error: NonNullable<PanelSource["error"]>) => error.code === "42501" || error.status === 403;

/** Since when what is shown is old, by the server's clock: from 5 s without a live channel on. undefined: it is current. */
export function useStaleSince(source: PanelSource | undefined): number | undefined {
  const isBehind = source !== undefined && !source.isLive && source.status === "success";
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (!isBehind) {
      setLate(false);
      return;
    }
    const timer = setTimeout(() => setLate(true), GRACE_MS);
    return () => clearTimeout(timer);
  }, [isBehind]);
  return isBehind && isLate && source.asOf !== undefined ? ticker.toServer(source.asOf) : undefined;
}

function Age({ since, onRefresh }: { readonly since: number; readonly onRefresh: () => unknown }) {
  const { t } = useTranslation();
  const seconds = secondsSince(since, useNow());
  return (
    <div className="age">
      <Icon name="clock" />
      <span>{t("panel.age", { time: timeOfDay(since), seconds })}</span>
      <button type="button" className="link" onClick={() => onRefresh()}>
        {t("panel.refresh")}
      </button>
    </div>
  );
}

function Loading() {
  const { t } = useTranslation();
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), LOADING_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="body pt-2" role="status" aria-label={t("panel.loading")}>
      {isSlow &&
        [58, 42, 64, 36, 50].map((width) => (
          <div key={width} className="row" style={{ height: "var(--row-h)", justifyContent: "space-between" }}>
            <span className="bone" style={{ width: `${width}%` }} />
            <span className="bone" style={{ width: "12%" }} />
          </div>
        ))}
    </div>
  );
}

function Broken({
  error,
  onRetry,
}: {
  readonly error: NonNullable<PanelSource["error"]>;
  readonly onRetry: () => unknown;
}) {
  const { t } = useTranslation();
  const cause = error.status ? t("panel.refused", { status: error.status }) : t("panel.unreachable");
  return (
    <div className="blank" role="alert">
      <Icon name="warning" size="m" />
      <b>{t("panel.broken")}</b>
      <span>
        {cause} {error.code && t("panel.code", { code: error.code })}
      </span>
      <button type="button" className="btn" onClick={() => onRetry()}>
        <Icon name="refresh" />
        {t("panel.retry")}
      </button>
    </div>
  );
}

function Denied() {
  const { t } = useTranslation();
  return (
    <div className="blank">
      <Icon name="lock" size="m" />
      <b>{t("panel.denied")}</b>
      <span>{t("panel.deniedText")}</span>
    </div>
  );
}
