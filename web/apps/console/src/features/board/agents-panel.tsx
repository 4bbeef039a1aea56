import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useAgents } from "../../data/floor.ts";
import type { Agent } from "../../data/rows.ts";
import { AgentTile } from "../../floor/agent-tile.tsx";
import { AGENT_LOOKS, AGENT_ORDER } from "../../floor/looks.ts";
import { Panel } from "../../ui/panel.tsx";

const TILE_H = 45;

/** Everybody who is signed in, by state, longest in it first. */
export function AgentsPanel({ query }: { readonly query: string }) {
  const { t } = useTranslation();
  const agents = useAgents();
  const shown = useMemo(() => inOrder(agents.data, query), [agents.data, query]);
  const signedIn = agents.data.filter(({ work_state }) => work_state !== "offline").length;
  return (
    <Panel
      title={t("agents.title")}
      count={t("agents.signedIn", { count: signedIn })}
      className="agents"
      source={agents}
      empty={{ when: shown.length === 0, icon: "users", title: t("agents.empty") }}
    >
      {(stoppedAt) => (
        <>
          <Distribution agents={shown} />
          <Tiles agents={shown} stoppedAt={stoppedAt} />
        </>
      )}
    </Panel>
  );
}

const RANK = Object.fromEntries(AGENT_ORDER.map((state, index) => [state, index])) as Record<
  Agent["work_state"],
  number
>;

function inOrder(agents: readonly Agent[], query: string): readonly Agent[] {
  const wanted = query.trim().toLowerCase();
  return agents
    .filter(({ work_state, display_name }) =>
      wanted === "" ? work_state !== "offline" : display_name.toLowerCase().includes(wanted),
    )
    .sort(
      (a, b) =>
        RANK[a.work_state] - RANK[b.work_state] ||
        (a.state_since < b.state_since ? -1 : a.state_since > b.state_since ? 1 : a.id < b.id ? -1 : 1),
    );
}

/** How many are in which state, as one bar: decoration, the tiles say it in words. */
function Distribution({ agents }: { readonly agents: readonly Agent[] }) {
  const groups = Map.groupBy(agents, ({ work_state }) => work_state);
  const counts = AGENT_ORDER.map((state) => [state, groups.get(state)?.length ?? 0] as const);
  return (
    <div className="body" style={{ paddingBottom: 10 }}>
      <div className="dist" aria-hidden="true">
        {counts.map(
          ([state, count]) =>
            count > 0 && <i key={state} className={AGENT_LOOKS[state].state} style={{ flex: count }} />,
        )}
      </div>
    </div>
  );
}

/** Columns as the page's width gives them; only the rows in sight exist. */
function Tiles({ agents, stoppedAt }: { readonly agents: readonly Agent[]; readonly stoppedAt: number | undefined }) {
  const scroller = useRef<HTMLDivElement>(null);
  const columns = matchMedia("(min-width: 1800px)").matches
    ? 3
    : matchMedia("(min-width: 641px) and (max-width: 1099px)").matches
      ? 1
      : 2;
  const virtual = useVirtualizer({
    count: Math.ceil(agents.length / columns),
    getScrollElement: () => scroller.current,
    estimateSize: () => TILE_H,
    overscan: 6,
  });
  return (
    <div ref={scroller} className="scrolls body" tabIndex={0}>
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map(({ index, start }) => (
          <div
            key={index}
            className="agent-row"
            style={{ position: "absolute", top: 0, left: 0, right: 0, transform: `translateY(${start}px)` }}
          >
            {agents.slice(index * columns, (index + 1) * columns).map((agent) => (
              <AgentTile key={agent.id} agent={agent} stoppedAt={stoppedAt} />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}
