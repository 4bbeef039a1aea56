import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useCallSegments, useOwnCalls, useTranscript } from "../../data/floor.ts";
import { type LiveCall, otherEnd, type Segment } from "../../data/rows.ts";
import { useSession } from "../../data/session.tsx";
import { speakerAt } from "../../data/talk.ts";
import { callerName, phone, useNames } from "../../floor/names.ts";
import { duration, timeOfDay } from "../../ui/clock.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Panel } from "../../ui/panel.tsx";

/** What is said, as it is understood; the newest in sight unless somebody scrolls back. */
export function TranscriptPanel({ callId }: { readonly callId: string | undefined }) {
  const { t } = useTranslation();
  const transcript = useTranscript(callId);
  const lines = callId ? transcript.data : [];
  const segments = useCallSegments(callId).data;
  const list = useRef<HTMLOListElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    if (lines.length > 0 && isAtEnd.current) {
      list.current?.scrollTo({ top: list.current.scrollHeight });
    }
  }, [lines]);
  return (
    <Panel
      title={t("agent.transcript")}
      className="tr"
      {...(callId ? { source: transcript } : {})}
      empty={{
        when: lines.length === 0,
        icon: "info",
        title: t("agent.noTranscript"),
        text: t("agent.noTranscriptText"),
      }}
    >
      <ol
        ref={list}
        className="body lines"
        role="log"
        tabIndex={0}
        aria-label={t("agent.transcript")}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < 40;
        }}
      >
        {lines.map((line) => (
          <Line key={line.id} line={line} speaker={speakerAt(segments, Date.parse(line.created_at))} />
        ))}
      </ol>
    </Panel>
  );
}

/** @param speaker the agent who had the customer then, where that is known */
function Line({ line, speaker }: { readonly line: Segment; readonly speaker: string | undefined }) {
  const { t } = useTranslation();
  const { userId } = useSession();
  const names = useNames();
  const agent = speaker === userId ? t("agent.youSaid") : (names.agent(speaker ?? null) ?? t("agent.colleagueSaid"));
  return (
    <li className={line.final ? "" : "part"}>
      <div className="row">
        <span className={line.track === "inbound" ? "mid quiet" : "mid"}>
          {line.track === "inbound" ? t("agent.caller") : agent}
        </span>
        {line.start_ms !== null && (
          <span className="faint" style={{ fontSize: 11 }}>
            {duration(Math.floor(line.start_ms / 1_000))}
          </span>
        )}
      </div>
      <p>
        {line.text}
        {!line.final && <span className="caret" aria-hidden="true" />}
      </p>
    </li>
  );
}

/** Whoever is on the line. */
export function CallerPanel({ call }: { readonly call: LiveCall | undefined }) {
  const { t } = useTranslation();
  const names = useNames();
  return (
    <Panel
      title={t("agent.customer")}
      className="ctx"
      empty={{ when: call === undefined, icon: "user", title: t("agent.idle") }}
    >
      {call && (
        <dl className="facts body">
          <Fact name={t("agent.caller")} value={callerName(call)} />
          <Fact name={t("agent.number")} value={phone(otherEnd(call))} />
          <Fact name={t("agent.queue")} value={names.queue(call.queue_id) ?? t("incoming.direct")} />
          <Fact
            name={t("agent.direction")}
            value={t(call.direction === "outbound" ? "agent.outbound" : "agent.inbound")}
          />
          <Fact name={t("agent.wait")} value={duration(Math.round(call.wait_s))} />
        </dl>
      )}
    </Panel>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div style={{ minWidth: 0 }}>
      <dt>{name}</dt>
      <dd className="cut" title={value}>
        {value}
      </dd>
    </div>
  );
}

const SHOWN = 6;

/** The agent's own last calls. */
export function RecentPanel() {
  const { t } = useTranslation();
  const calls = useOwnCalls(SHOWN);
  const own = calls.data;
  return (
    <Panel
      title={t("agent.recent")}
      className="recent"
      source={calls}
      empty={{ when: own.length === 0, icon: "list", title: t("agent.recentEmpty") }}
    >
      <ol className="body hist">
        {own.map((call) => (
          <li key={call.id}>
            <span className="faint">{timeOfDay(call.ended_at, "minute")}</span>
            <span className="grow cut">{call.company_name ?? phone(otherEnd(call))}</span>
            <span className="faint num">
              <Icon name="phone" size="xs" className="sr" />
              {duration(call.talk_s)}
            </span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
