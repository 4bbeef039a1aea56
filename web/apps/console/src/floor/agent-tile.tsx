import { memo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useCommands } from "../data/api.ts";
import type { Agent } from "../data/rows.ts";
import { usePermissions } from "../data/session.tsx";
import { Elapsed } from "../ui/clock.tsx";
import { Icon } from "../ui/icon.tsx";
import { Menu, type MenuItem } from "../ui/menu.tsx";
import { useDrop } from "./drag.ts";
import { AGENT_LOOKS, PAUSES } from "./looks.ts";
import { pauseReason } from "./names.ts";

interface AgentTileProps {
  readonly agent: Agent;
  readonly stoppedAt: number | undefined;
}

/** One agent: name, state, time in it. Takes a call that is dropped on it; for supervisors a menu that sets the state. */
export const AgentTile = memo(function AgentTile({ agent, stoppedAt }: AgentTileProps) {
  const commands = useCommands();
  const { canControl, canHandle } = usePermissions();
  const [isOpen, setOpen] = useState(false);
  const { isOver, handlers } = useDrop((callId) => void commands.transfer(callId, agent.user_id, "blind"), canHandle);
  const className = `tile ${AGENT_LOOKS[agent.work_state].state} ${isOver ? "over-drop" : ""}`;
  const content = <TileContent agent={agent} stoppedAt={stoppedAt} />;
  if (!canControl) {
    return (
      <div className={className} {...handlers}>
        {content}
      </div>
    );
  }
  const button = (
    <button
      type="button"
      className={className}
      aria-haspopup="menu"
      data-agent={agent.user_id}
      onClick={() => setOpen(true)}
      {...handlers}
    >
      {content}
    </button>
  );
  return isOpen ? <StateMenu agent={agent} trigger={button} onClose={() => setOpen(false)} /> : button;
});

interface StateMenuProps {
  readonly agent: Agent;
  readonly trigger: React.ReactNode;
  readonly onClose: () => void;
}

function StateMenu({ agent, trigger, onClose }: StateMenuProps) {
  const { t } = useTranslation();
  const commands = useCommands();
  const set = (state: "available" | "offline", label: string): MenuItem => ({
    kind: "action",
    label,
    run: () => void commands.setState(agent.user_id, state),
  });
  const items: MenuItem[] = [
    { kind: "label", label: agent.display_name },
    set("available", t("agents.setAvailable")),
    {
      kind: "group",
      label: t("agents.setPaused"),
      items: PAUSES.map((reason) => ({
        kind: "action",
        label: t(`agent.reasons.${reason}`),
        run: () => void commands.setState(agent.user_id, "paused", reason),
      })),
    },
    set("offline", t("agents.setOffline")),
  ];
  const close = (open: boolean) => {
    if (!open) {
      onClose();
      requestAnimationFrame(() => document.querySelector<HTMLElement>(`.tile[data-agent="${agent.user_id}"]`)?.focus());
    }
  };
  return <Menu align="end" items={items} trigger={trigger} open onOpenChange={close} />;
}

function TileContent({ agent, stoppedAt }: AgentTileProps) {
  const { t } = useTranslation();
  const word = t(`states.${agent.work_state}`);
  return (
    <>
      <span className="ic">
        <Icon name={AGENT_LOOKS[agent.work_state].icon} />
      </span>
      <span className="grow">
        <span className="n cut" title={agent.display_name}>
          {agent.display_name}
        </span>
        <span className="w">
          <span className="cut" title={pauseReason(t, agent.state_reason)}>
            {stoppedAt === undefined ? word : t("states.was", { state: word.toLowerCase() })}
          </span>
          <span>
            <Elapsed since={agent.state_since} stoppedAt={stoppedAt} />
          </span>
        </span>
      </span>
    </>
  );
}
