import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { useCommands } from "../data/api.ts";
import { useAgents, useParkedCalls, useQueues } from "../data/floor.ts";
import type { Agent, LiveCall } from "../data/rows.ts";
import { usePermissions, useSession } from "../data/session.tsx";
import type { MenuItem } from "../ui/menu.tsx";

export const SLOTS = 6;

/** Free agents first, then by name; who is busy is marked, and refused by the server (FEATURES F001-32). */
export function transferTargets(agents: readonly Agent[], except: string | null): readonly Agent[] {
  const rank = (agent: Agent) => (agent.work_state === "available" ? 0 : 1);
  return agents
    .filter(({ user_id, work_state }) => user_id !== except && work_state !== "offline")
    .sort((a, b) => rank(a) - rank(b) || (a.display_name < b.display_name ? -1 : 1));
}

/** What the one who looks may do with a call, as the items of a menu: the twin of everything that can be dragged. */
export function useCallMenu() {
  const { t } = useTranslation();
  const commands = useCommands();
  const { userId } = useSession();
  const { canControl, canHandle } = usePermissions();
  const agents = useAgents().data;
  const queues = useQueues().data;
  const parked = useParkedCalls().data;
  return useCallback(
    (call: LiveCall, rings: boolean, onEnd: () => void): readonly MenuItem[] => {
      const mine = call.claimed_by === userId;
      const may = canControl || mine;
      const items: MenuItem[] = [];
      if (rings) {
        items.push({
          kind: "action",
          label: t("verbs.answer"),
          icon: "phone",
          run: () => void commands.answer(call.id),
        });
        items.push({
          kind: "action",
          label: t("verbs.decline"),
          icon: "x",
          run: () => void commands.verb(call.id, "decline"),
        });
      }
      if (call.state === "parked" && canHandle) {
        items.push({ kind: "action", label: t("verbs.take"), icon: "phone", run: () => void commands.take(call.id) });
      }
      if (may && (call.state === "active" || call.state === "held")) {
        const isHeld = call.state === "held";
        items.push({
          kind: "action",
          label: t(isHeld ? "verbs.resume" : "verbs.hold"),
          icon: isHeld ? "play" : "pause",
          run: () => void commands.verb(call.id, isHeld ? "unhold" : "hold"),
        });
        items.push({
          kind: "group",
          label: t("verbs.transfer"),
          icon: "transfer",
          items: transferItems(call),
        });
        const taken = new Set(parked.map(({ slot }) => slot));
        items.push({
          kind: "group",
          label: t("verbs.park"),
          icon: "park",
          items: Array.from({ length: Math.max(SLOTS, ...taken) + 1 }, (_, index) => index + 1).map((slot) => ({
            kind: "action",
            label: t("parking.slot", { slot }),
            isDisabled: taken.has(slot),
            run: () => void commands.park(call.id, slot),
          })),
        });
      }
      if (may) {
        items.push({ kind: "line" });
        items.push({ kind: "action", label: t("verbs.forceEnd"), icon: "hangup", isDangerous: true, run: onEnd });
      }
      return items;

      function transferItems(target: LiveCall): readonly MenuItem[] {
        return [
          { kind: "label", label: t("verbs.toAgent") },
          ...transferTargets(agents, target.claimed_by).map((agent): MenuItem => {
            const free = agent.work_state === "available";
            return {
              kind: "action",
              label: agent.display_name,
              hint: t(free ? "verbs.free" : `states.${agent.work_state}`),
              isDisabled: !free,
              run: () => void commands.transfer(target.id, agent.user_id, "blind"),
            };
          }),
          { kind: "label", label: t("verbs.toQueue") },
          ...queues.map(
            (queue): MenuItem => ({
              kind: "action",
              label: queue.name,
              run: () => void commands.transferToQueue(target.id, queue.id),
            }),
          ),
        ];
      }
    },
    [t, commands, userId, canControl, canHandle, agents, queues, parked],
  );
}
