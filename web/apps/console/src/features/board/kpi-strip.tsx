import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useAgents, useServiceFigures } from "../../data/floor.ts";
import { LIMITS, severity } from "../../floor/looks.ts";
import { useNames } from "../../floor/names.ts";
import { duration, secondsSince, timeOfDay, useNow } from "../../ui/clock.tsx";
import { Icon } from "../../ui/icon.tsx";
import { useStaleSince } from "../../ui/panel.tsx";
import { Sparkline } from "../../ui/sparkline.tsx";
import { useFloor, type Waiting } from "./waiting.ts";

/** Six figures: counted from the live lists where they can be, asked of the server where only it knows. */
export function KpiStrip() {
  const { t } = useTranslation();
  const service = useServiceFigures().data;
  const floor = useFloor();
  const agentList = useAgents();
  const agents = agentList.data;
  const stale = [useStaleSince(floor.source), useStaleSince(agentList)].filter((since) => since !== undefined);
  const stoppedAt = stale.length > 0 ? Math.min(...stale) : undefined;
  const unknown = floor.source.status !== "success" || agentList.status !== "success";
  const signedIn = agents.filter(({ work_state }) => work_state !== "offline").length;
  const available = agents.filter(({ work_state }) => work_state === "available").length;
  const history = service?.history;
  return (
    <section
      className={`panel kpis ${stoppedAt === undefined ? "" : "stale"}`}
      aria-label={t("kpi.label")}
      title={stoppedAt === undefined ? undefined : t("kpi.asOf", { time: timeOfDay(stoppedAt) })}
    >
      <Kpi
        name={t("kpi.inQueue")}
        value={unknown ? t("kpi.none") : floor.waiting.count}
        detail={floor.ringing === undefined ? "" : t("kpi.ringing", { count: floor.ringing })}
        history={history?.in_queue}
      />
      <LongestWait waiting={floor.waiting} stoppedAt={stoppedAt} history={history?.longest_wait_s} />
      <Kpi
        name={t("kpi.level")}
        value={<Percent ratio={service?.service_level} />}
        detail={t("kpi.goal", {
          pct: service?.service_level_goal ?? 80,
          seconds: service?.service_level_seconds ?? 20,
        })}
        history={history?.service_level}
        limit={(service?.service_level_goal ?? 80) / 100}
      />
      <Kpi
        name={t("kpi.live")}
        value={unknown ? t("kpi.none") : floor.live}
        detail={floor.talking === undefined ? "" : t("kpi.withAgent", { count: floor.talking })}
        history={history?.live}
      />
      <Kpi
        name={t("kpi.available")}
        value={
          <>
            {unknown ? t("kpi.none") : available}
            <small> {t("kpi.of", { count: signedIn })}</small>
          </>
        }
        detail={t("kpi.occupancy", { pct: percent(service?.occupancy) })}
        history={history?.available}
      />
      <Kpi
        name={t("kpi.abandoned")}
        value={<Percent ratio={service?.abandoned_rate} />}
        detail={t("kpi.abandonedOf", { count: service?.abandoned ?? 0, of: service?.offered ?? 0 })}
        history={history?.abandoned_rate}
      />
    </section>
  );
}

interface KpiProps {
  readonly name: string;
  readonly value: ReactNode;
  readonly detail: string;
  readonly history: readonly (number | null)[] | undefined;
  readonly limit?: number;
  /** Over its limit: the state whose colour says so, and the word. */
  readonly alarm?: { readonly state: "st-ringing" | "st-alert"; readonly word: string } | undefined;
}

function Kpi({ name, value, detail, history, limit, alarm }: KpiProps) {
  return (
    <div className={`kpi ${alarm ? `hot ${alarm.state}` : ""}`}>
      <div className="k">
        <span className="cut">{name}</span>
        {alarm && (
          <span className={`tag ${alarm.state}`}>
            <Icon name="warning" size="xs" />
            {alarm.word}
          </span>
        )}
      </div>
      <div className="v">{value}</div>
      <Sparkline values={history ?? []} limit={limit} />
      <div className="d">{detail}</div>
    </div>
  );
}

interface LongestWaitProps {
  readonly waiting: Waiting;
  readonly stoppedAt: number | undefined;
  readonly history: readonly (number | null)[] | undefined;
}

function LongestWait({ waiting: { since, queueId }, stoppedAt, history }: LongestWaitProps) {
  const { t } = useTranslation();
  const names = useNames();
  const now = useNow();
  if (since === undefined) {
    return (
      <Kpi
        name={t("kpi.longest")}
        value={t("kpi.none")}
        detail={t("kpi.nobody")}
        history={history}
        limit={LIMITS.wait.warning}
      />
    );
  }
  const seconds = secondsSince(since, stoppedAt ?? now);
  const level = severity(seconds, LIMITS.wait);
  const state = level === "critical" ? "st-alert" : "st-ringing";
  const queue = names.queue(queueId) ?? t("incoming.direct");
  return (
    <Kpi
      name={t("kpi.longest")}
      value={duration(seconds)}
      detail={t("kpi.limit", { queue, limit: duration(LIMITS.wait.warning) })}
      history={history}
      limit={LIMITS.wait.warning}
      alarm={level === "normal" ? undefined : { state, word: t("kpi.over") }}
    />
  );
}

function percent(ratio: number | null | undefined): string {
  return ratio === null || ratio === undefined ? "–" : String(Math.round(ratio * 100));
}

function Percent({ ratio }: { readonly ratio: number | null | undefined }) {
  const { t, i18n } = useTranslation();
  if (ratio === null || ratio === undefined) {
    return t("kpi.none");
  }
  const text = (ratio * 100).toLocaleString(i18n.language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  return (
    <>
      {text}
      <small> %</small>
    </>
  );
}
