import type { IncomingCall } from "@switchboard/client";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useCommands } from "../data/api.ts";
import { useLiveCalls, useQueues } from "../data/floor.ts";
import { Elapsed, secondsSince, useNow } from "../ui/clock.tsx";
import { Icon } from "../ui/icon.tsx";
import { useStaleSince } from "../ui/panel.tsx";
import { callerName, phone, useNames } from "./names.ts";

const RING_S = 20;
const CONNECT_MS = 10_000;

interface IncomingCardProps {
  readonly incoming: IncomingCall;
  /** The user has a call; one at a time (SPEC L8). */
  readonly isBusy: boolean;
}

/** A call that rings for the user: why, who, how long still, and the two things that can be done. Never takes the focus. */
export function IncomingCard({ incoming, isBusy }: IncomingCardProps) {
  const { t } = useTranslation();
  const names = useNames();
  const { answer, decline, isConnecting } = useAnswer(incoming.callId);
  const calls = useLiveCalls();
  const stoppedAt = useStaleSince(calls);
  const call = calls.data.find(({ id }) => id === incoming.callId);
  const from = call?.state === "transferring" ? names.agent(call.claimed_by) : undefined;
  const name = call ? callerName(call) : "…";
  return (
    <div className="incoming" role="group" aria-label={name}>
      <p className="sr" role="alert">
        {t("incoming.announce", { name })}
      </p>
      <div className="row">
        <span className="state st-ringing">
          <Icon name="bell" className="pulse" />
          {stoppedAt !== undefined
            ? t("states.was", { state: t("states.ringing") })
            : from
              ? t("incoming.transfer", { name: from })
              : t("incoming.for")}
        </span>
        <span className="end num mid">
          <Elapsed since={incoming.offeredAt} stoppedAt={stoppedAt} />
        </span>
      </div>
      <div>
        <div className="who">{name}</div>
        {call && (
          <div className="quiet mt-0.5">
            {phone(call.direction === "outbound" ? call.to_number : call.from_number)} ·{" "}
            {names.queue(call.queue_id) ?? t("incoming.direct")}
          </div>
        )}
      </div>
      <RingBar incoming={incoming} queueId={call?.queue_id ?? null} />
      <div className="btns">
        <button type="button" className="btn lg answer" onClick={answer} disabled={isConnecting || isBusy}>
          <Icon name="phone" size="m" />
          {t(isConnecting ? "incoming.connecting" : isBusy ? "incoming.busy" : "incoming.answer")}
        </button>
        <button type="button" className="btn lg" onClick={decline} disabled={isConnecting}>
          {t("incoming.decline")}
        </button>
      </div>
    </div>
  );
}

/** Answers once: until the leg is there, 10 s at most, the button says so. */
function useAnswer(callId: string) {
  const commands = useCommands();
  const [isConnecting, setConnecting] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const answer = async () => {
    setConnecting(true);
    timer.current = setTimeout(() => setConnecting(false), CONNECT_MS);
    if (!(await commands.answer(callId))) {
      setConnecting(false);
    }
  };
  return { answer: () => void answer(), decline: () => void commands.verb(callId, "decline"), isConnecting };
}

function RingBar({ incoming, queueId }: { readonly incoming: IncomingCall; readonly queueId: string | null }) {
  const ring = useQueues().data.find(({ id }) => id === queueId)?.ring_s ?? RING_S;
  const left = Math.max(0, 1 - secondsSince(incoming.offeredAt, useNow()) / ring);
  return (
    <div className="bar st-ringing" aria-hidden="true">
      <i style={{ width: `${left * 100}%` }} />
    </div>
  );
}
