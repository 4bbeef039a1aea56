import { type DashboardMetrics, useDashboardMetrics } from "@switchboard/react";
import { useMemo } from "react";
import { useLiveCalls } from "../../data/floor.ts";
import type { LiveCall } from "../../data/rows.ts";
import { useOrganization, usePermissions } from "../../data/session.tsx";
import type { PanelSource } from "../../ui/panel.tsx";

const WAITING: readonly LiveCall["state"][] = ["queued", "ringing", "new"];
const TALKING: readonly LiveCall["state"][] = ["claimed", "active", "held", "transferring"];

/** Who waits in one queue, or in all. */
export interface Waiting {
  readonly count: number;
  /** Since when the one who has waited longest does; undefined where nobody waits. */
  readonly since: string | undefined;
  readonly queueId: string | null;
}

/** How busy the floor is. */
export interface Floor {
  readonly waiting: Waiting;
  readonly byQueue: ReadonlyMap<string | null, Waiting>;
  readonly live: number;
  /** Undefined for who sees figures only. */
  readonly ringing: number | undefined;
  readonly talking: number | undefined;
  readonly source: PanelSource;
}

/** Counted from the live calls; by the server for who may not read calls, and would count none. */
export function useFloor(): Floor {
  const { canReadCalls } = usePermissions();
  const { organizationId } = useOrganization().current;
  const calls = useLiveCalls();
  const figures = useDashboardMetrics(canReadCalls ? null : organizationId);
  const counts = useMemo(
    () => (canReadCalls ? counted(calls.data) : told(figures.metrics)),
    [canReadCalls, calls.data, figures.metrics],
  );
  return { ...counts, source: canReadCalls ? calls : figures };
}

function counted(calls: readonly LiveCall[]): Omit<Floor, "source"> {
  const waiting = calls.filter(({ state }) => WAITING.includes(state));
  const groups = Map.groupBy(waiting, ({ queue_id }) => queue_id);
  return {
    waiting: longest(waiting),
    byQueue: new Map([...groups].map(([queueId, here]) => [queueId, longest(here)])),
    live: calls.length,
    ringing: calls.filter(({ state }) => state === "ringing").length,
    talking: calls.filter(({ state }) => TALKING.includes(state)).length,
  };
}

function longest(calls: readonly LiveCall[]): Waiting {
  const sinceOf = (call: LiveCall) => call.queued_at ?? call.started_at;
  const first = calls.reduce<LiveCall | undefined>(
    (found, call) => (!found || sinceOf(call) < sinceOf(found) ? call : found),
    undefined,
  );
  return { count: calls.length, since: first && sinceOf(first), queueId: first?.queue_id ?? null };
}

function told(figures: DashboardMetrics | null): Omit<Floor, "source"> {
  const queues = figures?.queues ?? [];
  const since = (seconds: number | null) =>
    seconds === null || !figures
      ? undefined
      : new Date(Date.parse(figures.computed_at) - seconds * 1_000).toISOString();
  const worst = queues.find(({ longest_wait_s }) => longest_wait_s === figures?.longest_wait_s);
  return {
    waiting: {
      count: figures?.in_queue ?? 0,
      since: since(figures?.longest_wait_s ?? null),
      queueId: worst?.queue_id ?? null,
    },
    byQueue: new Map(
      queues.map(({ queue_id, in_queue, longest_wait_s }) => [
        queue_id,
        { count: in_queue, since: since(longest_wait_s), queueId: queue_id },
      ]),
    ),
    live: figures?.active_calls ?? 0,
    ringing: undefined,
    talking: undefined,
  };
}
