import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useAgents, useQueueMembers, useQueues, useServiceFigures } from "../../data/floor.ts";
import type { Queue } from "../../data/rows.ts";
import { LIMITS, severity } from "../../floor/looks.ts";
import { duration, secondsSince, useNow } from "../../ui/clock.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Panel } from "../../ui/panel.tsx";
import { type Floor, useFloor } from "./waiting.ts";

interface Line {
  readonly queue: Queue;
  readonly waiting: number;
  readonly since: string | undefined;
  readonly free: number;
  readonly staffed: number;
  readonly level: number | null;
}

/** Each queue: who waits, how long, who is free, and its service level of the day. */
export function QueuesPanel() {
  const { t } = useTranslation();
  const queues = useQueues();
  const floor = useFloor();
  const lines = useLines(floor);
  // what is shown is as old as the oldest of what it is made of
  const isFloorBehind = floor.source.status === "success" && !floor.source.isLive;
  const source = queues.status === "success" && isFloorBehind ? floor.source : queues;
  return (
    <Panel
      title={t("queues.title")}
      count={lines.length}
      className="queues"
      source={source}
      empty={{ when: lines.length === 0, icon: "list", title: t("queues.empty"), text: t("queues.emptyText") }}
    >
      {(stoppedAt) => (
        <div className="scroll" tabIndex={0}>
          <table className="t">
            <thead>
              <tr>
                <th scope="col">{t("queues.queue")}</th>
                {(["waiting", "longest", "free", "level"] as const).map((column) => (
                  <th key={column} scope="col" className="num">
                    {t(`queues.${column}`)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {lines.map((line) => (
                <QueueRow key={line.queue.id} line={line} stoppedAt={stoppedAt} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function useLines({ byQueue }: Floor): readonly Line[] {
  const queues = useQueues().data;
  const agents = useAgents().data;
  const members = useQueueMembers().data;
  const levels = useServiceFigures().data?.queues;
  return useMemo(() => {
    const states = new Map(agents.map(({ user_id, work_state }) => [user_id, work_state]));
    const staff = Map.groupBy(members, ({ queue_id }) => queue_id);
    return queues.map((queue) => {
      const here = byQueue.get(queue.id);
      const there = (staff.get(queue.id) ?? []).map(({ user_id }) => states.get(user_id));
      return {
        queue,
        waiting: here?.count ?? 0,
        since: here?.since,
        free: there.filter((state) => state === "available").length,
        staffed: there.filter((state) => state !== undefined && state !== "offline").length,
        level: levels?.[queue.id] ?? null,
      };
    });
  }, [queues, byQueue, agents, members, levels]);
}

function QueueRow({ line, stoppedAt }: { readonly line: Line; readonly stoppedAt: number | undefined }) {
  const { i18n } = useTranslation();
  const now = useNow();
  const { queue, waiting, since, free, staffed, level } = line;
  const seconds = since === undefined ? undefined : secondsSince(since, stoppedAt ?? now);
  const over = seconds === undefined ? "normal" : severity(seconds, LIMITS.wait);
  const isStuck = waiting > 0 && free === 0;
  const tone = over === "critical" ? "crit" : over === "warning" ? "warn" : "";
  return (
    <tr>
      <th scope="row" style={{ fontSize: "var(--fs-13)", color: "var(--ink-1)", height: 32 }}>
        <span className="row" style={{ gap: 5 }}>
          <span className="cut" title={queue.name}>
            {queue.name}
          </span>
          {(tone !== "" || isStuck) && <Icon name="warning" size="xs" className={tone || "warn"} />}
        </span>
      </th>
      <td className={`num ${waiting === 0 ? "faint" : ""}`}>{waiting}</td>
      <td className={`num ${seconds === undefined ? "faint" : tone}`}>
        {seconds === undefined ? "–" : duration(seconds)}
      </td>
      <td className={`num ${isStuck ? "warn" : ""}`}>
        {free} <span className="faint">/</span> {staffed}
      </td>
      <td className="num">
        {level === null
          ? "–"
          : `${(level * 100).toLocaleString(i18n.language, { maximumFractionDigits: 1, minimumFractionDigits: 1 })} %`}
      </td>
    </tr>
  );
}
