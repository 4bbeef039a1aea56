import { type Health, SystemHealthIndicator } from "@switchboard/react";
import { useTranslation } from "react-i18next";
import { useHealthCheck } from "../../data/api.ts";
import { usePermissions } from "../../data/session.tsx";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { Popover } from "../../ui/overlay.tsx";

const LOOKS: Record<Health["kind"], { readonly icon: IconName; readonly state: string }> = {
  healthy: { icon: "check", state: "st-available calm" },
  degraded: { icon: "warning", state: "st-ringing" },
  down: { icon: "warning", state: "st-alert" },
};

/** How the system behind the board is, and why (FEATURES F000-17). */
export function HealthPill() {
  const check = useHealthCheck();
  const { canReadCalls } = usePermissions();
  if (!canReadCalls) {
    return null; // it counts calls
  }
  return <SystemHealthIndicator check={check}>{(health) => <Pill health={health} />}</SystemHealthIndicator>;
}

function Pill({ health }: { readonly health: Health | undefined }) {
  const { t } = useTranslation();
  const look = health ? LOOKS[health.kind] : { icon: "clock" as const, state: "st-none" };
  const word = t(`health.${health?.kind ?? "unknown"}`);
  return (
    <Popover
      label={t("health.label", { word })}
      trigger={
        <button type="button" className="pill wide" data-health={health?.kind} aria-label={t("health.label", { word })}>
          <span className={`state ${look.state}`}>
            <Icon name={look.icon} />
            {word}
          </span>
        </button>
      }
    >
      <h2 className="strong">{word}</h2>
      {health?.kind === "healthy" && <p className="quiet">{t("health.fine")}</p>}
      <ul>
        {health?.reasons.map((reason) => (
          <li key={reason} className="row mt-2">
            <Icon name="warning" />
            {reason}
          </li>
        ))}
      </ul>
    </Popover>
  );
}
