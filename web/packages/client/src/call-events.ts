import type { Change, Row } from "./transport.ts";

/** Document 004's events of calls, made of the old and the new row (FEATURES F004-12). */
export type CallEvent =
  | {
      readonly name: "call-changed";
      readonly eventType: Change["kind"];
      readonly callId: string;
      readonly call: Row;
      readonly previous: Row;
    }
  | { readonly name: "call-created"; readonly callId: string; readonly call: Row }
  | { readonly name: "call-deleted"; readonly callId: string; readonly previous: Row }
  | {
      readonly name: "call-status-changed";
      readonly callId: string;
      readonly oldStatus: string;
      readonly newStatus: string;
      readonly call: Row;
      readonly previous: Row;
    }
  | {
      readonly name: "call-transcription-updated";
      readonly callId: string;
      readonly transcription: string;
      readonly call: Row;
    }
  | {
      readonly name: "call-score-updated";
      readonly callId: string;
      readonly score: number | null;
      readonly previous: number | null;
      readonly scorecard: unknown;
      readonly call: Row;
    }
  | {
      readonly name: "call-analysis-completed";
      readonly callId: string;
      readonly insights: unknown;
      readonly call: Row;
    };

export type CallEventName = CallEvent["name"];
export type CallEventOf<N extends CallEventName> = Extract<CallEvent, { readonly name: N }>;

/** The events of one change of `calls`; each once, and only for what really differs. */
export function callEvents({ kind, new: call, old: previous }: Change): readonly CallEvent[] {
  if (kind === "DELETE") {
    const callId = String(previous.id);
    return [
      { name: "call-deleted", callId, previous },
      { name: "call-changed", eventType: kind, callId, call, previous },
    ];
  }
  const callId = String(call.id);
  const changed: CallEvent = { name: "call-changed", eventType: kind, callId, call, previous };
  if (kind === "INSERT") {
    return [{ name: "call-created", callId, call }, changed];
  }
  return [changed, ...differences(callId, call, previous)];
}

/** A former value that was not sent (another replica identity) is no difference. */
function differences(callId: string, call: Row, previous: Row): CallEvent[] {
  const differs = (column: string) =>
    column in previous && JSON.stringify(previous[column]) !== JSON.stringify(call[column]);
  const events: CallEvent[] = [];
  if (differs("status")) {
    const [oldStatus, newStatus] = [String(previous.status), String(call.status)];
    events.push({ name: "call-status-changed", callId, oldStatus, newStatus, call, previous });
  }
  if (differs("transcription") && typeof call.transcription === "string") {
    events.push({ name: "call-transcription-updated", callId, transcription: call.transcription, call });
  }
  if (differs("score") || differs("scorecard")) {
    const score = numberOrNull(call.score);
    const { scorecard } = call;
    events.push({ name: "call-score-updated", callId, score, previous: numberOrNull(previous.score), scorecard, call });
  }
  if (differs("ai_status") && isAnalyzed(call) && !isAnalyzed(previous)) {
    events.push({ name: "call-analysis-completed", callId, insights: call.insights, call });
  }
  return events;
}

/** `completed` means the same (FEATURES F004-35). */
const isAnalyzed = ({ ai_status }: Row): boolean => ai_status === "analyzed" || ai_status === "completed";

const numberOrNull = (value: unknown): number | null => (typeof value === "number" ? value : null);
