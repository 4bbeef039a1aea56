import { useTranslation } from "react-i18next";
import { useCommands } from "../data/api.ts";
import { useLiveCalls, useParkedCalls } from "../data/floor.ts";
import type { ParkedCall } from "../data/rows.ts";
import { usePermissions, useSession } from "../data/session.tsx";
import { Elapsed } from "../ui/clock.tsx";
import { Panel } from "../ui/panel.tsx";
import { SLOTS } from "./call-menu.ts";
import { useDrop } from "./drag.ts";
import { callerName, useNames } from "./names.ts";

interface ParkingLotProps {
  readonly className: string;
  /** Where only a few are in sight: those with a call. */
  readonly takenFirst?: boolean;
}

/** Slots 1 to 6, and further ones where calls lie in them; each takes a call that is dropped on it. */
export function ParkingLot({ className, takenFirst = false }: ParkingLotProps) {
  const { t } = useTranslation();
  const parked = useParkedCalls();
  const { canReadCalls } = usePermissions();
  const bySlot = new Map(parked.data.map((one) => [one.slot, one]));
  const count = Math.max(SLOTS, ...bySlot.keys());
  const slots = Array.from({ length: count }, (_, index) => index + 1);
  const shown = takenFirst ? [...slots].sort((a, b) => Number(bySlot.has(b)) - Number(bySlot.has(a)) || a - b) : slots;
  return (
    <Panel
      title={t("parking.title")}
      count={t("parking.count", { used: parked.data.length, of: count })}
      className={className}
      source={parked}
      isDenied={!canReadCalls}
    >
      {(stoppedAt) => (
        <ul className="slots body" tabIndex={0} aria-label={t("parking.title")}>
          {shown.map((slot) => (
            <Slot key={slot} slot={slot} parked={bySlot.get(slot)} stoppedAt={stoppedAt} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

interface SlotProps {
  readonly slot: number;
  readonly parked: ParkedCall | undefined;
  readonly stoppedAt: number | undefined;
}

function Slot({ slot, parked, stoppedAt }: SlotProps) {
  const { t } = useTranslation();
  const commands = useCommands();
  const { canHandle } = usePermissions();
  const { isOver, handlers } = useDrop((callId) => void commands.park(callId, slot), canHandle && !parked);
  if (!parked) {
    return (
      <li className={`slot free ${isOver ? "over-drop" : ""}`} {...handlers}>
        <div className="top">{t("parking.slot", { slot })}</div>
        <div className="mt-0.5">{t("parking.free")}</div>
      </li>
    );
  }
  return <TakenSlot parked={parked} stoppedAt={stoppedAt} canTake={canHandle} />;
}

function TakenSlot({
  parked,
  stoppedAt,
  canTake,
}: {
  parked: ParkedCall;
  stoppedAt: number | undefined;
  canTake: boolean;
}) {
  const { t } = useTranslation();
  const commands = useCommands();
  const names = useNames();
  const { userId } = useSession();
  const call = useLiveCalls().data.find(({ id }) => id === parked.call_id);
  const name = call ? callerName(call) : "…";
  const by = parked.parked_by === userId ? t("parking.you") : (names.agent(parked.parked_by) ?? "");
  return (
    <li className="slot" title={parked.comment ?? t("parking.by", { slot: parked.slot, name: by })}>
      <div className="top">
        <span className="cut">{t("parking.slot", { slot: parked.slot })}</span>
        <span className="num">
          <Elapsed since={parked.parked_at} stoppedAt={stoppedAt} />
        </span>
      </div>
      <div className="cut mid">{name}</div>
      {canTake && (
        <button
          type="button"
          className="link take"
          aria-label={t("parking.takeName", { name, slot: parked.slot })}
          onClick={() => void commands.take(parked.call_id)}
        >
          {t("parking.take")}
        </button>
      )}
    </li>
  );
}
