import { useEffect, useState } from "react";
import { createPortal } from "react-dom";
import { useTranslation } from "react-i18next";
import { useCommands } from "../../data/api.ts";
import type { SelfRow } from "../../data/rows.ts";
import { useSession } from "../../data/session.tsx";
import { AGENT_LOOKS, PAUSES } from "../../floor/looks.ts";
import { pauseReason } from "../../floor/names.ts";
import { Icon } from "../../ui/icon.tsx";
import { Menu } from "../../ui/menu.tsx";

/** The agent's state in the header: what it is, and what they want next. During a call a choice comes after it. */
export function StateSwitch({ self }: { readonly self: SelfRow | null }) {
  const [slot, setSlot] = useState<HTMLElement | null>(null);
  useEffect(() => setSlot(document.getElementById("head-slot")), []);
  return slot && self ? createPortal(<Switch self={self} />, slot) : null;
}

function Switch({ self }: { readonly self: SelfRow }) {
  const { t } = useTranslation();
  const commands = useCommands();
  const { userId } = useSession();
  const look = AGENT_LOOKS[self.work_state];
  const isBusy = self.work_state !== self.chosen_state;
  const choose = (state: "available" | "paused" | "offline", reason?: string) => {
    void commands.setState(userId, state, reason).then((done) => {
      if (done && state === "available" && !self.reachable) {
        void commands.setReachable(true); // this browser is the agent's telephone
      }
    });
  };
  return (
    <>
      <div className="seg" role="group" aria-label={t("agent.state")}>
        {isBusy && (
          <span className={`on ${look.state}`} role="status">
            <Icon name={look.icon} />
            {t(`states.${self.work_state}`)}
          </span>
        )}
        <button
          type="button"
          className={pressed(self, "available")}
          aria-pressed={self.chosen_state === "available"}
          onClick={() => choose("available")}
        >
          <Icon name="check" />
          {t("agent.available")}
        </button>
        <Menu
          items={PAUSES.map((reason) => ({
            kind: "action",
            label: t(`agent.reasons.${reason}`),
            isChecked: self.chosen_state === "paused" && self.chosen_reason === reason,
            run: () => choose("paused", reason),
          }))}
          trigger={
            <button type="button" className={pressed(self, "paused")}>
              <Icon name="cup" />
              {self.work_state === "paused"
                ? (pauseReason(t, self.state_reason) ?? t("agent.pause"))
                : t("agent.pause")}
              <Icon name="down" size="xs" />
            </button>
          }
        />
        <button
          type="button"
          className={pressed(self, "offline")}
          aria-pressed={self.chosen_state === "offline"}
          onClick={() => choose("offline")}
        >
          <Icon name="power" />
          {t("agent.signOff")}
        </button>
      </div>
      {isBusy && (
        <span className="quiet wide cut" style={{ fontSize: 12 }}>
          {t("agent.afterwards", { state: t(`states.${self.chosen_state}`) })}
        </span>
      )}
    </>
  );
}

/** Coloured where the state is the one that was chosen. */
function pressed(self: SelfRow, state: SelfRow["chosen_state"]): string {
  return self.work_state === state ? `on ${AGENT_LOOKS[state].state}` : "";
}
