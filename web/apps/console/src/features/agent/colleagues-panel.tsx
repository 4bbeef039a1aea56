import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useCommands } from "../../data/api.ts";
import { useAgents } from "../../data/floor.ts";
import type { Agent } from "../../data/rows.ts";
import { useSession } from "../../data/session.tsx";
import { useDrop } from "../../floor/drag.ts";
import { AGENT_LOOKS, AGENT_ORDER } from "../../floor/looks.ts";
import { initials, pauseReason } from "../../floor/names.ts";
import { useSearch } from "../../floor/search.ts";
import { Elapsed } from "../../ui/clock.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Panel } from "../../ui/panel.tsx";

/** Who else is here, the free ones first; a call that is dropped on one is transferred there. */
export function ColleaguesPanel() {
  const { t } = useTranslation();
  const { userId } = useSession();
  const { query } = useSearch();
  const agents = useAgents();
  const shown = useMemo(() => {
    const rank = ({ work_state }: Agent) => (work_state === "available" ? -1 : AGENT_ORDER.indexOf(work_state));
    const wanted = query.trim().toLowerCase();
    return agents.data
      .filter(
        ({ user_id, work_state, display_name }) =>
          user_id !== userId && (wanted ? display_name.toLowerCase().includes(wanted) : work_state !== "offline"),
      )
      .sort((a, b) => rank(a) - rank(b) || (a.display_name < b.display_name ? -1 : 1));
  }, [agents.data, userId, query]);
  return (
    <Panel
      title={t("agent.colleagues")}
      count={shown.length}
      className="mates"
      source={agents}
      empty={{ when: shown.length === 0, icon: "users", title: t("agents.empty") }}
    >
      {(stoppedAt) => (
        <ul className="body list" tabIndex={0} aria-label={t("agent.colleagues")}>
          {shown.map((agent) => (
            <Colleague key={agent.id} agent={agent} stoppedAt={stoppedAt} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Colleague({ agent, stoppedAt }: { readonly agent: Agent; readonly stoppedAt: number | undefined }) {
  const { t } = useTranslation();
  const commands = useCommands();
  const { isOver, handlers } = useDrop(
    (callId) => void commands.transfer(callId, agent.user_id, "blind"),
    agent.work_state === "available",
  );
  const look = AGENT_LOOKS[agent.work_state];
  const word = t(`states.${agent.work_state}`);
  return (
    <li
      className={`${look.state} ${isOver ? "over-drop" : ""}`}
      data-agent={agent.user_id}
      data-state={agent.work_state}
      {...handlers}
    >
      <span className={`face ${look.state}`} aria-hidden="true">
        {initials(agent.display_name)}
        <i />
      </span>
      <span className="grow">
        <span className="mid cut" style={{ display: "block" }} title={agent.display_name}>
          {agent.display_name}
        </span>
        <span className="faint cut" style={{ display: "block", fontSize: 12 }}>
          {pauseReason(t, agent.state_reason) ?? agent.extension}
        </span>
      </span>
      <span style={{ textAlign: "right" }}>
        <span className={`state ${look.state}`} style={{ fontSize: 12 }}>
          <Icon name={look.icon} size="xs" />
          {stoppedAt === undefined ? word : t("states.was", { state: word.toLowerCase() })}
        </span>
        <span className="faint num" style={{ display: "block", fontSize: 12 }}>
          <Elapsed since={agent.state_since} stoppedAt={stoppedAt} />
        </span>
      </span>
    </li>
  );
}
