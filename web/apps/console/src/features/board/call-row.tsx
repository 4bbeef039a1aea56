import { memo, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { LiveCall } from "../../data/rows.ts";
import { usePermissions, useSession } from "../../data/session.tsx";
import { useCallMenu } from "../../floor/call-menu.ts";
import { draggableCall } from "../../floor/drag.ts";
import { CALL_LOOKS, callLimit, severity } from "../../floor/looks.ts";
import { callerName, phone } from "../../floor/names.ts";
import { duration, Elapsed, secondsSince, useNow } from "../../ui/clock.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Menu } from "../../ui/menu.tsx";
import { mayFlash } from "./flashes.ts";

interface CallRowProps {
  readonly call: LiveCall;
  readonly isGone: boolean;
  readonly rings: boolean;
  readonly agentName: string | undefined;
  readonly queueName: string | undefined;
  readonly top: number;
  readonly index: number;
  readonly isFocusable: boolean;
  readonly stoppedAt: number | undefined;
  readonly onEnd: (call: LiveCall) => void;
  readonly onFocus: (callId: string) => void;
}

/** One call: who, which queue, which agent, how long in its state and in all; what can be done is in its menu. */
export const CallRow = memo(function CallRow(props: CallRowProps) {
  const { call, isGone, top, index, isFocusable, stoppedAt, onFocus } = props;
  const { t } = useTranslation();
  const { canControl, canHandle } = usePermissions();
  const { userId } = useSession();
  const [isOpen, setOpen] = useState(false);
  const look = CALL_LOOKS[call.state];
  const flash = useFlash(call);
  const may =
    !isGone && (canControl || call.claimed_by === userId || props.rings || (canHandle && call.state === "parked"));
  const movable = (canControl || call.claimed_by === userId) && (call.state === "active" || call.state === "held");
  return (
    <div
      role="row"
      aria-rowindex={index + 1}
      tabIndex={isFocusable ? 0 : -1}
      data-call={call.id}
      data-state={call.state}
      data-flash={flash}
      className={`grid-row ${isGone ? "gone" : ""}`}
      style={{ position: "absolute", top: 0, left: 0, right: 0, transform: `translateY(${top}px)` }}
      onFocus={() => onFocus(call.id)}
      onKeyDown={(event) => {
        if (event.target === event.currentTarget && (event.key === "Enter" || event.key === ".")) {
          event.preventDefault();
          setOpen(may);
        }
      }}
      {...draggableCall(call.id, movable)}
    >
      <span role="gridcell" className="row">
        <span className={`mk ${look.state}`} aria-hidden="true" />
        <span className="sr">{t(`states.${call.state}`)}</span>
        <Caller call={call} />
      </span>
      <span role="gridcell" className="quiet cut c-queue">
        {props.queueName ?? t("incoming.direct")}
      </span>
      <span role="gridcell" className="cut">
        {isGone ? (
          <span className="faint">{t("calls.gone")}</span>
        ) : (
          (props.agentName ?? <span className="faint">–</span>)
        )}
      </span>
      <span role="gridcell" className="num">
        <TimeInState call={call} stoppedAt={stoppedAt} />
      </span>
      <span role="gridcell" className="num faint c-total">
        <Elapsed since={call.started_at} stoppedAt={stoppedAt} />
        {may && <RowMenu {...props} isOpen={isOpen} setOpen={setOpen} />}
      </span>
    </div>
  );
});

function Caller({ call }: { readonly call: LiveCall }) {
  const { t } = useTranslation();
  const name = callerName(call);
  const number =
    call.company_name === null
      ? t("calls.unknown")
      : phone(call.direction === "outbound" ? call.to_number : call.from_number);
  return (
    <span className="cut" title={`${name} ${number}`}>
      <span className="mid">{name}</span> <span className="faint sub">{number}</span>
    </span>
  );
}

function TimeInState({ call, stoppedAt }: { readonly call: LiveCall; readonly stoppedAt: number | undefined }) {
  const { t } = useTranslation();
  const now = useNow();
  const limit = callLimit(call.state);
  const seconds = secondsSince(call.state_since, stoppedAt ?? now);
  const level = severity(seconds, limit);
  if (level === "normal") {
    return duration(seconds);
  }
  const allowed = duration(level === "critical" ? limit.critical : limit.warning);
  return (
    <span className={`row ${level === "critical" ? "crit" : "warn"}`} style={{ justifyContent: "flex-end", gap: 5 }}>
      <Icon name="warning" size="xs" />
      <span className="sr">{t("calls.over", { limit: allowed })}</span>
      {duration(seconds)}
    </span>
  );
}

type RowMenuProps = CallRowProps & { readonly isOpen: boolean; readonly setOpen: (open: boolean) => void };

/** The menu itself is there while it is open: a board of many rows would pay for all of them with every change. */
function RowMenu(props: RowMenuProps) {
  const { call, isOpen, setOpen } = props;
  return (
    <span className="verbs" style={isOpen ? { opacity: 1 } : undefined}>
      {isOpen ? <OpenMenu {...props} /> : <MenuButton call={call} onClick={() => setOpen(true)} />}
    </span>
  );
}

function OpenMenu({ call, rings, onEnd, setOpen }: RowMenuProps) {
  const items = useCallMenu()(call, rings, () => onEnd(call));
  const close = (open: boolean) => {
    setOpen(open);
    if (!open) {
      document.querySelector<HTMLElement>(`[data-call="${call.id}"]`)?.focus();
    }
  };
  return <Menu align="end" open onOpenChange={close} items={items} trigger={<MenuButton call={call} />} />;
}

interface MenuButtonProps {
  readonly call: LiveCall;
  readonly onClick?: () => void;
  readonly ref?: React.Ref<HTMLButtonElement>;
}

/** A menu hands its own handlers to it, so it passes on what it does not know. */
function MenuButton({ call, ...others }: MenuButtonProps) {
  const { t } = useTranslation();
  return (
    <button
      type="button"
      className="btn flat sm icon"
      tabIndex={-1}
      aria-label={t("calls.menu", { name: callerName(call) })}
      {...others}
    >
      <Icon name="more" />
    </button>
  );
}

/** A row whose call changed is marked once, as long as the page does not flicker with it. */
function useFlash(call: LiveCall): boolean {
  const before = useRef(call);
  const [isFlashing, setFlashing] = useState(false);
  useEffect(() => {
    if (before.current !== call && before.current.state !== call.state && mayFlash(Date.now())) {
      setFlashing(true);
    }
    before.current = call;
  }, [call]);
  useEffect(() => {
    if (isFlashing) {
      const timer = setTimeout(() => setFlashing(false), 2_000);
      return () => clearTimeout(timer);
    }
  }, [isFlashing]);
  return isFlashing;
}
