import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useCommands } from "../../data/api.ts";
import { useConsultedCall, useIncomingCalls, useLiveCalls, useSelf } from "../../data/floor.ts";
import type { LiveCall } from "../../data/rows.ts";
import { useSession } from "../../data/session.tsx";
import { IncomingCard } from "../../floor/incoming-card.tsx";
import { useKeys } from "../../floor/keys.ts";
import { ParkingLot } from "../../floor/parking-lot.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Panel } from "../../ui/panel.tsx";
import { type PhoneTab, PhoneTabs } from "../../ui/phone-tabs.tsx";
import { ActiveCall } from "./active-call.tsx";
import { ColleaguesPanel } from "./colleagues-panel.tsx";
import { CallerPanel, RecentPanel, TranscriptPanel } from "./context-panels.tsx";
import { StateSwitch } from "./state-switch.tsx";
import { WrapUpPanel } from "./wrap-up-panel.tsx";

const TABS: readonly PhoneTab[] = [
  { id: "call", icon: "phone" },
  { id: "colleagues", icon: "users" },
  { id: "parking", icon: "park" },
  { id: "recent", icon: "list" },
];

/** What an agent needs: what rings, the call in hand with everything that can be done, colleagues, parking, wrap-up. */
export function AgentPage() {
  const { t } = useTranslation();
  const self = useSelf();
  const [tab, setTab] = useState("call");
  const active = useActiveCall();
  const { userId } = useSession();
  if (self.status === "success" && self.data === null) {
    return (
      <div className="blank">
        <Icon name="headset" size="m" />
        <b>{t("agent.none")}</b>
        <span>{t("agent.noneText")}</span>
      </div>
    );
  }
  return (
    <>
      <StateSwitch self={self.data} />
      <div className="console" data-tab={tab}>
        <div className="c1">
          <Incoming active={active} />
          {self.data && <WrapUpPanel self={self.data} />}
        </div>
        <div className="c2">
          {active ? (
            <ActiveCall key={active.id} call={active} isConsulted={active.claimed_by !== userId} />
          ) : (
            <Idle isAvailable={self.data?.chosen_state === "available"} />
          )}
          <div className="two">
            <TranscriptPanel key={active?.id} callId={active?.id} />
            <div className="side">
              <CallerPanel call={active} />
              <RecentPanel />
            </div>
          </div>
        </div>
        <div className="c3">
          <ColleaguesPanel />
          <ParkingLot className="lot" takenFirst />
        </div>
      </div>
      <PhoneTabs tabs={TABS} current={tab} onChoose={setTab} />
    </>
  );
}

/** The call that the signed-in agent has, else the one about which they are asked; one at a time. */
function useActiveCall(): LiveCall | undefined {
  const { userId } = useSession();
  const calls = useLiveCalls().data;
  const consulted = useConsultedCall();
  return calls.find(({ claimed_by }) => claimed_by === userId) ?? calls.find(({ id }) => id === consulted);
}

function Incoming({ active }: { readonly active: LiveCall | undefined }) {
  const { t } = useTranslation();
  const commands = useCommands();
  const incoming = useIncomingCalls();
  const oldest = incoming[0]?.callId;
  useKeys({
    a: () => oldest && !active && void commands.answer(oldest),
    d: () => oldest && void commands.verb(oldest, "decline"),
  });
  return (
    <section aria-labelledby="incoming">
      <div className="row cap">
        <h2 id="incoming">{t("incoming.title")}</h2>
        <span className="faint">{incoming.length}</span>
      </div>
      {incoming.length === 0 ? (
        <div className="reserved empty" style={{ minHeight: 120 }}>
          {t("incoming.place")}
        </div>
      ) : (
        <ul className="stack">
          {incoming.map((one) => (
            <li key={one.callId}>
              <IncomingCard incoming={one} isBusy={active !== undefined} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Idle({ isAvailable }: { readonly isAvailable: boolean }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("agent.idle")} className="active idle">
      <p className="body quiet">{t(isAvailable ? "agent.idleAvailable" : "agent.idleOther")}</p>
    </Panel>
  );
}
