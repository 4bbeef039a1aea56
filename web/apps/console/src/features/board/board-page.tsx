import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useCommands } from "../../data/api.ts";
import { useIncomingCalls, useLiveCalls } from "../../data/floor.ts";
import { usePermissions, useSession } from "../../data/session.tsx";
import { IncomingCard } from "../../floor/incoming-card.tsx";
import { useKeys } from "../../floor/keys.ts";
import { ParkingLot } from "../../floor/parking-lot.tsx";
import { useSearch } from "../../floor/search.ts";
import { type PhoneTab, PhoneTabs } from "../../ui/phone-tabs.tsx";
import { AgentsPanel } from "./agents-panel.tsx";
import { CallsPanel } from "./calls-panel.tsx";
import { KpiStrip } from "./kpi-strip.tsx";
import { QueuesPanel } from "./queues-panel.tsx";

const TABS: readonly PhoneTab[] = [
  { id: "calls", icon: "phone" },
  { id: "queues", icon: "list" },
  { id: "agents", icon: "users" },
  { id: "parking", icon: "park" },
];

/** The supervisor's board, and what rings for whoever looks at it. */
export function BoardPage() {
  const { query } = useSearch();
  const [tab, setTab] = useState("calls");
  return (
    <>
      <div className="board" data-tab={tab}>
        <KpiStrip />
        <div className="left">
          <QueuesPanel />
          <ParkingLot className="parking" />
          <IncomingPlace />
        </div>
        <CallsPanel query={query} />
        <AgentsPanel query={query} />
      </div>
      <PhoneTabs tabs={TABS} current={tab} onChoose={setTab} />
    </>
  );
}

const MOST_CARDS = 3;

/** Its place is kept free, so that nothing moves when a call arrives. */
function IncomingPlace() {
  const { t } = useTranslation();
  const { canHandle } = usePermissions();
  const { userId } = useSession();
  const commands = useCommands();
  const incoming = useIncomingCalls();
  const isBusy = useLiveCalls().data.some(({ claimed_by }) => claimed_by === userId);
  const oldest = incoming[0]?.callId;
  useKeys({
    a: () => oldest && !isBusy && void commands.answer(oldest),
    d: () => oldest && void commands.verb(oldest, "decline"),
  });
  if (!canHandle) {
    return null;
  }
  if (incoming.length === 0) {
    return <div className="reserved empty">{t("incoming.place")}</div>;
  }
  return (
    <div className="reserved">
      {incoming.slice(0, MOST_CARDS).map((one) => (
        <IncomingCard key={one.callId} incoming={one} isBusy={isBusy} />
      ))}
    </div>
  );
}
