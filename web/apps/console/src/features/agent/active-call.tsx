import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useCommands } from "../../data/api.ts";
import { useAgents, useCallSegments, useLiveCalls } from "../../data/floor.ts";
import type { LiveCall } from "../../data/rows.ts";
import { useSession } from "../../data/session.tsx";
import { inHand } from "../../data/talk.ts";
import { transferTargets, useCallMenu } from "../../floor/call-menu.ts";
import { draggableCall } from "../../floor/drag.ts";
import { EndDialog } from "../../floor/end-dialog.tsx";
import { useKeys } from "../../floor/keys.ts";
import { CALL_LOOKS } from "../../floor/looks.ts";
import { callerName, phone, useNames } from "../../floor/names.ts";
import { duration, Elapsed } from "../../ui/clock.tsx";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { Menu, type MenuItem } from "../../ui/menu.tsx";
import { useStaleSince } from "../../ui/panel.tsx";

interface ActiveCallProps {
  readonly call: LiveCall;
  /** Somebody else's, who asks: nothing can be done with it here. */
  readonly isConsulted: boolean;
}

/** The call in hand: who, how long, and everything that can be done with it, by mouse, by key, or by dragging it. */
export function ActiveCall({ call, isConsulted }: ActiveCallProps) {
  const { t } = useTranslation();
  const stoppedAt = useStaleSince(useLiveCalls());
  const names = useNames();
  const look = CALL_LOOKS[call.state];
  const { userId } = useSession();
  const own = inHand(useCallSegments(call.id).data, userId);
  const since = own.since === undefined ? call.state_since : own.since - own.before;
  return (
    <section
      className={`panel active ${call.state === "held" ? "held" : ""}`}
      aria-labelledby="active-call"
      data-call={call.id}
      data-state={call.state}
      {...draggableCall(call.id, call.state === "active" || call.state === "held")}
    >
      <div className="top">
        <div className="grow">
          <div className="row" style={{ gap: 10 }}>
            <span className={`tag ${look.state}`}>
              <Icon name={look.icon} size="xs" />
              {stoppedAt === undefined
                ? t(`states.${call.state}`)
                : t("states.was", { state: t(`states.${call.state}`) })}
            </span>
            <span className="faint">{names.queue(call.queue_id) ?? t("incoming.direct")}</span>
            {call.muted && (
              <span className="tag st-hold">
                <Icon name="mute" size="xs" />
                {t("agent.muted")}
              </span>
            )}
            {call.state === "transferring" && (
              <span className="faint">
                {t("agent.consulting", { name: names.agent(isConsulted ? call.claimed_by : call.transfer_to) ?? "" })}
              </span>
            )}
          </div>
          <h2 id="active-call">{callerName(call)}</h2>
          <div className="quiet">{phone(call.direction === "outbound" ? call.to_number : call.from_number)}</div>
        </div>
        <div className="clock">
          <div className="big num" role="timer" aria-live="off">
            <Elapsed since={since} stoppedAt={stoppedAt} />
          </div>
          <div className="faint">{t("agent.waited", { time: duration(Math.round(call.wait_s)) })}</div>
        </div>
      </div>
      {!isConsulted && (call.state === "transferring" ? <TransferVerbs call={call} /> : <Verbs call={call} />)}
    </section>
  );
}

function Verbs({ call }: { readonly call: LiveCall }) {
  const { t } = useTranslation();
  const commands = useCommands();
  const [isEnding, setEnding] = useState(false);
  const [menu, setMenu] = useState<"transfer" | "consult" | undefined>();
  const isHeld = call.state === "held";
  const isConnected = call.state === "active" || isHeld;
  const hold = () => void commands.verb(call.id, isHeld ? "unhold" : "hold");
  const mute = () => void commands.mute(call.id, !call.muted);
  const park = () => void commands.park(call.id);
  const { transferItems, consultItems } = useTargets(call);
  useKeys({
    h: () => isConnected && hold(),
    m: () => isConnected && mute(),
    t: () => isConnected && setMenu("transfer"),
    p: () => isConnected && park(),
    c: () => isConnected && setMenu("consult"),
    e: () => setEnding(true),
  });
  const toggle = (which: "transfer" | "consult") => (open: boolean) => setMenu(open ? which : undefined);
  return (
    <div className="verbbar">
      <Verb
        icon={isHeld ? "play" : "pause"}
        label={t(isHeld ? "verbs.resume" : "verbs.hold")}
        shortcut="H"
        isPressed={isHeld}
        isDisabled={!isConnected}
        run={hold}
      />
      <Verb
        icon={call.muted ? "mic" : "mute"}
        label={t(call.muted ? "verbs.unmute" : "verbs.mute")}
        shortcut="M"
        isPressed={call.muted}
        isDisabled={!isConnected}
        run={mute}
      />
      <Menu
        open={menu === "transfer"}
        onOpenChange={toggle("transfer")}
        items={transferItems}
        trigger={<Verb icon="transfer" label={t("verbs.transfer")} shortcut="T" isDisabled={!isConnected} />}
      />
      <Verb icon="park" label={t("verbs.park")} shortcut="P" isDisabled={!isConnected} run={park} />
      <Menu
        open={menu === "consult"}
        onOpenChange={toggle("consult")}
        items={consultItems}
        trigger={<Verb icon="plus" label={t("verbs.consult")} shortcut="C" isDisabled={!isConnected} />}
      />
      <Verb icon="hangup" label={t("verbs.end")} shortcut="E" isStop run={() => setEnding(true)} />
      <EndDialog call={isEnding ? call : undefined} onClose={() => setEnding(false)} />
    </div>
  );
}

function useTargets(call: LiveCall) {
  const { t } = useTranslation();
  const commands = useCommands();
  const agents = useAgents().data;
  const menuOf = useCallMenu();
  const transfer = menuOf(call, false, () => {}).find((item) => item.kind === "group" && item.icon === "transfer");
  const consultItems = transferTargets(agents, call.claimed_by).map(
    (agent): MenuItem => ({
      kind: "action",
      label: agent.display_name,
      hint: t(agent.work_state === "available" ? "verbs.free" : `states.${agent.work_state}`),
      isDisabled: agent.work_state !== "available",
      run: () => void commands.transfer(call.id, agent.user_id, "attended"),
    }),
  );
  return { transferItems: transfer?.kind === "group" ? transfer.items : [], consultItems };
}

/** While a colleague is asked: hand the call over, or take it back. */
function TransferVerbs({ call }: { readonly call: LiveCall }) {
  const { t } = useTranslation();
  const commands = useCommands();
  const [isEnding, setEnding] = useState(false);
  const handOver = () => void commands.verb(call.id, "complete-transfer");
  const takeBack = () => void commands.verb(call.id, "cancel-transfer");
  useKeys({
    t: () => call.transfer_kind === "attended" && handOver(),
    c: takeBack,
    e: () => setEnding(true),
  });
  return (
    <div className="verbbar">
      {call.transfer_kind === "attended" && (
        <Verb icon="transfer" label={t("verbs.complete")} shortcut="T" run={handOver} />
      )}
      <Verb icon="x" label={t("verbs.cancel")} shortcut="C" run={takeBack} />
      <Verb icon="hangup" label={t("verbs.end")} shortcut="E" isStop run={() => setEnding(true)} />
      <EndDialog call={isEnding ? call : undefined} onClose={() => setEnding(false)} />
    </div>
  );
}

interface VerbProps {
  readonly icon: IconName;
  readonly label: string;
  readonly shortcut: string;
  readonly isPressed?: boolean;
  readonly isDisabled?: boolean;
  readonly isStop?: boolean;
  readonly run?: () => void;
  readonly ref?: React.Ref<HTMLButtonElement>;
}

/** A menu hands its own handlers to it, so it passes on what it does not know. */
function Verb({ icon, label, shortcut, isPressed, isDisabled = false, isStop = false, run, ...others }: VerbProps) {
  return (
    <button
      type="button"
      className={`vb ${isStop ? "stop" : ""}`}
      aria-keyshortcuts={shortcut}
      disabled={isDisabled}
      {...(isPressed === undefined ? {} : { "aria-pressed": isPressed })}
      {...(run ? { onClick: run } : {})}
      {...others}
    >
      <Icon name={icon} size="l" />
      <span>{label}</span>
      <kbd className="wide">{shortcut}</kbd>
    </button>
  );
}
