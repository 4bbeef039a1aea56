import { useEffect, useState } from "react";
import { useCallsList, useCallUpdates } from "./calls-hooks.ts";
import { Clock, ConnectionStatus } from "./connection-components.tsx";
import { type LiveResult, useLiveQuery } from "./live-query.ts";
import { useLiveClient } from "./provider.tsx";
import type { CallRow } from "./tables.ts";
import { type Texts, useTexts } from "./texts.ts";

export interface CallItemProps {
  readonly call: CallRow;
  /** Came since the list was last looked at. */
  readonly isNew?: boolean;
  readonly onSelect?: (call: CallRow) => void;
}

/** One call of a list: who, state, and its score once there is one (FEATURES F004-16, F004-18). */
export function CallItem({ call, isNew = false, onSelect }: CallItemProps) {
  const texts = useTexts();
  const name = call.company_name ?? call.from_number;
  const score = scoreText(call, texts);
  return (
    <li data-new={isNew} data-state={call.state} data-status={call.status}>
      {onSelect ? (
        <button type="button" onClick={() => onSelect(call)}>
          {name}
        </button>
      ) : (
        <span>{name}</span>
      )}{" "}
      <span>{call.status}</span> <span>{call.agent_name}</span>{" "}
      <span className={call.score === null ? "score-pending" : "has-score"}>{score}</span>{" "}
      <Clock at={call.started_at} />
    </li>
  );
}

function scoreText(call: CallRow, texts: Texts): string {
  if (call.score !== null) {
    return `${texts.score} ${call.score}`;
  }
  return call.ai_status === "pending" || call.ai_status === "processing" ? texts.analyzing : texts.noScore;
}

export interface CallsProps {
  readonly organizationId: string | null | undefined;
  readonly onSelect?: (call: CallRow) => void;
  readonly className?: string;
}

/** The calls that are under way, with what the connection is worth: state, age, a button that works without a socket. */
export function RealtimeCallBoard({ organizationId, onSelect, className }: CallsProps) {
  const calls = useLiveQuery<CallRow>(
    (sb) =>
      organizationId
        ? sb
            .from("calls_enriched")
            .select("*")
            .eq("organization_id", organizationId)
            .is("ended_at", null)
            .order("started_at")
            .order("id")
        : null,
    [organizationId],
  );
  return <CallSection calls={calls} onSelect={onSelect} className={className} fresh={NONE} />;
}

/** The newest calls, and a line that says how many came since (FEATURES F004-16). */
export function RealtimeCallsList({ organizationId, onSelect, className }: CallsProps) {
  const list = useCallsList(organizationId);
  const texts = useTexts();
  const { newCallsCount } = list;
  return (
    <CallSection calls={list} onSelect={onSelect} className={className} fresh={list.newCallIds}>
      {newCallsCount > 0 && (
        <p role="status">
          {newCallsCount === 1 ? texts.newCall : texts.newCalls.replace("{count}", String(newCallsCount))}{" "}
          <button type="button" onClick={list.markAsRead}>
            {texts.show}
          </button>
        </p>
      )}
    </CallSection>
  );
}

/** Calls that are over, the last first; asked again when the window is looked at after 10 s (FEATURES F000-28). */
export function CallHistory({ organizationId, onSelect, className }: CallsProps) {
  const list = useCallsList(organizationId, { ended: true });
  const { refetch, lastSyncedAt } = list;
  const { platform } = useLiveClient();
  useEffect(() => {
    const look = () => {
      if (lastSyncedAt !== undefined && platform.now() - lastSyncedAt > STALE_MS) {
        void refetch();
      }
    };
    globalThis.addEventListener?.("focus", look);
    return () => globalThis.removeEventListener?.("focus", look);
  }, [refetch, lastSyncedAt, platform]);
  return <CallSection calls={list} onSelect={onSelect} className={className} fresh={NONE} />;
}

const STALE_MS = 10_000;
const NONE: ReadonlySet<string> = new Set();

interface CallSectionProps {
  readonly calls: LiveResult<readonly CallRow[]>;
  readonly onSelect: ((call: CallRow) => void) | undefined;
  readonly className: string | undefined;
  readonly fresh: ReadonlySet<string>;
  readonly children?: React.ReactNode;
}

function CallSection({ calls, onSelect, className, fresh, children }: CallSectionProps) {
  const texts = useTexts();
  return (
    <section className={className} aria-label={texts.calls} data-live={calls.isLive}>
      <p>
        <ConnectionStatus
          status={
            calls.isLive ? "connected" : calls.connectionStatus === "connected" ? "connecting" : calls.connectionStatus
          }
        />{" "}
        {texts.lastUpdate}: <Clock at={calls.lastSyncedAt} />{" "}
        <button type="button" disabled={calls.isFetching} onClick={() => void calls.refetch()}>
          {texts.refresh}
        </button>
      </p>
      {calls.status === "error" && (
        <p role="alert">
          {texts.failed}: {calls.error?.message}
        </p>
      )}
      {children}
      {calls.status === "success" && calls.data.length === 0 && <p>{texts.noCalls}</p>}
      <ul>
        {calls.data.map((call) => (
          <CallItem key={call.id} call={call} isNew={fresh.has(call.id)} {...(onSelect ? { onSelect } : {})} />
        ))}
      </ul>
    </section>
  );
}

interface SegmentRow {
  readonly id: string;
  readonly [column: string]: unknown;
  readonly track: string;
  readonly seq: number;
  readonly text: string;
  readonly final: boolean;
}

export interface RealtimeCallDetailsProps {
  readonly callId: string;
  readonly className?: string;
}

/** How long a transcription that just grew shows that it does (FEATURES F004-18). */
const GROWING_MS = 2_000;

/** One call with its transcription as it grows; a partial piece gives way to the final one (FEATURES F004-03). */
export function RealtimeCallDetails({ callId, className }: RealtimeCallDetailsProps) {
  const { call, status, lastUpdate } = useCallUpdates(callId);
  const texts = useTexts();
  const { segments, isGrowing } = useTranscription(callId);
  if (!call) {
    return (
      <section className={className}>{status === "success" ? <p>{texts.notFound}</p> : <p>{texts.loading}</p>}</section>
    );
  }
  return (
    <section className={className} aria-label={call.company_name ?? call.from_number}>
      <ul>
        <CallItem call={call} />
      </ul>
      <p>
        {texts.lastUpdate}: <Clock at={lastUpdate?.getTime()} />
      </p>
      {segments.length === 0 && <p>{texts.awaitingTranscription}</p>}
      <ol role="log" data-growing={isGrowing}>
        {segments.map((segment) => (
          <li key={segment.id} data-track={segment.track} data-final={segment.final}>
            {segment.text}
          </li>
        ))}
      </ol>
    </section>
  );
}

function useTranscription(callId: string) {
  const [grewAt, setGrewAt] = useState(0);
  const { data } = useLiveQuery<SegmentRow>(
    (sb) => sb.from("transcript_segments").select("*").eq("call_id", callId).order("start_ms").order("seq"),
    [callId],
    { stable: CALL, onChange: () => setGrewAt(Date.now()) },
  );
  useEffect(() => {
    if (grewAt > 0) {
      const timer = setTimeout(() => setGrewAt(0), GROWING_MS);
      return () => clearTimeout(timer);
    }
  }, [grewAt]);
  return { segments: data, isGrowing: grewAt > 0 };
}

const CALL: readonly string[] = ["call_id"];
